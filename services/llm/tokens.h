#pragma once

#include <cstdint>
#include <string_view>

namespace llm {

// What a text costs where nobody has counted: one token for four bytes of
// ASCII, rounded up, and one for each character beyond it. English is met
// within some 20 %; Cyrillic and CJK come out high rather than low, so that
// what is held to fit does fit.
std::int64_t estimated_tokens(std::string_view text);

// What was streamed in so many pieces, of so many bytes together: most
// providers send a token at a time.
std::int64_t estimated_streamed(std::int64_t pieces, std::int64_t text_bytes);

}  // namespace llm
