#include "retry/policy.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "support/fake_clock.h"

namespace retry {
namespace {

TEST(Policy, WaitsExactlyHalfASecondAndHalfAsMuchAgainBetweenServiceCalls) {
  Random random(1);
  constexpr std::array<std::int64_t, 8> kExpected{500, 750, 1125, 1687, 2531, 3796, 5000, 5000};
  for (std::size_t i = 0; i < kExpected.size(); ++i) {
    EXPECT_EQ(delay(kServiceCall, static_cast<int>(i) + 1, random).count(), kExpected.at(i));
  }
  EXPECT_EQ(kServiceCall.attempts_max, 3);
}

TEST(Policy, DoublesFromOneSecondToThirtyBetweenAttemptsOfATurn) {
  Policy policy = kDiscordMessage;
  policy.jitter = false;
  Random random(1);
  constexpr std::array<std::int64_t, 9> kExpected{1000,  2000,  4000,  8000, 16000,
                                                  30000, 30000, 30000, 30000};
  for (std::size_t i = 0; i < kExpected.size(); ++i) {
    EXPECT_EQ(delay(policy, static_cast<int>(i) + 1, random).count(), kExpected.at(i));
  }
  EXPECT_EQ(kDiscordMessage.attempts_max, 10);
}

TEST(Policy, DrawsJitterFromTheUpperHalfAndUsesAllOfIt) {
  Random random(5);
  for (int failures = 1; failures <= 10; ++failures) {
    const std::int64_t whole = std::min(1000LL << (failures - 1), 30000LL);
    std::int64_t least = whole;
    std::int64_t most = 0;
    for (int i = 0; i < 1000; ++i) {
      const std::int64_t drawn = delay(kDiscordMessage, failures, random).count();
      least = std::min(least, drawn);
      most = std::max(most, drawn);
    }
    EXPECT_GE(least, whole / 2);
    EXPECT_LT(least, whole * 6 / 10);
    EXPECT_LE(most, whole);
    EXPECT_GT(most, whole * 9 / 10);
  }
}

// Plays a call that always fails under a clock that only the waits move: when each try begins.
std::vector<std::int64_t> tries_of(const Policy& policy, Random& random) {
  support::FakeClock clock;
  const SteadyTime begun = clock.now();
  const SteadyTime deadline = begun + std::chrono::hours(1);
  std::vector<std::int64_t> tries;
  for (int failures = 1;; ++failures) {
    tries.push_back(std::chrono::duration_cast<Milliseconds>(clock.now() - begun).count());
    const Milliseconds wait = delay(policy, failures, random);
    if (!may_retry(policy, failures, clock.now(), wait, deadline)) return tries;
    clock.advance(wait);
  }
}

TEST(Policy, TriesAServiceThreeTimesInOneAndAQuarterSeconds) {
  Random random(1);
  EXPECT_EQ(tries_of(kServiceCall, random), (std::vector<std::int64_t>{0, 500, 1250}));
}

TEST(Policy, TriesATurnTenTimesAndEachDrawIsTheSeeds) {
  // Without jitter: 1, 2, 4, 8, 16 and four times 30 seconds.
  Policy even = kDiscordMessage;
  even.jitter = false;
  Random random(1);
  EXPECT_EQ(tries_of(even, random), (std::vector<std::int64_t>{0, 1000, 3000, 7000, 15000, 31000,
                                                               61000, 91000, 121000, 151000}));
  Random first(7);
  Random same(7);
  Random other(8);
  const auto tries = tries_of(kDiscordMessage, first);
  EXPECT_EQ(tries.size(), 10U);
  EXPECT_EQ(tries, tries_of(kDiscordMessage, same));
  EXPECT_NE(tries, tries_of(kDiscordMessage, other));
  EXPECT_GE(tries.back(), 151000 / 2);
  EXPECT_LE(tries.back(), 151000);
}

TEST(Policy, TakesNoFailureForTheFirstAndAnyNumberForTheCap) {
  Random random(1);
  EXPECT_EQ(delay(kServiceCall, 0, random).count(), 500);
  EXPECT_EQ(delay(kServiceCall, 1'000'000, random).count(), 5000);
}

TEST(Policy, TriesAgainOnlyWhileAttemptsAndTimeAreLeft) {
  const support::FakeClock clock;
  const SteadyTime now = clock.now();
  const Milliseconds wait(500);
  EXPECT_TRUE(may_retry(kServiceCall, 1, now, wait, now + Milliseconds(501)));
  EXPECT_FALSE(may_retry(kServiceCall, 1, now, wait, now + Milliseconds(500)));
  EXPECT_TRUE(may_retry(kServiceCall, 2, now, wait, now + Milliseconds(501)));
  EXPECT_FALSE(may_retry(kServiceCall, 3, now, wait, now + Milliseconds(501)));
}

TEST(Policy, NeverHasNegativeTimeLeft) {
  const support::FakeClock clock;
  const SteadyTime now = clock.now();
  EXPECT_EQ(remaining(now, now + Milliseconds(5)).count(), 5);
  EXPECT_EQ(remaining(now, now).count(), 0);
  EXPECT_EQ(remaining(now, now - Milliseconds(5)).count(), 0);
}

TEST(Budget, SpendsItsReserveAndThenWhatItsCallsEarn) {
  Budget budget(0.25, 2);
  EXPECT_TRUE(budget.spend());
  EXPECT_TRUE(budget.spend());
  EXPECT_FALSE(budget.spend());
  for (int i = 0; i < 3; ++i) budget.earn();
  EXPECT_FALSE(budget.spend());
  budget.earn();
  EXPECT_TRUE(budget.spend());
  EXPECT_FALSE(budget.spend());
}

TEST(Budget, SavesNoMoreThanTenReserves) {
  Budget budget(0.5, 1);
  for (int i = 0; i < 1000; ++i) budget.earn();
  int spent = 0;
  while (budget.spend()) ++spent;
  EXPECT_EQ(spent, 10);
}

}  // namespace
}  // namespace retry
