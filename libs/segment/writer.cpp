#include "segment/writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "segment/checksum.h"

namespace segment {
namespace {

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

// Header and footer end in the checksum of what stands before it.
template <class T>
T sealed(T value) {
  value.checksum = checksum(bytes_of(value).first(sizeof(T) - sizeof(value.checksum)));
  return value;
}

bool valid_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytes && name.find('\0') == std::string_view::npos;
}

std::string_view name_of(const BlockEntry& block) { return block.name.data(); }

// Whether the file that `descriptor` holds is still the one of that name: another writer may have
// published it between our opening and our locking.
bool still_named(int descriptor, const std::string& path) {
  struct stat ours {};
  struct stat theirs {};
  return ::fstat(descriptor, &ours) == 0 && ::stat(path.c_str(), &theirs) == 0 &&
         ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

}  // namespace

Result<std::unique_ptr<Writer>> Writer::create(const std::string& path, Identity identity) {
  const std::string part = path + ".part";
  const int descriptor = ::open(part.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return Error(Code::Unavailable,
                 fmt::format("cannot write {}: cannot create {}: {}", path, part, strerror(errno)));
  }
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0 || !still_named(descriptor, part)) {
    ::close(descriptor);
    return Error(Code::Conflict, fmt::format("cannot write {}: another writer is at it", path));
  }
  std::unique_ptr<Writer> writer(new Writer(path, part, descriptor));
  // What a crash left there goes only now that the lock says nobody writes it.
  if (::ftruncate(descriptor, 0) != 0) return writer->failed("cannot truncate", errno);
  Header header;
  header.kind = identity.kind;
  header.format = identity.format;
  TRY(writer->write(bytes_of(sealed(header))));
  writer->header_checksum_ = sealed(header).checksum;
  return writer;
}

Writer::Writer(std::string path, std::string part, int descriptor)
    : path_(std::move(path)), part_(std::move(part)), descriptor_(descriptor) {}

Writer::~Writer() {
  if (!finished_) ::unlink(part_.c_str());
  ::close(descriptor_);
}

Result<void> Writer::begin(std::string_view name, std::size_t alignment) {
  assert(!finished_ && std::has_single_bit(alignment) && alignment <= kAlignmentMax);
  if (!valid_name(name)) {
    return Error(Code::InvalidArgument, fmt::format("cannot write {}: bad block name", path_));
  }
  if (blocks_.size() == kBlocksMax) {
    return Error(Code::TooLarge,
                 fmt::format("cannot write {}: more than {} blocks", path_, kBlocksMax));
  }
  if (std::any_of(blocks_.begin(), blocks_.end(),
                  [&](const BlockEntry& block) { return name_of(block) == name; })) {
    return Error(Code::InvalidArgument,
                 fmt::format("cannot write {}: block {} twice", path_, name));
  }
  TRY(end_block());
  TRY(pad(std::max(alignment, kAlignment)));
  BlockEntry& block = blocks_.emplace_back();
  std::copy(name.begin(), name.end(), block.name.begin());
  block.offset = written_;
  block.first_checksum = checksums_.size();
  return {};
}

Result<void> Writer::append(std::span<const std::byte> bytes) {
  assert(!finished_ && !blocks_.empty());
  if (failure_) return *failure_;
  BlockEntry& block = blocks_.back();
  if (bytes.size() > kBlockBytesMax - block.length) {
    return fail(Error(Code::TooLarge, fmt::format("cannot write {}: block {} is too large", path_,
                                                  name_of(block))));
  }
  block.length += bytes.size();
  while (!bytes.empty()) {
    const std::size_t taken = std::min(bytes.size(), kPageBytes - page_.size());
    page_.insert(page_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
    bytes = bytes.subspan(taken);
    if (page_.size() == kPageBytes) TRY(write_page());
  }
  return {};
}

Result<void> Writer::finish() {
  if (failure_) return *failure_;
  TRY(end_block());
  TRY(pad(kAlignment));
  Footer footer;
  footer.table_offset = written_;
  footer.checksums = checksums_.size();
  footer.blocks = static_cast<std::uint32_t>(blocks_.size());
  footer.header_checksum = header_checksum_;
  const auto entries = std::as_bytes(std::span(blocks_));
  const auto checksums = std::as_bytes(std::span(checksums_));
  std::vector<std::byte> table(entries.begin(), entries.end());
  table.insert(table.end(), checksums.begin(), checksums.end());
  footer.table_checksum = checksum(table);
  footer.file_bytes = written_ + table.size() + sizeof(Footer);
  TRY(write(table));
  TRY(write(bytes_of(sealed(footer))));
  return publish();
}

Result<void> Writer::publish() {
  if (::fsync(descriptor_) != 0) return failed("cannot sync", errno);
  if (std::rename(part_.c_str(), path_.c_str()) != 0) return failed("cannot rename", errno);
  finished_ = true;
  const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
  const int handle =
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = handle >= 0 && ::fsync(handle) == 0;
  const int error_number = errno;
  if (handle >= 0) ::close(handle);
  if (!synced) return failed("cannot sync the folder", error_number);
  return {};
}

Result<void> Writer::end_block() {
  if (page_.empty()) return {};
  return write_page();
}

Result<void> Writer::write_page() {
  checksums_.push_back(checksum(page_));
  TRY(write(page_));
  page_.clear();
  return {};
}

Result<void> Writer::pad(std::size_t alignment) {
  static constexpr std::array<std::byte, kAlignmentMax> kZeros = {};
  return write(std::span(kZeros).first(-written_ % alignment));
}

Result<void> Writer::write(std::span<const std::byte> bytes) {
  if (failure_) return *failure_;
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("cannot write", errno);
    written_ += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Error Writer::failed(std::string_view what, int error_number) {
  return fail(Error(Code::Unavailable,
                    fmt::format("cannot write {}: {}: {}", path_, what, strerror(error_number))));
}

Error Writer::fail(Error error) { return failure_.emplace(std::move(error)); }

}  // namespace segment
