#include "vector/huge_array.h"

#include <fmt/format.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace vector {
namespace {

constexpr std::size_t kPage = 4096;

std::size_t round_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

Error failed(const char* what, std::size_t bytes) {
  return Error(errno == ENOMEM ? Code::Overloaded : Code::Internal,
               fmt::format("{} {} bytes: {}", what, bytes, strerrordesc_np(errno)));
}

// Address space that starts at a multiple of a huge page.
Result<std::byte*> map_aligned(std::size_t bytes) {
  const std::size_t whole = bytes + HugeRange::kChunk;
  void* found = mmap(nullptr, whole, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (found == MAP_FAILED) return failed("cannot reserve", bytes);
  auto* start = static_cast<std::byte*>(found);
  const std::size_t skipped = round_up(reinterpret_cast<std::uintptr_t>(start), HugeRange::kChunk) -
                              reinterpret_cast<std::uintptr_t>(start);
  if (skipped > 0) munmap(start, skipped);
  if (skipped < HugeRange::kChunk) {
    munmap(start + skipped + bytes, HugeRange::kChunk - skipped);
  }
  return start + skipped;
}

}  // namespace

HugeRange::~HugeRange() {
  if (data_ != nullptr) munmap(data_, size_);
}

Result<HugeRange> HugeRange::reserve(std::size_t bytes) {
  if (bytes > std::numeric_limits<std::size_t>::max() / 4) {
    return Error(Code::TooLarge, fmt::format("cannot reserve {} bytes", bytes));
  }
  const std::size_t size = round_up(std::max<std::size_t>(bytes, 1), kChunk);
  std::byte* data = TRY(map_aligned(size));
  // A kernel without huge pages is slower, not wrong.
  madvise(data, kChunk, MADV_NOHUGEPAGE);
  if (size > kChunk) madvise(data + kChunk, size - kChunk, MADV_HUGEPAGE);
  return HugeRange(data, size);
}

Result<void> HugeRange::map_file(int descriptor, std::uint64_t offset, std::size_t bytes) {
  if (offset % kPage != 0 || bytes == 0 || bytes > size_) {
    return Error(Code::InvalidArgument,
                 fmt::format("cannot map {} bytes at {} of a file into a range of {}", bytes,
                             offset, size_));
  }
  void* found =
      mmap(data_, round_up(bytes, kPage), PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, descriptor, static_cast<off_t>(offset));
  if (found == MAP_FAILED) return failed("cannot map a file's", bytes);
  small_ = bytes < kChunk;  // else its owner promotes it, when it has been verified
  return {};
}

Result<void> HugeRange::promote(std::size_t offset, std::size_t bytes) {
  if (offset % kChunk != 0 || offset > size_ || bytes == 0 || bytes > size_ - offset) {
    return Error(Code::InvalidArgument,
                 fmt::format("cannot promote {} bytes at {} of {}", bytes, offset, size_));
  }
  const std::size_t whole = std::min(round_up(bytes, kChunk), size_ - offset);
  std::byte* copy = TRY(map_aligned(whole));
  madvise(copy, whole, MADV_HUGEPAGE);
  std::copy_n(data_ + offset, bytes, copy);
  // One step of the kernel: a reader faults either before it or after it, never between.
  void* moved = mremap(copy, whole, whole, MREMAP_MAYMOVE | MREMAP_FIXED, data_ + offset);
  if (moved == MAP_FAILED) {
    Error error = failed("cannot move", whole);
    munmap(copy, whole);
    return error;
  }
  return {};
}

// Without memory for it small pages do as well.
void HugeRange::promote_head() {
  small_ = false;
  (void)promote(0, kChunk);
}

}  // namespace vector
