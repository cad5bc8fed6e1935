#include "tuning/verdict.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/ids.h"

namespace tuning {
namespace {

using contracts::Verdict;

TEST(Verdict, NothingSeenIsNoEvidence) {
  EXPECT_DOUBLE_EQ(evidence_of_difference({}, {}), 1);
  EXPECT_EQ(compare({}, {}, 3), Verdict::NoDifferenceShown);
}

TEST(Verdict, TheEvidenceIsThatOfTheClosedForm) {
  // B(2, 1) B(1, 2) / (1/2 * 1/2): one hit of one against none of one.
  EXPECT_NEAR(evidence_of_difference({1, 1}, {0, 1}), 0.5 * 0.5 / 0.25, 1e-12);
  // B(3, 1) / (1/2)^2.
  EXPECT_NEAR(evidence_of_majority({2, 2}), 4.0 / 3, 1e-12);
}

TEST(Verdict, AClearDifferenceIsToldInItsDirection) {
  EXPECT_EQ(compare({95, 100}, {60, 100}, 3), Verdict::Better);
  EXPECT_EQ(compare({60, 100}, {95, 100}, 3), Verdict::Worse);
  EXPECT_EQ(compare({80, 100}, {79, 100}, 3), Verdict::NoDifferenceShown);
}

TEST(Verdict, MoreComparisonsNeedMoreEvidence) {
  const Share variant{88, 100};
  const Share baseline{63, 100};
  EXPECT_EQ(compare(variant, baseline, 1), Verdict::Better);
  EXPECT_EQ(compare(variant, baseline, 200), Verdict::NoDifferenceShown);
}

TEST(Verdict, TheMartingaleHasTheMeanOne) {
  // Over all results of three trials, weighted by their probability under the true rate.
  constexpr double kRate = 0.3;
  const double binomial[] = {1, 3, 3, 1};
  double mean = 0;
  for (int hits = 0; hits <= 3; ++hits) {
    const double likelihood = std::pow(kRate, hits) * std::pow(1 - kRate, 3 - hits);
    const double mixture = std::tgamma(1 + hits) * std::tgamma(4 - hits) / std::tgamma(5);
    mean += binomial[hits] * likelihood * (mixture / likelihood);
  }
  EXPECT_NEAR(mean, 1, 1e-12);
}

TEST(Verdict, EqualsAreNeverToldApartThoughLookedAtAfterEachOfManyTurns) {
  for (const double rate : {0.1, 0.5, 0.95}) {
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
      Random luck(hash64("equal", seed));
      Share variant;
      Share baseline;
      for (int turn = 0; turn < 4000; ++turn) {
        // The baseline is played three times as often: the test does not mind.
        Share& played = luck.below(4) == 0 ? variant : baseline;
        played.add(luck.uniform() < rate, 1);
        ASSERT_EQ(compare(variant, baseline, 1), Verdict::NoDifferenceShown) << rate << " " << seed;
      }
    }
  }
}

TEST(Verdict, AMajorityIsShownOnlyAboveAHalf) {
  EXPECT_GT(evidence_of_majority({90, 100}), 1e6);
  EXPECT_LT(evidence_of_majority({10, 100}), 1);
  EXPECT_LT(evidence_of_majority({50, 100}), 1);
}

TEST(Verdict, EvidenceIsFiniteHoweverMuchThereIs) {
  EXPECT_EQ(evidence_of_difference({1'000'000, 1'000'000}, {0, 1'000'000}), 1e12);
}

TEST(Verdict, TheIntervalIsThatOfWilson) {
  const Interval interval = interval_of({8, 10});
  EXPECT_NEAR(interval.low, 0.4902, 1e-3);
  EXPECT_NEAR(interval.high, 0.9433, 1e-3);
  EXPECT_EQ(interval_of({}).low, 0);
  EXPECT_EQ(interval_of({}).high, 1);
}

}  // namespace
}  // namespace tuning
