#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace vector {

// A row and how well it answers: higher is better. L2 scores are negative squared distances.
struct Hit {
  float score = 0;
  std::uint32_t slot = 0;

  // Better first; equal scores by slot, so that the order of a scan does not show.
  friend bool operator<(const Hit& a, const Hit& b) {
    return a.score != b.score ? a.score > b.score : a.slot < b.slot;
  }
  friend bool operator==(const Hit&, const Hit&) = default;
};

// The best k of a stream. Everything above the threshold goes to a buffer of 2 k; when it is full
// the better half stays and its worst is the new threshold: an add costs a comparison and, rarely,
// a share of a selection. Reused without allocation. Not thread-safe.
class TopK {
 public:
  // `threshold` is what scores must exceed from the start.
  void reset(std::size_t k, float threshold = -std::numeric_limits<float>::infinity()) {
    k_ = std::max<std::size_t>(k, 1);
    hits_.clear();
    hits_.reserve(capacity());
    threshold_ = threshold;
  }

  // What a score must exceed to matter.
  float threshold() const { return threshold_; }

  void add(float score, std::uint32_t slot) {
    if (!(score > threshold_)) return;
    hits_.push_back({score, slot});
    if (hits_.size() == capacity()) shrink();
  }

  bool full() const { return hits_.size() >= k_; }

  // The best k so far, best first, until the next add or reset.
  std::span<Hit> sorted() {
    shrink();
    std::sort(hits_.begin(), hits_.end());
    return hits_;
  }
  // The same in no order.
  std::span<Hit> unsorted() {
    shrink();
    return hits_;
  }

 private:
  std::size_t capacity() const { return 2 * k_ + 32; }

  void shrink() {
    if (hits_.size() <= k_) return;
    const auto worst = hits_.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
    std::nth_element(hits_.begin(), worst, hits_.end());
    threshold_ = worst->score;
    hits_.resize(k_);
  }

  std::size_t k_ = 1;
  float threshold_ = 0;
  std::vector<Hit> hits_;
};

}  // namespace vector
