#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

// What the analysis knows of a code point. Tables of the basic plane, made from the Unicode
// Character Database; lookups are pure and thread-safe.
namespace lexical {

enum class CharacterClass : std::uint8_t {
  Other,     // parts words
  Letter,    // of scripts that put spaces between words
  Digit,     // decimal digits of any script, superscripts and subscripts
  Ignored,   // combining accents, soft hyphens, joiners: part of a word, not of its folded form
  Mark,      // vowel signs and other marks that tell words apart: kept in a word, start none
  Unspaced,  // scripts without spaces: Han, kana, Hangul (whose particles stick), Thai, Lao, Khmer
};

CharacterClass character_class(std::uint32_t point);

struct Folded {
  std::array<std::uint32_t, 3> points{};
  std::size_t count = 0;
};

// Case folded, compatibility forms resolved (NFKC), accents of Latin, Greek and Cyrillic dropped:
// "Ä" is "a", "ß" is "ss", a full-width "Ａ" is "a", "ﬁ" is "fi". Others stay as they are.
Folded fold(std::uint32_t point);

}  // namespace lexical
