#pragma once

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

// Writes one file of named blocks: create, then for each block begin and append (or add), then
// finish. Until finish nobody sees anything: the bytes go to PATH.part, which is synced and
// renamed, and a crash at any moment leaves the old file or the new one. One thread at a time; a
// second writer of the same path is refused with Conflict.
namespace segment {

class Writer {
 public:
  static Result<std::unique_ptr<Writer>> create(const std::string& path, Identity identity);

  // Gives up what was not finished.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Starts the block `name` (1 to kNameBytes bytes, not used before) at a multiple of `alignment`,
  // a power of two up to kAlignmentMax. The block before it is complete.
  Result<void> begin(std::string_view name, std::size_t alignment = kAlignment);
  // Continues the block that was begun last.
  Result<void> append(std::span<const std::byte> bytes);

  // A whole block. From a page up it starts on a page of memory, so that it can be mapped alone.
  template <class T>
  Result<void> add(std::string_view name, std::span<const T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    TRY(begin(name, values.size_bytes() < kAlignmentMax ? kAlignment : kAlignmentMax));
    return append(std::as_bytes(values));
  }

  // Publishes the file: it is on disk under its name when this returns. Nothing may follow. Refused
  // once an append or a write has failed: the file would miss what that should have put there.
  Result<void> finish();

 private:
  Writer(std::string path, std::string part, int descriptor);

  Result<void> write(std::span<const std::byte> bytes);
  Result<void> pad(std::size_t alignment);
  Result<void> write_page();
  Result<void> end_block();
  Result<void> publish();
  Error failed(std::string_view what, int error_number);
  Error fail(Error error);

  const std::string path_;
  const std::string part_;
  int descriptor_ = -1;
  bool finished_ = false;
  std::optional<Error> failure_;  // the first, and the answer to all that follows
  std::uint32_t header_checksum_ = 0;
  std::uint64_t written_ = 0;
  std::vector<std::byte> page_;  // of the open block, not yet written
  std::vector<BlockEntry> blocks_;
  std::vector<std::uint32_t> checksums_;  // one a page, block after block
};

}  // namespace segment
