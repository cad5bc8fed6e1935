#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// UTF-8 as RFC 3629 defines it: no surrogates, no overlong forms, at most U+10FFFF.
bool utf8_valid(std::string_view text);

// The number of code points; `text` must be valid.
std::size_t utf8_length(std::string_view text);

// The longest prefix of at most `bytes_max` bytes that does not cut a code point.
std::string_view utf8_prefix(std::string_view text, std::size_t bytes_max);

// `text` with every ill-formed sequence replaced by U+FFFD.
std::string utf8_repaired(std::string_view text);

// `text` with A-Z in lower case; other code points stay.
std::string ascii_lower(std::string_view text);

// `text` without white space at both ends.
std::string_view trimmed(std::string_view text);
