#include "retry/limiter.h"

#include <gtest/gtest.h>

#include "support/fake_clock.h"

namespace retry {
namespace {

class LimiterTest : public ::testing::Test {
 protected:
  // What ten tokens, one each 100 ms, have to say to `tokens`: -1 for yes, else the wait in ms.
  std::int64_t take(double tokens = 1) {
    const auto taken = limiter_.take(tokens, clock_.now());
    return taken ? -1 : taken.wait.count();
  }

  support::FakeClock clock_;
  Limiter limiter_{{.per_second = 10, .burst = 10}};
};

TEST_F(LimiterTest, GivesItsBurstAtOnceAndThenOneTokenATime) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(take(), -1);
  EXPECT_EQ(take(), 100);
  clock_.advance(99);
  EXPECT_EQ(take(), 1);
  clock_.advance(1);
  EXPECT_EQ(take(), -1);
  EXPECT_EQ(take(), 100);
}

TEST_F(LimiterTest, TakesAllOrNothing) {
  EXPECT_EQ(take(7), -1);
  EXPECT_EQ(take(5), 200);
  EXPECT_EQ(take(3), -1);
  EXPECT_EQ(take(0), -1);
  EXPECT_DOUBLE_EQ(limiter_.available(clock_.now()), 0);
}

TEST_F(LimiterTest, NeverGivesMoreThanItsBurst) {
  const auto taken = limiter_.take(10.5, clock_.now());
  EXPECT_FALSE(taken);
  EXPECT_EQ(taken.wait, Limiter::kNever);
  EXPECT_EQ(take(10), -1);
}

TEST_F(LimiterTest, SavesNoMoreThanItsBurstHoweverLongItRests) {
  EXPECT_EQ(take(10), -1);
  EXPECT_FALSE(limiter_.full(clock_.now()));
  clock_.advance(1000);
  EXPECT_TRUE(limiter_.full(clock_.now()));
  clock_.advance(std::chrono::hours(100));
  EXPECT_DOUBLE_EQ(limiter_.available(clock_.now()), 10);
  EXPECT_EQ(take(10), -1);
  EXPECT_EQ(take(), 100);
}

TEST_F(LimiterTest, ARefusalCostsNothing) {
  EXPECT_EQ(take(10), -1);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(take(), 100);
  clock_.advance(100);
  EXPECT_EQ(take(), -1);
}

TEST_F(LimiterTest, WhoWaitsAsToldIsLetInEveryTimeAtTheExactRate) {
  Limiter hundred_a_minute{{.per_second = 100.0 / 60, .burst = 5}};
  const SteadyTime begun = clock_.now();
  int given = 0;
  while (clock_.now() < begun + std::chrono::minutes(60)) {
    const auto taken = hundred_a_minute.take(1, clock_.now());
    if (taken) {
      ++given;
    } else {
      clock_.advance(taken.wait);
    }
  }
  EXPECT_EQ(given, 5 + 60 * 100 - 1);  // the hour ends with the moment of the next
}

TEST_F(LimiterTest, GivesAWholeBurstAlsoAtRatesThatNoClockDivides) {
  for (const double rate : {3.0, 7.0, 13.0, 1.0 / 7, 97.0}) {
    Limiter limiter{{.per_second = rate, .burst = 97}};
    for (int i = 0; i < 97; ++i) EXPECT_TRUE(limiter.take(1, clock_.now())) << rate << " " << i;
    EXPECT_FALSE(limiter.take(1, clock_.now())) << rate;
  }
}

TEST_F(LimiterTest, TellsWholeSecondsForARetryAfterHeader) {
  EXPECT_EQ((Limiter::Taken{false, Milliseconds(1)}.retry_after_s()), 1);
  EXPECT_EQ((Limiter::Taken{false, Milliseconds(1000)}.retry_after_s()), 1);
  EXPECT_EQ((Limiter::Taken{false, Milliseconds(1001)}.retry_after_s()), 2);
}

TEST(KeyedLimiter, LimitsEachKeyByItself) {
  const support::FakeClock clock;
  KeyedLimiter limiter({.per_second = 1, .burst = 1});
  EXPECT_TRUE(limiter.take("anna", 1, clock.now()));
  EXPECT_FALSE(limiter.take("anna", 1, clock.now()));
  EXPECT_TRUE(limiter.take("bert", 1, clock.now()));
  EXPECT_EQ(limiter.keys(), 2U);
}

TEST(KeyedLimiter, ForgetsFullBucketsAndKeepsTheOthersWhenRoomIsNeeded) {
  support::FakeClock clock;
  KeyedLimiter limiter({.per_second = 1, .burst = 10}, 2);
  EXPECT_TRUE(limiter.take("rested", 1, clock.now()));
  EXPECT_TRUE(limiter.take("busy", 10, clock.now()));
  clock.advance(1000);
  EXPECT_TRUE(limiter.take("new", 1, clock.now()));
  EXPECT_EQ(limiter.keys(), 2U);
  EXPECT_TRUE(limiter.take("busy", 1, clock.now()));
  EXPECT_FALSE(limiter.take("busy", 1, clock.now()));
}

TEST(KeyedLimiter, LetsStrangersShareOneBucketWhenAllKeysAreInUse) {
  support::FakeClock clock;
  KeyedLimiter limiter({.per_second = 1, .burst = 2}, 3);
  for (const char* key : {"a", "b", "c"}) EXPECT_TRUE(limiter.take(key, 2, clock.now()));
  int given = 0;
  for (int i = 0; i < 1000; ++i) {
    if (limiter.take("stranger " + std::to_string(i), 1, clock.now())) ++given;
  }
  EXPECT_EQ(given, 2);
  EXPECT_EQ(limiter.keys(), 3U);
  EXPECT_FALSE(limiter.take("a", 1, clock.now()));
  clock.advance(2000);
  EXPECT_TRUE(limiter.take("stranger", 2, clock.now()));
  EXPECT_EQ(limiter.keys(), 1U);
}

}  // namespace
}  // namespace retry
