#include "segment/checksum.h"

#include <array>
#include <cstring>

#ifdef __x86_64__
#include <nmmintrin.h>
#endif

namespace segment {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78;  // CRC32C, reflected
constexpr std::size_t kLanes = 4;
constexpr std::size_t kStripe = kLanes * sizeof(std::uint64_t);

using Lanes = std::array<std::uint32_t, kLanes>;
constexpr Lanes kSeeds = {0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFC};

// Slicing by 8: tables[i][b] is byte b followed by i zero bytes.
constexpr auto kTables = [] {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t slice = 1; slice < 8; ++slice) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t crc = tables[slice - 1][byte];
      tables[slice][byte] = crc >> 8 ^ tables[0][crc & 0xFF];
    }
  }
  return tables;
}();

std::uint32_t word_portable(std::uint32_t crc, std::uint64_t word) {
  word ^= crc;
  std::uint32_t next = 0;
  for (std::size_t i = 0; i < 8; ++i) next ^= kTables[7 - i][word >> (8 * i) & 0xFF];
  return next;
}

std::uint32_t byte_portable(std::uint32_t crc, std::byte byte) {
  return crc >> 8 ^ kTables[0][(crc ^ std::to_integer<std::uint32_t>(byte)) & 0xFF];
}

std::uint64_t word_at(const std::byte* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

#ifdef __x86_64__
// Takes whole stripes only.
__attribute__((target("sse4.2"))) void stripes_sse42(Lanes& lanes,
                                                     std::span<const std::byte> bytes) {
  std::uint64_t a = lanes[0], b = lanes[1], c = lanes[2], d = lanes[3];
  const std::byte* const end = bytes.data() + bytes.size();
  for (const std::byte* at = bytes.data(); at != end; at += kStripe) {
    a = _mm_crc32_u64(a, word_at(at));
    b = _mm_crc32_u64(b, word_at(at + 8));
    c = _mm_crc32_u64(c, word_at(at + 16));
    d = _mm_crc32_u64(d, word_at(at + 24));
  }
  lanes = {static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(b),
           static_cast<std::uint32_t>(c), static_cast<std::uint32_t>(d)};
}
#endif

void stripes_portable(Lanes& lanes, std::span<const std::byte> bytes) {
  for (std::size_t at = 0; at < bytes.size(); at += kStripe) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] = word_portable(lanes[lane], word_at(bytes.data() + at + 8 * lane));
    }
  }
}

template <class Stripes>
std::uint32_t sum_up(std::span<const std::byte> bytes, const Stripes& stripes) {
  Lanes lanes = kSeeds;
  const std::size_t whole = bytes.size() / kStripe * kStripe;
  stripes(lanes, bytes.first(whole));
  for (const std::byte byte : bytes.subspan(whole)) lanes[0] = byte_portable(lanes[0], byte);
  std::uint32_t sum = word_portable(0xFFFFFFFF, bytes.size());
  for (const std::uint32_t lane : lanes) sum = word_portable(sum, lane);
  return ~sum;
}

}  // namespace

std::uint32_t checksum_portable(std::span<const std::byte> bytes) {
  return sum_up(bytes, stripes_portable);
}

std::uint32_t checksum(std::span<const std::byte> bytes) {
#ifdef __x86_64__
  static const bool fast = __builtin_cpu_supports("sse4.2") != 0;
  if (fast) return sum_up(bytes, stripes_sse42);
#endif
  return checksum_portable(bytes);
}

}  // namespace segment
