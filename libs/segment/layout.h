#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

// The file's layout, in the order of its bytes; all numbers little-endian:
//
//   Header      64 bytes
//   blocks      each at its alignment, zeros between them
//   BlockEntry  one a block
//   checksums   u32, one for each page of each block, block after block
//   Footer      64 bytes, the last of the file
//
// Header and footer end in a checksum of their own, the footer holds that of entries and checksums,
// and the zeros between blocks are compared when the file is opened: no byte goes unchecked.
namespace segment {

// What a file holds, and how: an owner raises `format` whenever older files would be misread.
struct Identity {
  std::uint32_t kind = 0;  // as of kind("vecs")
  std::uint32_t format = 0;
};

constexpr std::uint32_t kind(const char (&name)[5]) {
  std::uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(name[i]);
  return value;
}

inline constexpr std::size_t kPageBytes = 1 << 20;  // what one checksum covers
inline constexpr std::size_t kAlignment = 64;
inline constexpr std::size_t kAlignmentMax = 4096;
inline constexpr std::size_t kBlocksMax = 1024;
inline constexpr std::size_t kNameBytes = 39;
inline constexpr std::uint64_t kBlockBytesMax = std::uint64_t{1} << 40;
inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::array<char, 8> kHeaderMagic = {'T', 'r', 'o', 'u', 'p', 'e', '\r', '\n'};
inline constexpr std::array<char, 8> kFooterMagic = {'e', 'p', 'u', 'o', 'r', 'T', '\r', '\n'};

struct Header {
  std::array<char, 8> magic = kHeaderMagic;
  std::uint32_t version = kVersion;
  std::uint32_t kind = 0;
  std::uint32_t format = 0;
  std::array<std::uint32_t, 10> zeros = {};
  std::uint32_t checksum = 0;  // of the bytes before it
};

struct BlockEntry {
  std::array<char, kNameBytes + 1> name = {};  // ends in at least one zero
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::uint64_t first_checksum = 0;
};

struct Footer {
  std::uint64_t file_bytes = 0;
  std::uint64_t table_offset = 0;
  std::uint64_t checksums = 0;
  std::uint32_t blocks = 0;
  std::uint32_t table_checksum = 0;
  std::uint32_t header_checksum = 0;  // this footer belongs to that header
  std::array<std::uint32_t, 4> zeros = {};
  std::array<char, 8> magic = kFooterMagic;
  std::uint32_t checksum = 0;  // of the bytes before it
};

static_assert(sizeof(Header) == 64 && sizeof(BlockEntry) == 64 && sizeof(Footer) == 64);

constexpr std::uint64_t pages(std::uint64_t length) {
  return (length + kPageBytes - 1) / kPageBytes;
}

}  // namespace segment
