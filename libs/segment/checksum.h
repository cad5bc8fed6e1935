#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

// The checksum of a segment's bytes: CRC32C in four lanes, so that the CPU's instruction (3 cycles'
// latency, one a cycle) is kept busy: some 25 GB/s, where a single chain gives a third. Word i of 8
// bytes belongs to lane i % 4, the bytes after the last 32 to lane 0; the lanes and the length are
// summed up by one CRC32C more. A change within one lane (any burst of up to 32 bits in particular)
// is always found, any other with 1 - 2^-32.
namespace segment {

std::uint32_t checksum(std::span<const std::byte> bytes);

// The same without the instruction, for CPUs that lack it and as its oracle.
std::uint32_t checksum_portable(std::span<const std::byte> bytes);

}  // namespace segment
