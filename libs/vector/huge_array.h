#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/result.h"

namespace vector {

// A range of address space that is reserved once, backed by huge pages where the kernel has them
// (they double a flat scan), and filled in place: it never moves, so readers of its front need no
// lock while its back grows. Pages cost memory only once touched. Untouched memory reads as zero.
// The first chunk stands on small pages until it is full: many an index is smaller.
class HugeRange {
 public:
  HugeRange() = default;
  HugeRange(HugeRange&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        small_(other.small_) {}
  HugeRange& operator=(HugeRange&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(small_, other.small_);
    return *this;
  }
  ~HugeRange();

  static Result<HugeRange> reserve(std::size_t bytes);

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

  // Shows `bytes` of the file from `offset` (a multiple of 4096) on, at the start of the range,
  // without reading them; `bytes` is rounded up to a page. Writes go to private copies of the
  // pages. Not while others read the range.
  Result<void> map_file(int descriptor, std::uint64_t offset, std::size_t bytes);

  // Moves [offset, offset + bytes) from file pages to anonymous huge pages: same bytes, same
  // address, so readers notice only the speed. `offset` and `bytes` are multiples of kChunk, but
  // for the last part. The caller keeps writers of these bytes away meanwhile.
  Result<void> promote(std::size_t offset, std::size_t bytes);

  // For the one who writes: so many bytes are in use now. Promotes the first chunk when that is
  // full.
  void grown(std::size_t bytes) {
    if (small_ && bytes >= kChunk) promote_head();
  }

  static constexpr std::size_t kChunk = std::size_t{2} << 20;  // a huge page

 private:
  HugeRange(std::byte* data, std::size_t size) : data_(data), size_(size) {}

  void promote_head();

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  bool small_ = true;  // the first chunk is
};

// A HugeRange as an array of trivial values, all zero at first.
template <class T>
class HugeArray {
 public:
  HugeArray() = default;

  static Result<HugeArray> reserve(std::size_t count) {
    HugeArray array;
    array.range_ = TRY(HugeRange::reserve(count * sizeof(T)));
    return array;
  }

  T* data() const { return reinterpret_cast<T*>(range_.data()); }
  std::size_t size() const { return range_.size() / sizeof(T); }
  T& operator[](std::size_t i) const { return data()[i]; }
  HugeRange& range() { return range_; }

 private:
  HugeRange range_;
};

}  // namespace vector
