#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.h"
#include "segment/layout.h"

// A finished file of named blocks, mapped for reading. Opening verifies header, footer and block
// table and reads nothing else, so it takes microseconds whatever the file's size. A page of a
// block is verified when it is first asked for, and by scrub() in the background. Whatever is not
// what the writer wrote (torn, foreign, newer, a flipped bit) is refused with an error that names
// the file and the reason. Thread-safe; spans live as long as the File.
//
// A file is replaced by rename and never changed in place: one that somebody shortens under us ends
// the process, as it does for every memory map.
namespace segment {

class File {
 public:
  // NotFound, InvalidArgument (not such a file), Unimplemented (another version), DataLoss
  // (damaged).
  static Result<std::shared_ptr<File>> open(const std::string& path, Identity identity);

  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }
  bool has(std::string_view name) const { return find(name) != nullptr; }
  // The block's length in bytes; nothing is verified.
  Result<std::uint64_t> length(std::string_view name) const;

  // The whole block, every page of it verified.
  Result<std::span<const std::byte>> block(std::string_view name) const;
  // `length` bytes of the block from `offset`, the pages under them verified.
  Result<std::span<const std::byte>> part(std::string_view name, std::uint64_t offset,
                                          std::uint64_t length) const;
  // The block before verification, for an owner that calls verify() before it trusts a part.
  Result<std::span<const std::byte>> unverified(std::string_view name) const;
  // `mapped` is where the block's bytes stand in a mapping of the owner's own, if they do.
  Result<void> verify(std::string_view name, std::uint64_t offset, std::uint64_t length,
                      const std::byte* mapped = nullptr) const;

  // The whole block as values: DataLoss when its length is no multiple of theirs.
  template <class T>
  Result<std::span<const T>> array(std::string_view name) const {
    static_assert(std::is_trivially_copyable_v<T>);
    const std::span<const std::byte> bytes = TRY(block(name));
    if (bytes.size() % sizeof(T) != 0 || !aligned(bytes.data(), alignof(T))) {
      return misshapen(name, sizeof(T));
    }
    return std::span<const T>(reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T));
  }

  // One trivially copyable value, such as the owner's own header.
  template <class T>
  Result<T> value(std::string_view name) const {
    const std::span<const T> values = TRY(array<T>(name));
    if (values.size() != 1) return misshapen(name, sizeof(T));
    return values.front();
  }

  // Reads on where the last call ended, about `bytes_max` bytes, whether verified before or not:
  // true when it has come to the end, and begins again with the next call. What it read takes no
  // memory of the process afterwards. One thread at a time.
  Result<bool> scrub(std::uint64_t bytes_max);

  // Where a block lies in the file, for an owner that maps it by itself.
  struct Extent {
    int descriptor = -1;  // the File's own
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
  };
  Result<Extent> extent(std::string_view name) const;

 private:
  File(std::string path, int descriptor, std::span<const std::byte> bytes);

  static bool aligned(const void* data, std::size_t alignment) {
    return reinterpret_cast<std::uintptr_t>(data) % alignment == 0;
  }

  Result<void> read_table(Identity identity);
  Result<void> check_header(Identity identity) const;
  Result<void> check_blocks(std::uint64_t table_offset) const;
  Result<void> verify_page(const BlockEntry& block, std::uint64_t page,
                           const std::byte* mapped) const;
  const BlockEntry* find(std::string_view name) const;
  Result<const BlockEntry*> expect(std::string_view name) const;
  Error damaged(std::string_view why) const;
  Error misshapen(std::string_view name, std::size_t value_bytes) const;

  const std::string path_;
  const int descriptor_;
  const std::uint64_t size_;
  const std::byte* const bytes_;
  std::span<const BlockEntry> blocks_;
  std::span<const std::uint32_t> checksums_;
  std::unique_ptr<std::atomic<bool>[]> verified_;  // one a page
  std::size_t scrub_block_ = 0;
  std::uint64_t scrub_page_ = 0;
};

}  // namespace segment
