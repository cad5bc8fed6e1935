#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace llm {

// An append-only file of a fixed size, mapped into memory: an append costs no system call. What is
// appended outlives this process, however it ends; after sync() it outlives the machine's power,
// too. One thread appends; sync() may be called from another at the same time.
//
// The file: 8 bytes of magic and version, then records of [u32 bytes][u32 check][bytes], little
// endian, each begun at a multiple of 4. A length of 0 ends it; so does a record whose check does
// not fit, which the loss of power has torn.
class Journal {
 public:
  // Makes a new file, zeroed, which has its name only when its head is on disk. Conflict when there
  // is one of that name. Waits for the disk.
  static Result<std::unique_ptr<Journal>> create(const std::string& path, std::size_t bytes);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // False when it has no room left: nothing was written.
  bool append(std::string_view record);
  bool empty() const;
  std::size_t used() const { return used_; }
  Result<void> sync() const;
  const std::string& path() const { return path_; }
  // Of the file that create() is making; one that is left over is nobody's.
  static constexpr std::string_view kUnfinished = ".new";

  // Calls `each` for every whole record of a file; one that is all zero, or ends before its head
  // does, is a journal that nothing came into. DataLoss when it is no journal.
  static Result<void> read(const std::string& path,
                           const std::function<void(std::string_view)>& each);

 private:
  Journal(std::string path, int file, std::byte* memory, std::size_t bytes)
      : path_(std::move(path)), file_(file), memory_(memory), bytes_(bytes) {}

  const std::string path_;
  const int file_;
  std::byte* const memory_;
  const std::size_t bytes_;
  std::size_t used_ = 0;
};

}  // namespace llm
