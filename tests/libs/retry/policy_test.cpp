#include "retry/policy.h"

#include <gtest/gtest.h>

#include <array>

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
