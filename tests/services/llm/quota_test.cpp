#include "llm/quota.h"

#include <gtest/gtest.h>

#include <list>
#include <random>
#include <vector>

#include "services/llm/fake_lender.h"
#include "support/fake_clock.h"

namespace llm {
namespace {

using Kind = Quota::Answer::Kind;
using support::FakeClock;
using testing::FakeRedis;

constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kHourMs = 3'600'000;
constexpr Rule kThousandADay{Unit::Tokens, Window::Day, 1000};
constexpr Rule kSixtyAMinute{Unit::Requests, Window::Minute, 60};

bool reserved(Quota& quota, std::int64_t amount, const FakeClock& clock) {
  const Moment now = moment(clock);
  if (quota.check(amount, now, Sharing::Here).kind != Kind::Yes) return false;
  quota.reserve(amount, now);
  return true;
}

TEST(Span, OfADayAndOfAMonthEndsWhereTheNextBeginsInUtc) {
  constexpr std::int64_t kLeapDay = 1'709'208'000'000;  // 2024-02-29 12:00
  EXPECT_EQ(span_of(Window::Day, kLeapDay).begin_ms, 1'709'164'800'000);
  EXPECT_EQ(span_of(Window::Day, kLeapDay).end_ms, 1'709'251'200'000);
  EXPECT_EQ(span_of(Window::Month, kLeapDay).begin_ms, 1'706'745'600'000);
  EXPECT_EQ(span_of(Window::Month, kLeapDay).end_ms, 1'709'251'200'000);
  EXPECT_EQ(span_of(Window::Month, 1'709'251'200'000).begin_ms, 1'709'251'200'000);
}

TEST(Nanos, RoundUpAndStayInBounds) {
  EXPECT_EQ(to_nanos(0), 0);
  EXPECT_EQ(to_nanos(-1), 0);
  EXPECT_EQ(to_nanos(std::nan("")), 0);
  EXPECT_EQ(to_nanos(1.5), 1'500'000'000);
  EXPECT_EQ(to_nanos(1e-12), 1);
  EXPECT_EQ(to_nanos(1e300), 1'000'000'000'000'000'000);
}

TEST(Rule, IsSaidInWords) {
  EXPECT_EQ(kSixtyAMinute.text(), "60 requests a minute");
  EXPECT_EQ((Rule{Unit::Tokens, Window::Hour, 5}).text(), "5 tokens an hour");
  EXPECT_EQ((Rule{Unit::Cost, Window::Month, 2'500'000'000}).text(), "a cost of 2.5 a month");
}

TEST(Quota, OfADayHoldsToTheTokenAndBeginsAnewAtMidnight) {
  FakeClock clock(20'000 * kDayMs + 23 * kHourMs);
  Quota quota(kThousandADay, "a", "here", 1);
  EXPECT_TRUE(reserved(quota, 600, clock));
  EXPECT_FALSE(reserved(quota, 401, clock));
  EXPECT_TRUE(reserved(quota, 400, clock));
  const auto refused = quota.check(1, moment(clock), Sharing::Here);
  EXPECT_EQ(refused.kind, Kind::No);
  EXPECT_EQ(refused.wait, Milliseconds(kHourMs));
  quota.settle(600, 100, moment(clock));
  EXPECT_TRUE(reserved(quota, 500, clock));
  EXPECT_FALSE(reserved(quota, 1, clock));
  clock.advance(kHourMs);
  // What is still under way counts in the day in which it ends.
  EXPECT_FALSE(reserved(quota, 101, clock));
  EXPECT_TRUE(reserved(quota, 100, clock));
}

TEST(Quota, BeginsWithWhatTheBooksSayAndCountsMoreThanWasReservedToo) {
  FakeClock clock;
  Quota quota(kThousandADay, "a", "here", 1);
  quota.begin_with(990, moment(clock));
  EXPECT_FALSE(reserved(quota, 11, clock));
  EXPECT_TRUE(reserved(quota, 10, clock));
  quota.settle(10, 500, moment(clock));
  EXPECT_EQ(quota.used(), 1490);
  EXPECT_FALSE(reserved(quota, 0, clock));
  quota.set_amount(2000, moment(clock));
  EXPECT_TRUE(reserved(quota, 510, clock));
  EXPECT_FALSE(reserved(quota, std::numeric_limits<std::int64_t>::max(), clock));
}

TEST(Quota, OfAMinuteRefillsAndTakesBackWhatWasNotUsed) {
  FakeClock clock;
  Quota quota(kSixtyAMinute, "a", "here", 1);
  for (int i = 0; i < 60; ++i) EXPECT_TRUE(reserved(quota, 1, clock));
  const auto refused = quota.check(1, moment(clock), Sharing::Here);
  EXPECT_EQ(refused.kind, Kind::No);
  EXPECT_EQ(refused.wait, Milliseconds(1000));
  clock.advance(1000);
  EXPECT_TRUE(reserved(quota, 1, clock));
  EXPECT_FALSE(reserved(quota, 1, clock));
  quota.settle(20, 5, moment(clock));
  EXPECT_TRUE(reserved(quota, 15, clock));
  EXPECT_FALSE(reserved(quota, 1, clock));
  // More than the bucket ever holds: there is no use in waiting less than until it is full.
  EXPECT_EQ(quota.check(61, moment(clock), Sharing::Here).wait, Milliseconds(60'000));
}

// Against the plainest of all accounts: a list of what is out and a sum of what was used.
TEST(Quota, IsNeverPassedAndNeverRefusesWhatIsLeftHoweverRequestsInterleave) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    const auto draw = [&](std::int64_t most) {
      return std::uniform_int_distribution<std::int64_t>(0, most)(random);
    };
    FakeClock clock(20'000 * kDayMs);
    Quota quota(kThousandADay, "a", "here", 1);
    std::vector<std::int64_t> out;
    std::int64_t held = 0;
    std::int64_t used = 0;
    std::int64_t day = 20'000;
    for (int step = 0; step < 2000; ++step) {
      if (draw(99) == 0) clock.advance(draw(kDayMs));
      if (clock.wall_ms() / kDayMs != day) used = 0;
      day = clock.wall_ms() / kDayMs;
      if (out.empty() || draw(1) == 0) {
        const std::int64_t amount = draw(300);
        ASSERT_EQ(reserved(quota, amount, clock), used + held + amount <= 1000) << seed;
        if (used + held + amount > 1000) continue;
        out.push_back(amount);
        held += amount;
      } else {
        const auto at = static_cast<std::size_t>(draw(static_cast<std::int64_t>(out.size()) - 1));
        const std::int64_t spent = draw(2) == 0 ? 0 : draw(out[at]);  // abandoned, or settled
        quota.settle(out[at], spent, moment(clock));
        held -= out[at];
        used += spent;
        out.erase(out.begin() + static_cast<std::ptrdiff_t>(at));
      }
      ASSERT_LE(quota.used(), 1000);
      ASSERT_EQ(quota.used(), used);
      ASSERT_EQ(quota.reserved(), held);
    }
  }
}

// --- shared -------------------------------------------------------------------------------------

// Asks, and borrows as often as it is told to.
bool borrowed(Quota& quota, std::int64_t amount, FakeRedis& redis, const FakeClock& clock) {
  const Moment now = moment(clock);
  for (int round = 0; round < 5; ++round) {
    const auto answer = quota.check(amount, now, Sharing::Shared);
    if (answer.kind == Kind::Yes) return quota.reserve(amount, now), true;
    if (answer.kind == Kind::No) return false;
    if (const auto loan = quota.borrow(now)) quota.lent(redis.lend(*loan), now);
  }
  ADD_FAILURE() << "it borrows for ever";
  return false;
}

TEST(SharedQuota, OfOneRequestALoanIsUsedUpToTheLastUnitByAllTogether) {
  FakeClock clock;
  FakeRedis redis(clock);
  for (const Rule& rule : {kThousandADay, kSixtyAMinute}) {
    std::list<Quota> quotas;
    for (const char* const holder : {"one", "two", "three"})
      quotas.emplace_back(rule, "a", holder, 1);
    std::int64_t total = 0;
    for (int i = 0; i < 1000; ++i) {
      for (Quota& quota : quotas) total += borrowed(quota, 1, redis, clock) ? 1 : 0;
    }
    EXPECT_EQ(total, rule.amount);
  }
}

TEST(SharedQuota, BorrowsForSeveralRequestsAtOnceAndBringsBackWhatIsIdle) {
  FakeClock clock;
  FakeRedis redis(clock);
  Quota one(kThousandADay, "a", "one", 10);
  Quota two(kThousandADay, "a", "two", 10);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(borrowed(one, 5, redis, clock));
  EXPECT_EQ(redis.loans, 1);
  EXPECT_TRUE(borrowed(one, 5, redis, clock));
  EXPECT_EQ(one.spare(), 45);
  EXPECT_TRUE(borrowed(two, 900, redis, clock));
  EXPECT_FALSE(borrowed(two, 45, redis, clock));  // the other one holds it
  EXPECT_FALSE(one.give_back(Quota::Keep::Some, moment(clock)).has_value());
  redis.lend(*one.give_back(Quota::Keep::Nothing, moment(clock)));
  clock.advance(100);
  EXPECT_TRUE(borrowed(two, 45, redis, clock));
  EXPECT_EQ(redis.held("a:19675"), 1000);
}

TEST(SharedQuota, LeavesSomethingOfASmallLimitToTheOthers) {
  FakeClock clock;
  FakeRedis redis(clock);
  Quota one(kSixtyAMinute, "a", "one", 1000);
  Quota two(kSixtyAMinute, "a", "two", 1000);
  EXPECT_TRUE(borrowed(one, 1, redis, clock));
  EXPECT_EQ(one.spare(), 6);
  EXPECT_TRUE(borrowed(two, 1, redis, clock));
  // A rate brings back too.
  redis.lend(*one.give_back(Quota::Keep::Nothing, moment(clock)));
  for (int i = 0; i < 58; ++i) EXPECT_TRUE(borrowed(two, 1, redis, clock)) << i;
  EXPECT_FALSE(borrowed(two, 1, redis, clock));
  EXPECT_EQ(two.check(1, moment(clock), Sharing::Shared).wait, Milliseconds(1000));
}

TEST(SharedQuota, AsksOnceForAllWhoWaitAndNotAgainAtOnceForWhatIsNotThere) {
  FakeClock clock;
  FakeRedis redis(clock);
  Quota other(kThousandADay, "a", "other", 1);
  ASSERT_TRUE(borrowed(other, 700, redis, clock));
  Quota quota(kThousandADay, "a", "here", 1);
  const Moment now = moment(clock);
  EXPECT_EQ(quota.check(100, now, Sharing::Shared).kind, Kind::Borrow);
  const auto loan = quota.borrow(now);
  ASSERT_TRUE(loan.has_value());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(quota.check(100, now, Sharing::Shared).kind, Kind::Borrow);
    EXPECT_FALSE(quota.borrow(now).has_value());
  }
  quota.lent(redis.lend(*loan), now);
  quota.reserve(100, now);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(quota.check(100, now, Sharing::Shared).kind, Kind::Borrow);
  }
  const auto rest = quota.borrow(now);
  ASSERT_TRUE(rest.has_value());
  EXPECT_EQ(rest->want, 300);
  quota.lent(redis.lend(*rest), now);  // of which 200 are there
  EXPECT_EQ(quota.spare(), 200);
  EXPECT_FALSE(borrowed(quota, 201, redis, clock));
  const int loans = redis.loans;
  const auto refused = quota.check(201, now, Sharing::Shared);
  EXPECT_EQ(refused.kind, Kind::No);
  EXPECT_EQ(refused.wait,
            Milliseconds(span_of(Window::Day, clock.wall_ms()).end_ms - clock.wall_ms()));
  EXPECT_EQ(redis.loans, loans);
  EXPECT_TRUE(borrowed(quota, 200, redis, clock));
}

TEST(SharedQuota, HoldsHereWhileRedisIsAwayAndTellsItAfterwards) {
  FakeClock clock;
  FakeRedis redis(clock);
  Quota quota(kThousandADay, "a", "here", 10);
  EXPECT_TRUE(borrowed(quota, 10, redis, clock));
  EXPECT_TRUE(reserved(quota, 590, clock));
  EXPECT_FALSE(reserved(quota, 401, clock));
  quota.settle(590, 500, moment(clock));
  redis.forget();  // it has come back empty
  EXPECT_TRUE(borrowed(quota, 20, redis, clock));
  EXPECT_GE(redis.held("a:19675"), 530);
  Quota other(kThousandADay, "a", "other", 1);
  EXPECT_FALSE(borrowed(other, 471, redis, clock));
}

TEST(SharedQuota, TellsRedisWhatIsInUseAlsoWhenItGetsNothingMore) {
  FakeClock clock;
  FakeRedis redis(clock);
  Quota quota(kThousandADay, "a", "here", 1);
  EXPECT_TRUE(reserved(quota, 400, clock));
  Quota other(kThousandADay, "a", "other", 1);
  EXPECT_TRUE(borrowed(other, 500, redis, clock));
  EXPECT_FALSE(borrowed(quota, 101, redis, clock));
  EXPECT_FALSE(borrowed(other, 101, redis, clock));
  EXPECT_TRUE(borrowed(other, 100, redis, clock));
}

TEST(SharedQuota, LosesNothingToAnAnswerThatWasLostOrToACrash) {
  FakeClock clock;
  FakeRedis redis(clock);
  const Moment now = moment(clock);
  {
    Quota quota(kThousandADay, "a", "here", 10);
    EXPECT_EQ(quota.check(100, now, Sharing::Shared).kind, Kind::Borrow);
    redis.lend(*quota.borrow(now));
    quota.lent(std::nullopt, now);
    EXPECT_EQ(quota.check(1, now, Sharing::Shared).kind, Kind::No);  // not at once again
    clock.advance(100);
    EXPECT_TRUE(borrowed(quota, 100, redis, clock));
    EXPECT_EQ(redis.held("a:19675"), 125);
  }
  // The next life of the same instance, whose books know of 60.
  Quota quota(kThousandADay, "a", "here", 1);
  quota.begin_with(60, moment(clock));
  EXPECT_TRUE(borrowed(quota, 940, redis, clock));
  EXPECT_FALSE(borrowed(quota, 1, redis, clock));
}

TEST(SharedQuota, TakesNoShareOfADayThatIsOver) {
  FakeClock clock(20'000 * kDayMs + 23 * kHourMs);
  FakeRedis redis(clock);
  Quota quota(kThousandADay, "a", "here", 10);
  EXPECT_EQ(quota.check(100, moment(clock), Sharing::Shared).kind, Kind::Borrow);
  const auto loan = quota.borrow(moment(clock));
  const Lent lent = redis.lend(*loan);
  clock.advance(kHourMs);
  quota.lent(lent, moment(clock));
  EXPECT_EQ(quota.spare(), 0);
  EXPECT_TRUE(borrowed(quota, 1000, redis, clock));
}

// Instances that borrow, spend, lose answers and bring back: never more in all than the limit.
TEST(SharedQuota, IsNeverPassedByAllTogetherHoweverRequestsInterleave) {
  struct Instance {
    Quota quota;
    std::vector<std::int64_t> out{};
    std::optional<Loan> asked{};
  };
  for (unsigned seed = 0; seed < 40; ++seed) {
    std::mt19937 random(seed);
    const auto draw = [&](std::int64_t most) {
      return std::uniform_int_distribution<std::int64_t>(0, most)(random);
    };
    FakeClock clock(20'000 * kDayMs);
    FakeRedis redis(clock);
    std::list<Instance> instances;
    for (const char* const holder : {"one", "two", "three", "four"}) {
      instances.push_back({Quota(kThousandADay, "a", holder, seed % 2 == 0 ? 1 : 8)});
    }
    for (int step = 0; step < 3000; ++step) {
      Instance& at = *std::next(instances.begin(), draw(3));
      clock.advance(draw(20));
      const Moment now = moment(clock);
      const std::int64_t amount = draw(100);
      if (at.asked && draw(1) == 0) {
        const Lent lent = redis.lend(*at.asked);
        at.quota.lent(draw(9) == 0 ? std::nullopt : std::optional(lent), now);
        at.asked.reset();
      } else if (!at.out.empty() && draw(2) == 0) {
        at.quota.settle(at.out.back(), draw(at.out.back()), now);
        at.out.pop_back();
      } else if (draw(19) == 0) {
        if (const auto loan = at.quota.give_back(Quota::Keep::Some, now)) redis.lend(*loan);
      } else if (at.quota.check(amount, now, Sharing::Shared).kind == Kind::Yes) {
        at.quota.reserve(amount, now);
        at.out.push_back(amount);
      } else if (auto loan = at.quota.borrow(now)) {
        at.asked = std::move(loan);
      }
      std::int64_t total = 0;
      for (const Instance& one : instances) total += one.quota.used() + one.quota.reserved();
      ASSERT_LE(total, 1000) << seed << " " << step;
    }
  }
}

}  // namespace
}  // namespace llm
