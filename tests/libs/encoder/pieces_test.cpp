#include "encoder/pieces.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace encoder {
namespace {

constexpr std::size_t kAll = 100;

// A vocabulary whose piece i has the id i + 1.
struct Pieces {
  explicit Pieces(std::vector<std::pair<std::string, float>> listed) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < listed.size(); ++i) order.push_back(i);
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return listed[a].first < listed[b].first; });
    for (const std::size_t i : order) {
      text += listed[i].first;
      ends.push_back(static_cast<std::uint32_t>(text.size()));
      ids.push_back(static_cast<std::uint32_t>(i + 1));
      scores.push_back(listed[i].second);
    }
  }

  std::vector<std::uint32_t> of(std::string_view words, std::size_t most = kAll) const {
    return pieces_of({text, ends, ids, scores}, words, most);
  }

  std::string text;
  std::vector<std::uint32_t> ends, ids;
  std::vector<float> scores;
};

using Ids = std::vector<std::uint32_t>;

TEST(Pieces, TheLikeliestSplitIsTakenAndNotTheLongestPiece) {
  const Pieces pieces({{"▁a", -1}, {"b", -1}, {"c", -1}, {"▁ab", -4}, {"▁abc", -3.5F}});
  EXPECT_EQ(pieces.of("ab"), (Ids{1, 2}));      // -2 against -4
  EXPECT_EQ(pieces.of("abc"), (Ids{1, 2, 3}));  // -3 against -3.5
}

TEST(Pieces, ASpaceBelongsToTheWordBehindIt) {
  const Pieces pieces({{"▁to", -1}, {"▁be", -1}, {"be", -2}, {"▁", -3}});
  EXPECT_EQ(pieces.of("to be"), (Ids{1, 2}));
  EXPECT_EQ(pieces.of("tobe"), (Ids{1, 3}));
  EXPECT_EQ(pieces.of("to "), (Ids{1, 4}));
}

TEST(Pieces, ARunOfUnknownCharactersIsOneUnknownPiece) {
  const Pieces pieces({{"▁a", -1}, {"▁", -2}, {"b", -1}});
  EXPECT_EQ(pieces.of("a☃é日b"), (Ids{1, kUnknownPiece, 3}));
  EXPECT_EQ(pieces.of("☃ ☃"), (Ids{2, kUnknownPiece, 2, kUnknownPiece}));
}

TEST(Pieces, AnUnknownCharacterCostsNoOtherWayWhereOneGoesAround) {
  // Behind "▁ab" nothing begins with "c" alone, but "bc" does behind "▁a".
  const Pieces pieces({{"▁a", -1}, {"▁ab", -1}, {"bc", -5}});
  EXPECT_EQ(pieces.of("abc"), (Ids{2, kUnknownPiece}));
}

TEST(Pieces, ATextEndsAtTheMostPieces) {
  const Pieces pieces({{"▁a", -1}});
  EXPECT_EQ(pieces.of("a a a a", 3), (Ids{1, 1, 1}));
  EXPECT_EQ(pieces.of("", 3), Ids());
}

TEST(Pieces, BrokenUtf8IsUnknownAndNoMore) {
  const Pieces pieces({{"▁a", -1}, {"b", -1}});
  EXPECT_EQ(pieces.of("a\xE2\x96"), (Ids{1, kUnknownPiece}));
  EXPECT_EQ(pieces.of("a\x80\x80"
                      "b"),
            (Ids{1, kUnknownPiece, 2}));
}

}  // namespace
}  // namespace encoder
