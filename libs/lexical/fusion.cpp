#include "lexical/fusion.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace lexical {
namespace {

constexpr std::size_t kNdcgDepth = 10;
constexpr int kSteps = 10;  // of a weight between 0 and 1
constexpr int kRoundsMax = 8;

double gain(std::size_t rank) { return 1 / std::log2(static_cast<double>(rank) + 2); }

double weight_of(std::span<const double> weights, std::size_t side) {
  if (side >= weights.size()) return 1;
  return weights[side] > 0 ? weights[side] : 0;
}

// What a side adds to a hit at `rank`, over what it adds to one that it lacks.
class Votes {
 public:
  Votes(Ranking side, const FusionOptions& options) : side_(side), options_(options) {
    if (options.method == FusionMethod::ReciprocalRank || side.empty()) return;
    const auto count = static_cast<double>(side.size());
    double mean = 0;
    for (const Hit& hit : side) mean += hit.score / count;
    double variance = 0;
    for (const Hit& hit : side) variance += (hit.score - mean) * (hit.score - mean) / count;
    least_ = side.front().score;
    for (const Hit& hit : side) least_ = std::min(least_, hit.score);
    deviation_ = std::sqrt(variance);
  }

  double at(std::size_t rank) const {
    if (options_.method == FusionMethod::ReciprocalRank) {
      return 1 / (std::max(options_.rank_constant, 0.0) + static_cast<double>(rank) + 1);
    }
    // The mean falls out of a difference. Of equal scores each is a deviation above what is
    // lacking.
    return deviation_ > 0 ? (side_[rank].score - least_) / deviation_ : 1;
  }

 private:
  Ranking side_;
  const FusionOptions& options_;
  double least_ = 0;
  double deviation_ = 0;
};

double mean_quality(std::span<const FusionExample> examples, std::span<const double> weights,
                    const FusionOptions& options) {
  double sum = 0;
  for (const FusionExample& example : examples) {
    const std::vector<Ranking> sides(example.sides.begin(), example.sides.end());
    sum += ndcg10(fuse(sides, weights, kNdcgDepth, options), example.wanted);
  }
  return examples.empty() ? 0 : sum / static_cast<double>(examples.size());
}

}  // namespace

std::vector<Hit> fuse(std::span<const Ranking> sides, std::span<const double> weights,
                      std::size_t k, const FusionOptions& options) {
  std::unordered_map<std::uint64_t, double> scores;
  for (std::size_t side = 0; side < sides.size(); ++side) {
    const double weight = weight_of(weights, side);
    if (weight == 0) continue;
    const Votes votes(sides[side], options);
    for (std::size_t rank = 0; rank < sides[side].size(); ++rank) {
      scores[sides[side][rank].id] += weight * votes.at(rank);
    }
  }
  std::vector<Hit> fused;
  fused.reserve(scores.size());
  for (const auto& [id, score] : scores) fused.push_back({id, score});
  const std::size_t kept = std::min(k, fused.size());
  std::partial_sort(fused.begin(), fused.begin() + static_cast<std::ptrdiff_t>(kept), fused.end(),
                    [](const Hit& a, const Hit& b) {
                      return a.score != b.score ? a.score > b.score : a.id < b.id;
                    });
  fused.resize(kept);
  return fused;
}

double ndcg10(Ranking hits, std::span<const std::uint64_t> wanted) {
  double found = 0;
  for (std::size_t rank = 0; rank < std::min(hits.size(), kNdcgDepth); ++rank) {
    if (std::find(wanted.begin(), wanted.end(), hits[rank].id) != wanted.end()) found += gain(rank);
  }
  double ideal = 0;
  for (std::size_t rank = 0; rank < std::min(wanted.size(), kNdcgDepth); ++rank)
    ideal += gain(rank);
  return ideal > 0 ? found / ideal : 0;
}

FusionWeights learn_weights(std::span<const FusionExample> examples, const FusionOptions& options) {
  std::size_t count = 0;
  for (const FusionExample& example : examples) count = std::max(count, example.sides.size());
  FusionWeights learned{std::vector<double>(count, 1.0), 0, 0};
  learned.equal_quality = learned.quality = mean_quality(examples, learned.weights, options);
  for (int round = 0; round < kRoundsMax; ++round) {
    const double before = learned.quality;
    for (std::size_t side = 0; side < count; ++side) {
      std::vector<double> tried = learned.weights;
      for (int step = kSteps; step >= 0; --step) {
        tried[side] = static_cast<double>(step) / kSteps;
        const double quality = mean_quality(examples, tried, options);
        // Sums of the same gains in another order differ by their last bits.
        if (quality > learned.quality + 1e-9) {
          learned.quality = quality;
          learned.weights[side] = tried[side];
        }
      }
    }
    if (learned.quality <= before) break;
  }
  const auto greatest = std::max_element(learned.weights.begin(), learned.weights.end());
  if (greatest != learned.weights.end() && *greatest > 0) {
    for (const double most = *greatest; double& weight : learned.weights) weight /= most;
  }
  return learned;
}

}  // namespace lexical
