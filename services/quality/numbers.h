#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "quality/text.h"

namespace quality {

// A number that a text states, in digits or in words: 46, 1,200, "forty-six", "the twelfth",
// "noon".
struct Number {
  std::int64_t value = 0;
  std::size_t first = 0;  // index of its first word
  std::size_t words = 1;
  bool digits = false;
};

// All numbers of a text, in order. Pure; thread-safe.
std::vector<Number> read_numbers(const Text& text);

}  // namespace quality
