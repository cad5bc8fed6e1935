#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tuning/arms.h"
#include "tuning/verdict.h"

namespace tuning {

// What is learned from one turn that was said.
struct Lesson {
  std::optional<bool> first_passed;  // the first draft that was judged; absent: none was
  bool degraded = false;
  double score = 0;
  std::optional<bool> slower;  // than a baseline's turn, by the ratio; absent: not compared
  std::int64_t ups = 0;
  std::int64_t downs = 0;  // wishes for another line are among them

  // People outvote the judge: the majority of the opinions, and without one the first verdict.
  std::optional<bool> reward() const {
    return ups == downs ? first_passed : std::optional<bool>(ups > downs);
  }
};

// All lessons of one variant.
struct Tally {
  std::int64_t turns = 0;
  Share passes;
  Share rewards;
  Share degraded;
  Share disliked;
  Share slower;
  double score_sum = 0;
  std::int64_t ups = 0;
  std::int64_t downs = 0;

  // With the sign -1 a lesson that was added is taken back.
  void add(const Lesson& lesson, int sign = 1);
};

struct RotationOptions {
  WeightOptions weights;
  double step = 0.02;  // of a weight that is worth telling
};

// The variants of one character, by index, the baseline first: how often each should be played.
// Pure, not thread-safe. What is told stays as it is until something changed enough to matter.
class Rotation {
 public:
  Rotation(const RotationOptions& options, std::size_t variants);

  void add(std::size_t variant, const Lesson& lesson, int sign = 1);
  void set(std::vector<Tally> tallies) { tallies_ = std::move(tallies); }
  // A turn without a variant.
  void note() { ++changes_; }

  // The beliefs of n turns move little until n / 50 more are there: only then refresh() is worth
  // its fraction of a millisecond.
  bool due() const;
  // Whether the weights have moved by a step or a guard has changed.
  bool refresh();

  const std::vector<double>& weights() const { return weights_; }
  const std::vector<Tally>& tallies() const { return tallies_; }
  // What the variant is held back for: degraded, thumbs_down, slow.
  const std::vector<std::string>& guards(std::size_t variant) const { return guards_[variant]; }
  contracts::Verdict verdict(std::size_t variant) const;
  double evidence(std::size_t variant) const;

 private:
  std::vector<std::string> guards_now(std::size_t variant) const;

  const RotationOptions options_;
  std::vector<Tally> tallies_;
  std::vector<double> weights_;
  std::vector<std::vector<std::string>> guards_;
  std::int64_t changes_ = 0;  // since the last refresh
};

}  // namespace tuning
