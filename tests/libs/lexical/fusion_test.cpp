#include "lexical/fusion.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace lexical {
namespace {

using Ids = std::vector<std::uint64_t>;
using Hits = std::vector<Hit>;

Ids ids(const Hits& hits) {
  Ids all;
  for (const Hit& hit : hits) all.push_back(hit.id);
  return all;
}

Hits ranked(const Ids& order) {
  Hits hits;
  for (const std::uint64_t id : order) {
    hits.push_back({id, 100 - static_cast<double>(hits.size())});
  }
  return hits;
}

Hits fused(const std::vector<Hits>& sides, const std::vector<double>& weights,
           const FusionOptions& options = {}, std::size_t k = 10) {
  const std::vector<Ranking> rankings(sides.begin(), sides.end());
  return fuse(rankings, weights, k, options);
}

constexpr FusionOptions kZScore{.method = FusionMethod::ZScore};

TEST(ReciprocalRankFusion, AddsWhatEachSideGivesARank) {
  const Hits hits = fused({ranked({1, 2}), ranked({2, 3})}, {1, 1});
  EXPECT_EQ(ids(hits), (Ids{2, 1, 3}));
  EXPECT_DOUBLE_EQ(hits[0].score, 1.0 / 62 + 1.0 / 61);
  EXPECT_DOUBLE_EQ(hits[1].score, 1.0 / 61);
}

TEST(ReciprocalRankFusion, TakesARankConstant) {
  // With a small one a first place outweighs two third places.
  const std::vector<Hits> sides{ranked({1, 8, 2}), ranked({5, 6, 2})};
  EXPECT_EQ(ids(fused(sides, {1, 1}, {.rank_constant = 60}))[0], 2U);
  EXPECT_EQ(ids(fused(sides, {1, 1}, {.rank_constant = 0}))[0], 1U);
  EXPECT_EQ(ids(fused(sides, {1, 1}, {.rank_constant = -5})),
            ids(fused(sides, {1, 1}, {.rank_constant = 0})));
}

TEST(Fusion, WeighsItsSides) {
  const std::vector<Hits> sides{ranked({1, 2}), ranked({3, 4})};
  EXPECT_EQ(ids(fused(sides, {0.1, 1})), (Ids{3, 4, 1, 2}));
  EXPECT_EQ(ids(fused(sides, {1})), (Ids{1, 3, 2, 4}));
  // A side of no weight brings no hits either.
  EXPECT_EQ(ids(fused(sides, {1, 0})), (Ids{1, 2}));
  EXPECT_EQ(ids(fused(sides, {1, -3})), (Ids{1, 2}));
  EXPECT_EQ(ids(fused(sides, {1, std::numeric_limits<double>::quiet_NaN()})), (Ids{1, 2}));
}

TEST(Fusion, GivesTheBestAndTiesByTheSmallerId) {
  EXPECT_EQ(ids(fused({ranked({9}), ranked({4}), ranked({7})}, {}, {}, 2)), (Ids{4, 7}));
  EXPECT_TRUE(fused({}, {}).empty());
  EXPECT_TRUE(fused({{}, {}}, {1, 1}).empty());
  EXPECT_TRUE(fused({ranked({1})}, {1}, {}, 0).empty());
}

TEST(ZScoreFusion, SeesHowFarApartTheScoresAre) {
  // The first side is sure of 1, the second thinks 2, 3 and 1 about equal.
  const std::vector<Hits> sides{{{1, 50}, {4, 2}, {5, 1}, {2, 0}}, {{2, 11}, {3, 10.9}, {1, 9}}};
  EXPECT_EQ(ids(fused(sides, {1, 1}, kZScore))[0], 1U);
  // Neither the unit nor the origin of a side's scores matters.
  std::vector<Hits> moved = sides;
  for (Hit& hit : moved[0]) hit.score = hit.score * 1000 - 7;
  EXPECT_EQ(ids(fused(moved, {1, 1}, kZScore)), ids(fused(sides, {1, 1}, kZScore)));
}

TEST(ZScoreFusion, TakesEqualScoresForEqual) {
  const Hits hits = fused({{{1, 5}, {2, 5}}, {{3, 1}}}, {1, 1}, kZScore);
  EXPECT_EQ(ids(hits), (Ids{1, 2, 3}));
  for (const Hit& hit : hits) EXPECT_TRUE(std::isfinite(hit.score));
}

TEST(Ndcg, IsOneForAPerfectRankingAndFallsWithTheRank) {
  const Ids wanted{7, 8};
  EXPECT_DOUBLE_EQ(ndcg10(ranked({8, 7, 1}), wanted), 1);
  EXPECT_DOUBLE_EQ(ndcg10(ranked({1, 7}), Ids{7}), 1 / std::log2(3));
  EXPECT_DOUBLE_EQ(ndcg10(ranked({1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 7}), wanted), 0);
  EXPECT_DOUBLE_EQ(ndcg10(ranked({1}), Ids{}), 0);
  EXPECT_DOUBLE_EQ(ndcg10({}, wanted), 0);
}

// A side that finds the answer and one that finds anything else, or each by turns.
std::vector<FusionExample> examples(bool second_helps, std::uint64_t first_noise) {
  std::vector<FusionExample> all;
  for (std::uint64_t i = 0; i < 40; ++i) {
    const std::uint64_t answer = 1000 + i;
    const Ids good{answer, 1, 2, 3};
    const Ids noise{first_noise, first_noise + 1, first_noise + 2, first_noise + 3};
    const bool odd = i % 2 == 1;
    if (second_helps) {
      all.push_back({{ranked(odd ? good : noise), ranked(odd ? noise : good)}, {answer}});
    } else {
      all.push_back({{ranked(good), ranked(noise)}, {answer}});
    }
  }
  return all;
}

TEST(LearnedWeights, GoDownToNothingForASideThatOnlyHurts) {
  for (const FusionMethod method : {FusionMethod::ReciprocalRank, FusionMethod::ZScore}) {
    // The noise has the smaller ids, so that it wins every tie.
    const FusionOptions options{.method = method};
    const FusionWeights learned = learn_weights(examples(false, 5), options);
    ASSERT_EQ(learned.weights.size(), 2U);
    EXPECT_DOUBLE_EQ(learned.weights[0], 1);
    EXPECT_LT(learned.weights[1], 1);
    EXPECT_DOUBLE_EQ(learned.quality, 1);
    EXPECT_LT(learned.equal_quality, 1);
  }
}

TEST(LearnedWeights, ReachZeroWhereAnyWeightHurts) {
  // The first side is right by a hair; the second is sure of another document.
  std::vector<FusionExample> all;
  for (std::uint64_t i = 0; i < 10; ++i) {
    all.push_back({{{{900 + i, 1.0}, {50, 0.99}, {51, 0}}, {{50, 9.0}, {60, 1.0}}}, {900 + i}});
  }
  const FusionWeights learned = learn_weights(all, kZScore);
  EXPECT_EQ(learned.weights, (std::vector<double>{1, 0}));
  EXPECT_DOUBLE_EQ(learned.quality, 1);
  EXPECT_LT(learned.equal_quality, 1);
}

TEST(LearnedWeights, StayEqualWhereBothSidesHelpAndWithoutExamples) {
  const FusionWeights learned = learn_weights(examples(true, 5000));
  EXPECT_EQ(learned.weights, (std::vector<double>{1, 1}));
  EXPECT_DOUBLE_EQ(learned.quality, learned.equal_quality);
  EXPECT_TRUE(learn_weights({}).weights.empty());
}

TEST(LearnedWeights, LeaveASideThatNeverFindsAnythingAsItWas) {
  const std::vector<FusionExample> all{{{ranked({1, 2}), {}}, {2}}};
  EXPECT_EQ(learn_weights(all).weights, (std::vector<double>{1, 1}));
}

}  // namespace
}  // namespace lexical
