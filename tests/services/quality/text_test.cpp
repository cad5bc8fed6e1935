#include "quality/text.h"

#include <gtest/gtest.h>

#include <string>

namespace quality {
namespace {

TEST(ReadText, FindsWordsWithTheirPlaces) {
  const Text text = read_text("Well, I don't know.");
  ASSERT_EQ(text.words.size(), 4U);
  EXPECT_EQ(text.written(text.words[2]), "don't");
  EXPECT_EQ(text.words[2].hash, read_word("DONT").hash);
}

TEST(ReadText, CutsPossessivesAlsoWithACurlyApostrophe) {
  EXPECT_EQ(read_word("Peter's").hash, read_word("peter").hash);
  EXPECT_EQ(read_word("Peter\xE2\x80\x99s").hash, read_word("peter").hash);
}

TEST(ReadText, JoinsEndingsInTheStem) {
  EXPECT_EQ(read_word("brewing").stem, read_word("brewed").stem);
  EXPECT_EQ(read_word("parties").stem, read_word("party").stem);
  EXPECT_EQ(read_word("favourite").stem, read_word("favorite").stem);
  EXPECT_NE(read_word("beer").stem, read_word("bear").stem);
  EXPECT_NE(read_word("four").stem, read_word("for").stem);
}

TEST(ReadText, TakesEmojiAndDashesForGaps) {
  EXPECT_TRUE(read_text("\xF0\x9F\x98\x80 \xE2\x80\x94 \xE2\x9C\xA8").words.empty());
  EXPECT_EQ(read_text("beer\xE2\x80\x94now").words.size(), 2U);
  EXPECT_EQ(read_text("caf\xC3\xA9").words.size(), 1U);
}

TEST(ReadText, SurvivesAnyBytes) {
  std::string bytes;
  for (int c = 0; c < 256; ++c) bytes += static_cast<char>(c);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const Text text = read_text(std::string_view(bytes).substr(i));
    for (const Word& word : text.words) {
      EXPECT_LT(word.start, word.end);
      EXPECT_LE(word.end, text.raw.size());
    }
  }
  EXPECT_TRUE(read_text("\xE2").words.empty());
  EXPECT_TRUE(read_text("\xF0\x9F").words.empty());
}

TEST(HashSet, KeepsWhatItWasGivenWhileItGrows) {
  HashSet set;
  for (std::uint64_t i = 0; i < 1000; ++i) set.insert(i * 64);
  EXPECT_EQ(set.size(), 1000U);
  EXPECT_TRUE(set.contains(0));
  EXPECT_TRUE(set.contains(64 * 999));
  EXPECT_FALSE(set.contains(65));
  EXPECT_FALSE(HashSet{}.contains(1));
}

TEST(PhraseSet, FindsWholeWordsOnly) {
  PhraseSet set;
  set.add("holy crap", 7);
  EXPECT_EQ(set.find(read_text("Holy CRAP, look!")).size(), 1U);
  EXPECT_TRUE(set.find(read_text("holy crapshoot")).empty());
  EXPECT_TRUE(set.find(read_text("holy")).empty());
}

}  // namespace
}  // namespace quality
