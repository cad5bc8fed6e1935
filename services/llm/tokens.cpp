#include "llm/tokens.h"

namespace llm {

std::int64_t estimated_tokens(std::string_view text) {
  std::int64_t ascii = 0;
  std::int64_t others = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      ++ascii;
    } else if (byte >= 0xc0) {
      ++others;  // the first byte of a character
    }
  }
  return (ascii + 3) / 4 + others;
}

std::int64_t estimated_streamed(std::int64_t pieces, std::int64_t text_bytes) {
  constexpr std::int64_t kTokenBytesMax = 12;  // on average; beyond, the pieces are no tokens
  if (text_bytes <= pieces * kTokenBytesMax) return pieces;
  return (text_bytes + 3) / 4;
}

}  // namespace llm
