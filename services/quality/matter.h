#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "quality/text.h"

// What a text is about. Pure; thread-safe.
namespace quality {

// A word of meaning that not every talk has. Words of one stem or of one beginning are kin:
// "drinks" and "drinking", "thunder" and "thunderstorm".
struct Subject {
  std::uint64_t stem = 0;
  std::uint64_t kin = 0;
};

struct Matter {
  std::vector<Subject> subjects;      // each stem once, in order
  std::vector<std::uint16_t> topics;  // of lexical::topics(), each once, ascending
};

Matter read_matter(const Text& text);

// A word of `text` as a subject; none for words that carry none.
std::optional<Subject> read_subject(const Text& text, const Word& word);

std::vector<std::uint16_t> topics_of(const std::vector<Subject>& subjects);

}  // namespace quality
