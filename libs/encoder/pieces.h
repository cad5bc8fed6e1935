#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

// Text as the pieces of a vocabulary: the split whose pieces have the greatest product of
// probabilities (a unigram language model, Kudo 2018, as SentencePiece does it).
namespace encoder {

// Pieces in ascending order of their bytes, one beside the other in `text`. Spans of the owner's.
struct Vocabulary {
  std::string_view text;
  std::span<const std::uint32_t> ends;  // of each piece in `text`
  std::span<const std::uint32_t> ids;
  std::span<const float> scores;  // log probabilities

  std::size_t size() const { return ends.size(); }
  std::string_view piece(std::size_t i) const {
    const std::uint32_t start = i == 0 ? 0 : ends[i - 1];
    return text.substr(start, ends[i] - start);
  }
};

inline constexpr std::uint32_t kUnknownPiece = 0;

// The ids of the pieces of `text` (UTF-8), at most `most`; a run of characters that no piece begins
// with is one kUnknownPiece. Words are parted by spaces alone; of Unicode's compatibility forms
// (NFKC) nothing is undone.
std::vector<std::uint32_t> pieces_of(const Vocabulary& vocabulary, std::string_view text,
                                     std::size_t most);

}  // namespace encoder
