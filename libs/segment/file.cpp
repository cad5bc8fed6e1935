#include "segment/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include "segment/checksum.h"

namespace segment {
namespace {

template <class T>
bool seal_holds(const T& value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  return value.checksum == checksum(bytes.first(sizeof(T) - sizeof(value.checksum)));
}

std::string_view name_of(const BlockEntry& block) { return block.name.data(); }

// A kind as its four letters, whatever a foreign file has there.
std::string spelled(std::uint32_t kind) {
  std::string letters;
  for (int i = 0; i < 4; ++i, kind >>= 8) {
    const char letter = static_cast<char>(kind & 0xFF);
    letters += letter > ' ' && letter < 127 ? letter : '?';
  }
  return letters;
}

Error system_error(Code code, const std::string& path, int error_number) {
  return Error(code, fmt::format("cannot open {}: {}", path, strerror(error_number)));
}

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return descriptor_; }
  int release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

}  // namespace

Result<std::shared_ptr<File>> File::open(const std::string& path, Identity identity) {
  Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (descriptor.get() < 0) {
    return system_error(errno == ENOENT ? Code::NotFound : Code::Unavailable, path, errno);
  }
  struct stat status {};
  if (::fstat(descriptor.get(), &status) != 0) return system_error(Code::Unavailable, path, errno);
  if (!S_ISREG(status.st_mode)) {
    return Error(Code::InvalidArgument, fmt::format("cannot open {}: it is no file", path));
  }
  const std::size_t size = static_cast<std::size_t>(status.st_size);
  if (size < sizeof(Header) + sizeof(Footer)) {
    return Error(Code::DataLoss,
                 fmt::format("{} is too short to be a segment: {} bytes", path, size));
  }
  void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor.get(), 0);
  if (mapped == MAP_FAILED) return system_error(Code::Unavailable, path, errno);
  std::shared_ptr<File> file(
      new File(path, descriptor.release(), {static_cast<const std::byte*>(mapped), size}));
  TRY(file->read_table(identity));
  return file;
}

File::File(std::string path, int descriptor, std::span<const std::byte> bytes)
    : path_(std::move(path)), descriptor_(descriptor), size_(bytes.size()), bytes_(bytes.data()) {}

File::~File() {
  ::munmap(const_cast<std::byte*>(bytes_), size_);
  ::close(descriptor_);
}

Result<void> File::check_header(Identity identity) const {
  Header header;
  std::memcpy(&header, bytes_, sizeof(header));
  if (header.magic != kHeaderMagic) {
    return Error(Code::InvalidArgument, fmt::format("{} is no segment of Troupe's", path_));
  }
  if (header.version != kVersion) {
    return Error(Code::Unimplemented, fmt::format("{} is a segment of version {}, this is {}",
                                                  path_, header.version, kVersion));
  }
  if (!seal_holds(header)) return damaged("its header has changed");
  if (header.kind != identity.kind) {
    return Error(Code::InvalidArgument, fmt::format("{} holds '{}' and not '{}'", path_,
                                                    spelled(header.kind), spelled(identity.kind)));
  }
  if (header.format != identity.format) {
    return Error(Code::Unimplemented,
                 fmt::format("{} has format {} of '{}', this is {}", path_, header.format,
                             spelled(header.kind), identity.format));
  }
  return {};
}

Result<void> File::read_table(Identity identity) {
  TRY(check_header(identity));
  Footer footer;
  std::memcpy(&footer, bytes_ + size_ - sizeof(footer), sizeof(footer));
  if (footer.magic != kFooterMagic) return damaged("it is cut short");
  Header header;
  std::memcpy(&header, bytes_, sizeof(header));
  if (!seal_holds(footer) || footer.header_checksum != header.checksum) {
    return damaged("its footer has changed");
  }
  // The seal says that the writer wrote this; what follows holds it to what a writer may write.
  if (footer.file_bytes != size_) return damaged("its length has changed");
  const std::uint64_t entries = footer.blocks * sizeof(BlockEntry);
  if (footer.blocks > kBlocksMax || footer.table_offset % kAlignment != 0 ||
      footer.table_offset > size_ || footer.checksums > size_ / sizeof(std::uint32_t) ||
      footer.table_offset + entries + footer.checksums * sizeof(std::uint32_t) + sizeof(Footer) !=
          size_) {
    return damaged("its footer contradicts itself");
  }
  const std::byte* const table = bytes_ + footer.table_offset;
  blocks_ = {reinterpret_cast<const BlockEntry*>(table), footer.blocks};
  checksums_ = {reinterpret_cast<const std::uint32_t*>(table + entries), footer.checksums};
  if (checksum({table, entries + checksums_.size_bytes()}) != footer.table_checksum) {
    return damaged("its block table has changed");
  }
  TRY(check_blocks(footer.table_offset));
  verified_ = std::make_unique<std::atomic<bool>[]>(checksums_.size());
  return {};
}

