#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

// Numbers in byte streams of the index: little-endian base 128, seven bits a byte. Who reads trusts
// the stream: a file's checksums were verified before.
namespace lexical {

inline void put_varint(std::vector<std::byte>& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) out.push_back(static_cast<std::byte>(value | 0x80U));
  out.push_back(static_cast<std::byte>(value));
}

// Moves `at` behind the number.
inline std::uint64_t get_varint(const std::byte*& at) {
  std::uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = std::to_integer<std::uint64_t>(*at++);
    value |= (byte & 0x7FU) << shift;
    if (byte < 0x80) return value;
  }
}

template <class T>
void put_raw(std::vector<std::byte>& out, const T* values, std::size_t count) {
  const auto* bytes = reinterpret_cast<const std::byte*>(values);
  out.insert(out.end(), bytes, bytes + count * sizeof(T));
}

}  // namespace lexical
