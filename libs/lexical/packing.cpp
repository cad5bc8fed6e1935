#include "lexical/packing.h"

#include <array>
#include <bit>
#include <cassert>
#include <cstring>
#include <utility>

#include "lexical/bytes.h"

namespace lexical {
namespace {

using Lanes = std::uint32_t __attribute__((vector_size(16)));
constexpr std::size_t kLanes = 4;
constexpr std::size_t kRows = kBlock / kLanes;

Lanes load(const std::byte* at) {
  Lanes lanes;
  std::memcpy(&lanes, at, sizeof lanes);
  return lanes;
}

// Row `row` of gaps less one, B bits each.
template <unsigned B, unsigned Row>
Lanes gaps(const std::byte* packed) {
  if constexpr (B == 0) {
    return Lanes{};
  } else {
    constexpr unsigned kWord = Row * B / 32;
    constexpr unsigned kShift = Row * B % 32;
    constexpr std::uint32_t kMask = (1U << B) - 1;
    Lanes lanes = load(packed + kWord * sizeof(Lanes)) >> kShift;
    if constexpr (kShift + B > 32) {
      lanes |= load(packed + (kWord + 1) * sizeof(Lanes)) << (32 - kShift);
    }
    return lanes & Lanes{kMask, kMask, kMask, kMask};
  }
}

template <unsigned B, unsigned... Row>
void unpack_rows(const std::byte* packed, std::uint32_t before, std::uint32_t* numbers,
                 std::integer_sequence<unsigned, Row...>) {
  constexpr Lanes kNone{};
  Lanes last{before, before, before, before};
  const auto row = [&](Lanes lanes, std::uint32_t* out) {
    lanes += Lanes{1, 1, 1, 1};
    lanes += __builtin_shufflevector(kNone, lanes, 0, 4, 5, 6);
    lanes += __builtin_shufflevector(kNone, lanes, 0, 1, 4, 5);
    lanes += last;
    last = __builtin_shufflevector(lanes, lanes, 3, 3, 3, 3);
    std::memcpy(out, &lanes, sizeof lanes);
  };
  (row(gaps<B, Row>(packed), numbers + std::size_t{Row} * kLanes), ...);
}

template <unsigned B>
void unpack_block(const std::byte* packed, std::uint32_t before, std::uint32_t* numbers) {
  unpack_rows<B>(packed, before, numbers, std::make_integer_sequence<unsigned, kRows>{});
}

using Unpack = void (*)(const std::byte*, std::uint32_t, std::uint32_t*);

template <unsigned... B>
constexpr std::array<Unpack, sizeof...(B)> unpackers(std::integer_sequence<unsigned, B...>) {
  return {unpack_block<B>...};
}

constexpr auto kUnpackers = unpackers(std::make_integer_sequence<unsigned, kPackedBitsMax + 1>{});

}  // namespace

unsigned pack(const std::uint32_t* numbers, std::uint32_t before, std::vector<std::byte>& out) {
  std::array<std::uint32_t, kBlock> gap;
  std::uint32_t all = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    gap[i] = numbers[i] - before - 1;
    before = numbers[i];
    all |= gap[i];
  }
  const auto bits = static_cast<unsigned>(std::bit_width(all));
  assert(bits <= kPackedBitsMax);
  std::array<std::uint32_t, kLanes * kPackedBitsMax + kLanes> words{};
  for (std::size_t i = 0; i < kBlock; ++i) {
    const std::size_t bit = i / kLanes * bits;
    const std::size_t word = bit / 32 * kLanes + i % kLanes;
    words[word] |= gap[i] << (bit % 32);
    if (bit % 32 + bits > 32) words[word + kLanes] |= gap[i] >> (32 - bit % 32);
  }
  put_raw(out, words.data(), kLanes * bits);
  return bits;
}

void unpack(const std::byte* packed, unsigned bits, std::uint32_t before, std::uint32_t* numbers) {
  kUnpackers[bits](packed, before, numbers);
}

}  // namespace lexical
