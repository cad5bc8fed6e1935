#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

// Blocks of 128 ascending numbers in as few bits as their widest gap needs, laid out in four lanes
// so that four are unpacked at a time (Lemire, Boytsov: Decoding billions of integers per second
// through vectorization, 2015). Written with the compiler's vectors: the same code on every CPU.
namespace lexical {

inline constexpr std::size_t kBlock = 128;
inline constexpr unsigned kPackedBitsMax = 25;

// Appends the block and returns its bits per number. `before` is the number before the first one,
// or ~0 where there is none. Gaps are at most 2^kPackedBitsMax.
unsigned pack(const std::uint32_t* numbers, std::uint32_t before, std::vector<std::byte>& out);

constexpr std::size_t packed_bytes(unsigned bits) { return bits * kBlock / 8; }

void unpack(const std::byte* packed, unsigned bits, std::uint32_t before, std::uint32_t* numbers);

}  // namespace lexical
