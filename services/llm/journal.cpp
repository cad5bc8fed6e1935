#include "llm/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/ids.h"

namespace llm {
namespace {

constexpr std::string_view kMagic = "TRPJRNL1";
constexpr std::size_t kHeadBytes = 8;  // of a record: its length and its check

std::uint32_t check_of(std::string_view record) {
  const std::uint64_t hash = hash64(record);
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

std::size_t rounded(std::size_t bytes) { return (bytes + 3) & ~std::size_t{3}; }

Error failure(const std::string& what, const std::string& path) {
  return Error{Code::Unavailable, fmt::format("cannot {} {}: {}", what, path, ::strerror(errno))};
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::create(const std::string& path, std::size_t bytes) {
  const std::string unfinished = path + std::string(kUnfinished);
  const int file = ::open(unfinished.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return failure("create", path);
  const auto not_made = [&](Error error) {
    ::close(file);
    ::unlink(unfinished.c_str());
    return error;
  };
  // Room is taken now: a full disk is an error here and not a signal at some later append.
  if (const int room = ::posix_fallocate(file, 0, static_cast<off_t>(bytes)); room != 0) {
    errno = room;
    return not_made(failure("find room for", path));
  }
  if (::pwrite(file, kMagic.data(), kMagic.size(), 0) != static_cast<ssize_t>(kMagic.size()) ||
      ::fdatasync(file) != 0) {
    return not_made(failure("begin", path));
  }
  // Not renamed: that would replace one of the same name.
  if (::link(unfinished.c_str(), path.c_str()) != 0) {
    if (errno == EEXIST) return not_made(Error{Code::Conflict, path + " exists already"});
    return not_made(failure("name", path));
  }
  void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) {
    Error error = failure("map", path);
    ::unlink(path.c_str());
    return not_made(std::move(error));
  }
  ::unlink(unfinished.c_str());
  std::unique_ptr<Journal> journal(new Journal(path, file, static_cast<std::byte*>(memory), bytes));
  journal->used_ = kMagic.size();
  return journal;
}

Journal::~Journal() {
  ::munmap(memory_, bytes_);
  ::close(file_);
}

bool Journal::append(std::string_view record) {
  const std::size_t end = used_ + kHeadBytes + rounded(record.size());
  if (record.empty() || end > bytes_) return false;
  const auto length = static_cast<std::uint32_t>(record.size());
  const std::uint32_t check = check_of(record);
  std::byte* const at = memory_ + used_;
  std::memcpy(at + kHeadBytes, record.data(), record.size());
  std::memcpy(at + sizeof length, &check, sizeof check);
  // The length makes it count, so it is written last.
  std::atomic_ref(*reinterpret_cast<std::uint32_t*>(at)).store(length, std::memory_order_release);
  used_ = end;
  return true;
}

bool Journal::empty() const { return used_ == kMagic.size(); }

Result<void> Journal::sync() const {
  if (::fdatasync(file_) != 0) return failure("sync", path_);
  return {};
}

Result<void> Journal::read(const std::string& path,
                           const std::function<void(std::string_view)>& each) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return failure("read", path);
  std::stringstream all;
  all << file.rdbuf();
  const std::string text = std::move(all).str();
  // Nothing came into it before the power went, or before its maker was killed.
  if (text.size() < kMagic.size() || text.find_first_not_of('\0') == text.npos) return {};
  if (!text.starts_with(kMagic)) return Error{Code::DataLoss, path + " is no journal"};
  std::size_t at = kMagic.size();
  while (at + kHeadBytes <= text.size()) {
    std::uint32_t length = 0;
    std::uint32_t check = 0;
    std::memcpy(&length, text.data() + at, sizeof length);
    std::memcpy(&check, text.data() + at + sizeof length, sizeof check);
    if (length == 0 || length > text.size() - at - kHeadBytes) break;
    const std::string_view record(text.data() + at + kHeadBytes, length);
    if (check_of(record) != check) break;
    each(record);
    at += kHeadBytes + rounded(length);
  }
  return {};
}

}  // namespace llm
