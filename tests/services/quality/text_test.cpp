#include "quality/text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "quality/numbers.h"
#include "quality/readings.h"

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

std::size_t hits(std::string_view pattern, std::string_view text) {
  PhraseSet set;
  set.add_pattern(pattern, 0);
  return set.find(read_text(text)).size();
}

TEST(PhraseSet, APatternHasAlternativesAndGaps) {
  EXPECT_EQ(hits("i will|shall find you", "I shall find you. I will find you!"), 2U);
  EXPECT_EQ(hits("i will|shall find you", "I must find you."), 0U);
  EXPECT_EQ(hits("you are * worthless", "You are worthless, you are so very, very worthless."), 2U);
  EXPECT_EQ(hits("you are * worthless", "You are not one of the worthless."), 0U);
  EXPECT_EQ(hits("you are * worthless", "You are"), 0U);
}

TEST(PhraseSet, APhraseIsTakenAsItIs) {
  PhraseSet set;
  set.add("beer * wine", 0);
  EXPECT_EQ(set.find(read_text("Beer, wine!")).size(), 1U);
  EXPECT_TRUE(set.find(read_text("beer and wine")).empty());
  set.add("", 1);
  set.add_pattern("*", 2);
  EXPECT_EQ(set.find(read_text("Beer, wine!")).size(), 1U);
}

std::vector<std::int64_t> numbers(std::string_view text) {
  const Text read = read_text(text);
  std::vector<std::int64_t> values;
  for (const Number& number : read_numbers(read)) values.push_back(number.value);
  return values;
}

TEST(ReadNumbers, ReadsDigitsAndWords) {
  using Values = std::vector<std::int64_t>;
  EXPECT_EQ(numbers("43 dogs, 160,000 miles, the 1940s"), (Values{43, 160000, 1940}));
  EXPECT_EQ(numbers("Forty-six, two hundred and twelve, three thousand five hundred"),
            (Values{46, 212, 3500}));
  EXPECT_EQ(numbers("the twelfth, at noon, at five to seven"), (Values{12, 12, 5, 7}));
  EXPECT_EQ(numbers("one and two, a hundred and"), (Values{1, 2, 100}));
}

TEST(ReadNumbers, SurvivesWhatIsNoNumber) {
  EXPECT_TRUE(numbers("99999999999999999999999 3dprinter 0x10zz").empty());
  EXPECT_TRUE(numbers("").empty());
  // As large as it gets by words: no overflow.
  EXPECT_FALSE(numbers("nine million million million million thousand thousand").empty());
}

TEST(Readings, ATextIsReadOnceWhileItIsAskedFor) {
  Readings readings;
  const auto first = readings.of("Holy crap, 43 hot dogs!");
  EXPECT_EQ(readings.of("Holy crap, 43 hot dogs!"), first);
  EXPECT_EQ(first->numbers.front().value, 43);
  // What is asked for again outlives what is not.
  for (int i = 0; i < 2000; ++i) {
    readings.of(std::string(400, 'x') + std::to_string(i));
    if (i % 100 == 0) {
      EXPECT_EQ(readings.of("Holy crap, 43 hot dogs!"), first);
    }
  }
  for (int i = 0; i < 2000; ++i) readings.of(std::string(400, 'y') + std::to_string(i));
  EXPECT_NE(readings.of("Holy crap, 43 hot dogs!"), first);
}

}  // namespace
}  // namespace quality
