#include "coordinator/delays.h"

#include <gtest/gtest.h>

namespace coordinator {
namespace {

double average(std::size_t incoming, std::size_t outgoing, int bot_lines) {
  Random random(1);
  double sum = 0;
  for (int i = 0; i < 1000; ++i) {
    sum += static_cast<double>(delay_ms(incoming, outgoing, bot_lines, random, {}));
  }
  return sum / 1000;
}

TEST(Delays, TenWordsTakeAboutFourSecondsAndLaterOnesSix) {
  EXPECT_NEAR(average(55, 60, 1), 4000, 300);
  EXPECT_NEAR(average(55, 60, 2), 6000, 450);
}

TEST(Delays, StayBetweenOneAndAHalfAndEightSeconds) {
  Random random(2);
  for (std::size_t bytes : {0U, 1U, 100U, 4000U, 1'000'000U}) {
    const auto ms = delay_ms(bytes, bytes, 1, random, {});
    EXPECT_GE(ms, 1500);
    EXPECT_LE(ms, 8000);
  }
}

TEST(Delays, ALongerLineTakesLonger) { EXPECT_LT(average(20, 20, 1), average(100, 60, 1)); }

TEST(Delays, TheScaleShortensThem) {
  Random full(3);
  Random tenth(3);
  Random none(3);
  const auto ms = delay_ms(55, 60, 1, full, {});
  EXPECT_NEAR(static_cast<double>(delay_ms(55, 60, 1, tenth, {.scale = 0.1})),
              static_cast<double>(ms) / 10, 1);
  EXPECT_EQ(delay_ms(55, 60, 1, none, {.scale = 0}), 0);
}

// What the line's making took is taken off by the router; here the wait is whole.
TEST(Delays, TheScaleIsAppliedLastSoThatTheBoundsScaleToo) {
  Random random(5);
  for (int i = 0; i < 100; ++i) {
    const auto ms = delay_ms(1'000'000, 1'000'000, 2, random, {.scale = 0.01});
    EXPECT_GE(ms, 15);
    EXPECT_LE(ms, 80);
  }
}

TEST(Delays, JitterStaysWithinItsShare) {
  Random random(6);
  for (int i = 0; i < 1000; ++i) {
    const auto ms = delay_ms(55, 60, 1, random, {});
    EXPECT_GE(ms, 0.79 * 3900);
    EXPECT_LE(ms, 1.21 * 3900);
  }
}

TEST(Delays, TheSameSeedGivesTheSameDelay) {
  Random one(4);
  Random two(4);
  EXPECT_EQ(delay_ms(55, 60, 1, one, {}), delay_ms(55, 60, 1, two, {}));
}

}  // namespace
}  // namespace coordinator