Result<void> File::check_blocks(std::uint64_t table_offset) const {
  std::uint64_t end = sizeof(Header);
  std::uint64_t checksums = 0;
  // Between blocks stand fewer zeros than an alignment.
  const auto gap = [&](std::uint64_t next) {
    return next >= end && next - end < kAlignmentMax && next <= table_offset &&
           std::all_of(bytes_ + end, bytes_ + next, [](std::byte b) { return b == std::byte{0}; });
  };
  for (const BlockEntry& block : blocks_) {
    if (block.name.back() != '\0' || block.offset % kAlignment != 0 ||
        block.length > kBlockBytesMax || block.first_checksum != checksums) {
      return damaged("its block table contradicts itself");
    }
    if (!gap(block.offset)) return damaged("bytes before a block have changed");
    end = block.offset + block.length;
    checksums += pages(block.length);
  }
  if (!gap(table_offset)) return damaged("bytes before the block table have changed");
  if (checksums != checksums_.size()) return damaged("its block table contradicts itself");
  return {};
}

Result<std::uint64_t> File::length(std::string_view name) const {
  return TRY(expect(name))->length;
}

Result<std::span<const std::byte>> File::block(std::string_view name) const {
  const BlockEntry* const block = TRY(expect(name));
  return part(name, 0, block->length);
}

Result<std::span<const std::byte>> File::part(std::string_view name, std::uint64_t offset,
                                              std::uint64_t length) const {
  TRY(verify(name, offset, length));
  return TRY(unverified(name)).subspan(offset, length);
}

Result<std::span<const std::byte>> File::unverified(std::string_view name) const {
  const BlockEntry* const block = TRY(expect(name));
  return std::span<const std::byte>(bytes_ + block->offset, block->length);
}

Result<void> File::verify(std::string_view name, std::uint64_t offset, std::uint64_t length,
                          const std::byte* mapped) const {
  const BlockEntry* const block = TRY(expect(name));
  if (offset > block->length || length > block->length - offset) {
    return damaged(fmt::format("block {} has {} bytes, {} from {} were asked for", name,
                               block->length, length, offset));
  }
  if (length == 0) return {};
  const std::uint64_t last = (offset + length - 1) / kPageBytes;
  for (std::uint64_t page = offset / kPageBytes; page <= last; ++page) {
    if (verified_[block->first_checksum + page].load(std::memory_order_relaxed)) continue;
    TRY(verify_page(*block, page, mapped == nullptr ? bytes_ + block->offset : mapped));
  }
  return {};
}

Result<void> File::verify_page(const BlockEntry& block, std::uint64_t page,
                               const std::byte* mapped) const {
  const std::uint64_t offset = page * kPageBytes;
  const std::uint64_t length = std::min<std::uint64_t>(kPageBytes, block.length - offset);
  const std::uint64_t index = block.first_checksum + page;
  if (checksum({mapped + offset, length}) != checksums_[index]) {
    return damaged(fmt::format("block {} has changed between bytes {} and {}", name_of(block),
                               offset, offset + length));
  }
  verified_[index].store(true, std::memory_order_relaxed);
  return {};
}

Result<bool> File::scrub(std::uint64_t bytes_max) {
  for (std::uint64_t read = 0; scrub_block_ < blocks_.size();) {
    const BlockEntry& block = blocks_[scrub_block_];
    if (scrub_page_ == pages(block.length)) {
      ++scrub_block_;
      scrub_page_ = 0;
      continue;
    }
    if (read >= bytes_max) return false;
    // Past a damaged page too: the next call goes on behind it.
    const std::uint64_t offset = block.offset + kPageBytes * scrub_page_;
    const Result<void> whole = verify_page(block, scrub_page_++, bytes_ + block.offset);
    const std::uint64_t first = offset / kAlignmentMax * kAlignmentMax;
    ::madvise(const_cast<std::byte*>(bytes_) + first, std::min(offset + kPageBytes, size_) - first,
              MADV_DONTNEED);  // the kernel's copy stays, and comes back when it is touched
    if (!whole) return whole.error();
    read += kPageBytes;
  }
  scrub_block_ = 0;
  return true;
}

Result<File::Extent> File::extent(std::string_view name) const {
  const BlockEntry* const block = TRY(expect(name));
  return Extent{descriptor_, block->offset, block->length};
}

const BlockEntry* File::find(std::string_view name) const {
  const auto found = std::find_if(blocks_.begin(), blocks_.end(),
                                  [&](const BlockEntry& block) { return name_of(block) == name; });
  return found == blocks_.end() ? nullptr : &*found;
}

Result<const BlockEntry*> File::expect(std::string_view name) const {
  const BlockEntry* const block = find(name);
  if (block == nullptr) return damaged(fmt::format("it has no block {}", name));
  return block;
}

Error File::damaged(std::string_view why) const {
  return Error(Code::DataLoss, fmt::format("{} is damaged: {}", path_, why));
}

Error File::misshapen(std::string_view name, std::size_t value_bytes) const {
  return damaged(fmt::format("block {} does not hold values of {} bytes", name, value_bytes));
}

}  // namespace segment
