#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

// What a fuzz target knows of its driver. A target is one file with corpus() and with
// LLVMFuzzerTestOneInput, which holds what it calls to properties, not only to not crashing. It is
// driven by driver.cpp, or by clang's libFuzzer (preset fuzz).
namespace fuzz {

struct Corpus {
  std::vector<std::string> seeds{};  // inputs of the right shape
  std::vector<std::string> words{};  // what a mutation may put in
  std::size_t bytes_max = 4096;      // of an input
};

// Each target's own.
Corpus corpus();

// Ends the program when a property does not hold; the driver keeps the input.
inline void require(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

// Says that the input under way went far in, so that it is worth mutating further. libFuzzer sees
// that by itself.
inline bool kept = false;
inline void keep() { kept = true; }

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// `text` in pieces, cut at places that depend on it alone.
inline std::vector<std::string_view> pieces(std::string_view text) {
  Random draw(hash64(text));
  std::vector<std::string_view> all;
  while (!text.empty()) {
    const std::size_t size = 1 + draw.below(draw.below(4) == 0 ? text.size() : 3);
    all.push_back(text.substr(0, size));
    text.remove_prefix(all.back().size());
  }
  return all;
}

// The first byte of an input as a choice of `bound`, taken off it.
inline std::size_t choice(std::string_view& text, std::size_t bound) {
  if (text.empty()) return 0;
  const auto byte = static_cast<unsigned char>(text.front());
  text.remove_prefix(1);
  return byte % bound;
}

}  // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
