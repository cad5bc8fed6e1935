#include "vector/bitmap.h"

#include <bit>
#include <cassert>

namespace vector {

std::size_t Bitmap::count() const {
  std::size_t sum = 0;
  for (const std::uint64_t word : words_) sum += static_cast<std::size_t>(std::popcount(word));
  return sum;
}

Bitmap& Bitmap::operator&=(const Bitmap& other) {
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= other.word(i);
  return *this;
}

Bitmap& Bitmap::operator|=(const Bitmap& other) {
  assert(other.size_ <= size_);
  for (std::size_t i = 0; i < other.words_.size(); ++i) words_[i] |= other.words_[i];
  return *this;
}

Bitmap Bitmap::of(std::size_t size, std::span<const std::uint32_t> slots) {
  Bitmap bitmap(size);
  for (const std::uint32_t slot : slots) {
    assert(slot < size);
    bitmap.set(slot);
  }
  return bitmap;
}

}  // namespace vector
