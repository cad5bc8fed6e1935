#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vector {

// A set of slots, as bits: the filter of a search. Rows beyond its size are not in it. Not
// thread-safe while it changes.
class Bitmap {
 public:
  Bitmap() = default;
  explicit Bitmap(std::size_t size) : size_(size), words_((size + 63) / 64) {}

  std::size_t size() const { return size_; }

  void set(std::size_t i) { words_[i / 64] |= bit(i); }
  void clear(std::size_t i) { words_[i / 64] &= ~bit(i); }
  bool test(std::size_t i) const { return i < size_ && (words_[i / 64] & bit(i)) != 0; }

  // The bits [64 * i, 64 * i + 64); 0 beyond the end.
  std::uint64_t word(std::size_t i) const { return i < words_.size() ? words_[i] : 0; }
  std::span<const std::uint64_t> words() const { return words_; }

  std::size_t count() const;
  // Keep what is in both; add what is in the other (which must not be larger).
  Bitmap& operator&=(const Bitmap& other);
  Bitmap& operator|=(const Bitmap& other);

  // The set of these; all are below `size`.
  static Bitmap of(std::size_t size, std::span<const std::uint32_t> slots);

 private:
  static std::uint64_t bit(std::size_t i) { return std::uint64_t{1} << (i % 64); }

  std::size_t size_ = 0;
  std::vector<std::uint64_t> words_;
};

}  // namespace vector
