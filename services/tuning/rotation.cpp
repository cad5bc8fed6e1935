#include "tuning/rotation.h"

#include <algorithm>
#include <cmath>

namespace tuning {

void Tally::add(const Lesson& lesson, int sign) {
  turns += sign;
  if (lesson.first_passed) passes.add(*lesson.first_passed, sign);
  if (const auto reward = lesson.reward()) rewards.add(*reward, sign);
  degraded.add(lesson.degraded, sign);
  disliked.add(lesson.downs > lesson.ups, sign);
  if (lesson.slower) slower.add(*lesson.slower, sign);
  score_sum += sign * lesson.score;
  ups += sign * lesson.ups;
  downs += sign * lesson.downs;
}

Rotation::Rotation(const RotationOptions& options, std::size_t variants)
    : options_(options),
      tallies_(variants),
      weights_(weights_of(std::vector<Arm>(variants), options.weights)),
      guards_(variants) {}

void Rotation::add(std::size_t variant, const Lesson& lesson, int sign) {
  tallies_[variant].add(lesson, sign);
  ++changes_;
}

bool Rotation::due() const {
  std::int64_t turns = 0;
  for (const Tally& tally : tallies_) turns += tally.turns;
  return changes_ > turns / 50;
}

std::vector<std::string> Rotation::guards_now(std::size_t variant) const {
  if (variant == 0) return {};
  const Tally& own = tallies_[variant];
  const Tally& baseline = tallies_[0];
  const std::size_t tests = 3 * (tallies_.size() - 1);
  std::vector<std::string> guards;
  if (credibly_above(own.degraded, baseline.degraded, tests)) guards.emplace_back("degraded");
  if (credibly_above(own.disliked, baseline.disliked, tests)) guards.emplace_back("thumbs_down");
  if (evidence_of_majority(own.slower) >= static_cast<double>(tests) / kAlpha) {
    guards.emplace_back("slow");
  }
  return guards;
}

bool Rotation::refresh() {
  changes_ = 0;
  std::vector<Arm> arms;
  std::vector<std::vector<std::string>> guards;
  for (std::size_t i = 0; i < tallies_.size(); ++i) {
    guards.push_back(guards_now(i));
    arms.push_back({static_cast<double>(tallies_[i].rewards.hits),
                    static_cast<double>(tallies_[i].rewards.of), !guards.back().empty()});
  }
  const auto weights = weights_of(arms, options_.weights);
  bool changed = guards != guards_;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    changed = changed || std::abs(weights[i] - weights_[i]) > options_.step;
  }
  if (!changed) return false;
  weights_ = weights;
  guards_ = std::move(guards);
  return true;
}

contracts::Verdict Rotation::verdict(std::size_t variant) const {
  if (variant == 0) return contracts::Verdict::Baseline;
  return compare(tallies_[variant].rewards, tallies_[0].rewards, tallies_.size() - 1);
}

double Rotation::evidence(std::size_t variant) const {
  return variant == 0 ? 1 : evidence_of_difference(tallies_[variant].rewards, tallies_[0].rewards);
}

}  // namespace tuning
