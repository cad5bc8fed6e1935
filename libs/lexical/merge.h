#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lexical/segment.h"

// Deletes and merges of segments. Pure; thread-safe.
namespace lexical {

// One bit a slot: whether its document still counts. Empty: all of them.
class Alive {
 public:
  Alive() = default;
  explicit Alive(std::vector<std::uint64_t> words, std::uint32_t dead)
      : words_(std::move(words)), dead_(dead) {}

  bool operator[](std::uint32_t slot) const {
    return words_.empty() || (words_[slot / 64] >> (slot % 64) & 1U) != 0;
  }
  // 64 slots from `word` * 64; beyond the last document it may say anything.
  std::uint64_t word(std::size_t word) const {
    return words_.empty() ? ~std::uint64_t{0} : words_[word];
  }
  void remove(std::uint32_t slot, std::uint32_t documents);
  std::uint32_t dead() const { return dead_; }
  std::span<const std::uint64_t> words() const { return words_; }

 private:
  std::vector<std::uint64_t> words_;
  std::uint32_t dead_ = 0;
};

// A segment as one commit shows it.
struct Part {
  std::shared_ptr<const Segment> segment;
  std::shared_ptr<const Alive> alive;
  std::uint32_t live() const { return segment->documents() - alive->dead(); }
};

// Calls f(word, documents) for each word of any part from `from` on, by name, until it says false;
// documents that were deleted since their segment was written count.
void for_each_word(std::span<const Part> parts, std::string_view from,
                   const std::function<bool(const std::string&, std::uint64_t)>& f);

// The living documents of all parts as one segment; no id lives in two of them. TooLarge when they
// do not fit one.
Result<SegmentArrays> merge(std::span<const Part> parts);

}  // namespace lexical
