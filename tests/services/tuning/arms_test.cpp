#include "tuning/arms.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace tuning {
namespace {

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

TEST(Arms, EqualBeliefsShareTheChanceOfBeingBest) {
  for (const double chance : chances_of_best({{3, 2}, {3, 2}, {3, 2}, {3, 2}})) {
    EXPECT_NEAR(chance, 0.25, 1e-9);
  }
}

TEST(Arms, TheChanceOfTwoIsThatOfTheClosedForm) {
  // P(Beta(2, 1) > Beta(1, 1)) is the mean of Beta(2, 1).
  EXPECT_NEAR(chances_of_best({{2, 1}, {1, 1}})[0], 2.0 / 3, 1e-3);
}

TEST(Arms, TheChancesAreTheSharesOfManyDraws) {
  const std::vector<Beta> arms{{8, 4}, {30, 20}, {2, 3}};
  const auto chances = chances_of_best(arms);
  std::vector<double> won(arms.size(), 0);
  Random random(7);
  constexpr int kDraws = 40'000;
  for (int i = 0; i < kDraws; ++i) {
    std::size_t best = 0;
    double top = -1;
    for (std::size_t arm = 0; arm < arms.size(); ++arm) {
      const double rate = draw(arms[arm], random);
      if (rate > top) best = arm;
      top = std::max(top, rate);
    }
    won[best] += 1.0 / kDraws;
  }
  for (std::size_t arm = 0; arm < arms.size(); ++arm) EXPECT_NEAR(won[arm], chances[arm], 0.01);
}

TEST(Arms, ADrawHasTheMeanOfItsBeliefAlsoBelowOne) {
  Random random(3);
  for (const Beta belief : {Beta{0.5, 0.5}, Beta{1, 3}, Beta{40, 10}}) {
    double mean = 0;
    for (int i = 0; i < 20'000; ++i) mean += draw(belief, random) / 20'000;
    EXPECT_NEAR(mean, belief.wins / (belief.wins + belief.losses), 0.01);
  }
}

TEST(Arms, WeightsSumToOneAndKeepTheFloor) {
  const auto weights = weights_of({{10, 100}, {90, 100}, {12, 100}}, {.floor = 0.02});
  EXPECT_NEAR(sum(weights), 1, 1e-9);
  EXPECT_NEAR(weights[0], 0.02, 1e-6);
  EXPECT_NEAR(weights[1], 0.96, 1e-6);
}

TEST(Arms, WhoIsHeldBackGetsTheFloorHoweverMuchItWins) {
  const auto weights = weights_of({{50, 100}, {100, 100, true}}, {.floor = 0.05});
  EXPECT_NEAR(weights[0], 0.95, 1e-9);
  EXPECT_NEAR(weights[1], 0.05, 1e-9);
}

TEST(Arms, WhenAllAreHeldBackAllAreEqual) {
  for (const double weight : weights_of({{1, 2, true}, {2, 2, true}}, {})) {
    EXPECT_NEAR(weight, 0.5, 1e-9);
  }
}

TEST(Arms, AFloorThatAllCannotHaveIsLowered) {
  const auto weights = weights_of({{1, 100}, {99, 100}, {1, 100}}, {.floor = 0.5});
  EXPECT_NEAR(sum(weights), 1, 1e-9);
  EXPECT_NEAR(weights[0], 1.0 / 6, 1e-6);
}

TEST(Arms, MillionsOfTurnsGiveNumbers) {
  const auto weights = weights_of({{900'000, 1'000'000}, {999'999, 1'000'000}, {0, 5e6}}, {});
  EXPECT_NEAR(sum(weights), 1, 1e-9);
  EXPECT_GT(weights[1], 0.9);
  EXPECT_TRUE(std::isfinite(weights[2]));
}

}  // namespace
}  // namespace tuning
