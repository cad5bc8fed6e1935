#include "lexical/spelling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lexical {
namespace {

using Words = std::vector<std::pair<std::string_view, std::uint64_t>>;

const Words kWords{{"configuration", 900}, {"configurations", 40}, {"database", 700},
                   {"databases", 120},     {"file", 5000},         {"filename", 300},
                   {"form", 400},          {"from", 9000},         {"log", 800},
                   {"package", 3000},      {"passage", 30},        {"replication", 200},
                   {"datebase", 1},        {"name", 2000},         {"3.11", 50},
                   {"--verbose", 60},      {"caf\xC3\xA9", 20}};

std::vector<std::string> texts(const std::vector<Correction>& corrections) {
  std::vector<std::string> all;
  for (const Correction& correction : corrections) all.push_back(correction.word);
  return all;
}

TEST(EditsBetween, CountsWhatIsLostAddedChangedAndSwapped) {
  EXPECT_EQ(edits_between("package", "package", 2), 0);
  EXPECT_EQ(edits_between("pakage", "package", 2), 1);
  EXPECT_EQ(edits_between("packkage", "package", 2), 1);
  EXPECT_EQ(edits_between("packege", "package", 2), 1);
  EXPECT_EQ(edits_between("pacakge", "package", 2), 1);
  EXPECT_EQ(edits_between("pcakgae", "package", 2), 2);
  EXPECT_EQ(edits_between("", "ab", 2), 2);
  EXPECT_EQ(edits_between("abcdef", "package", 2), 3);
  EXPECT_EQ(edits_between(std::string(41, 'a'), "a", 2), 3);
}

TEST(Spelling, RepairsEachKindOfASingleEdit) {
  const Spelling spelling(kWords);
  for (const char* word : {"pakage", "packkage", "packege", "pacakge", "ackage", "packagr"}) {
    const auto corrections = spelling.corrections(word);
    ASSERT_FALSE(corrections.empty()) << word;
    EXPECT_EQ(corrections[0].word, "package") << word;
    EXPECT_EQ(corrections[0].edits, 1) << word;
  }
}

TEST(Spelling, RepairsTwoEditsInLongWordsOnly) {
  const Spelling spelling(kWords);
  ASSERT_FALSE(spelling.corrections("confgurtion").empty());
  EXPECT_EQ(spelling.corrections("confgurtion")[0].word, "configuration");
  EXPECT_EQ(spelling.corrections("confgurtion")[0].edits, 2);
  EXPECT_TRUE(spelling.corrections("pckge").empty());
}

TEST(Spelling, OffersTheMoreCommonWordFirstAndSharesTheLikelihood) {
  const Spelling spelling(kWords);
  const auto corrections = spelling.corrections("pasage");
  EXPECT_EQ(texts(corrections), std::vector<std::string>{"passage"});
  const auto both = Spelling(Words{{"parse", 10}, {"pause", 1000}}).corrections("pazse");
  EXPECT_EQ(texts(both), (std::vector<std::string>{"pause", "parse"}));
  EXPECT_GT(both[0].share, both[1].share);
  EXPECT_NEAR(both[0].share + both[1].share, 1, 1e-9);
}

TEST(Spelling, LeavesKnownWordsAlone) {
  const Spelling spelling(kWords);
  // "form" is one swap from "from", which is far more common.
  EXPECT_TRUE(spelling.corrections("form").empty());
  EXPECT_TRUE(spelling.corrections("passage").empty());
}

TEST(Spelling, DoubtsARareWordThatIsNearAMuchMoreCommonOne) {
  const Spelling spelling(kWords);
  EXPECT_EQ(spelling.documents("datebase"), 1U);
  const auto corrections = spelling.corrections("datebase");
  ASSERT_FALSE(corrections.empty());
  EXPECT_EQ(corrections[0].word, "database");
  EXPECT_TRUE(Spelling(Words{{"datebase", 1}, {"database", 99}}).corrections("datebase").empty());
}

TEST(Spelling, LeavesShortWordsNumbersAndOptionsAlone) {
  const Spelling spelling(kWords);
  EXPECT_TRUE(spelling.corrections("lgo").empty());
  EXPECT_TRUE(spelling.corrections("3.12").empty());
  EXPECT_TRUE(spelling.corrections("--verbos").empty());
  EXPECT_TRUE(spelling.corrections("").empty());
  EXPECT_TRUE(spelling.corrections(std::string(1000, 'a')).empty());
  EXPECT_EQ(spelling.documents("--verbose"), 60U);
}

TEST(Spelling, PartsTwoKnownWordsThatWereWrittenAsOne) {
  const Spelling spelling(kWords);
  EXPECT_EQ(spelling.parted("packagename"),
            std::make_pair(std::string("package"), std::string("name")));
  EXPECT_EQ(spelling.parted("packagezzz"), std::make_pair(std::string(), std::string()));
  EXPECT_EQ(spelling.parted("ab"), std::make_pair(std::string(), std::string()));
}

TEST(Spelling, KnowsNothingWithoutWords) {
  const Spelling spelling(Words{});
  EXPECT_EQ(spelling.documents("package"), 0U);
  EXPECT_TRUE(spelling.corrections("package").empty());
  EXPECT_EQ(spelling.parted("packagename").first, "");
}

TEST(Spelling, DropsTheRarestWordsOverItsLimit) {
  const Spelling spelling(Words{{"alpha", 1}, {"beta", 3}, {"gamma", 9}, {"zeta", 5}},
                          {.words_max = 2});
  EXPECT_EQ(spelling.documents("alpha"), 0U);
  EXPECT_EQ(spelling.documents("beta"), 0U);
  EXPECT_EQ(spelling.documents("gamma"), 9U);
  EXPECT_EQ(spelling.documents("zeta"), 5U);
}

TEST(Spelling, BelievesACallerWhoKnowsMoreDocuments) {
  const Spelling spelling(kWords);
  EXPECT_EQ(spelling.corrections("pakage").size(), 1U);
  EXPECT_EQ(spelling.corrections("pakage", 2).size(), 1U);  // "package" is over 100 times as common
  EXPECT_TRUE(spelling.corrections("pakage", 3).empty());
}

// Many words share a part and letters with what was typed: they must not crowd out longer ones.
TEST(Spelling, FindsALetterThatWasLostAmongManyWords) {
  std::mt19937 random(3);
  std::vector<std::string> vocabulary{"abcdefg"};
  constexpr std::string_view kLetters = "abcdefgh";
  for (int i = 0; i < 30'000; ++i) {
    std::string word = "ab";
    for (std::size_t length = 5 + random() % 2; word.size() < length;) {
      word += kLetters[random() % kLetters.size()];
    }
    vocabulary.push_back(word);
  }
  std::sort(vocabulary.begin(), vocabulary.end());
  vocabulary.erase(std::unique(vocabulary.begin(), vocabulary.end()), vocabulary.end());
  Words words;
  for (const std::string& word : vocabulary) {
    if (word != "abdefg") words.emplace_back(word, 10);
  }
  const Spelling spelling(words, {.corrections_max = 1000, .candidates_max = 500});
  const auto found = texts(spelling.corrections("abdefg"));
  EXPECT_TRUE(std::find(found.begin(), found.end(), "abcdefg") != found.end());
}

TEST(Spelling, KeepsItsLimits) {
  EXPECT_EQ(Spelling(kWords, {.words_max = 2}).documents("database"), 0U);
  EXPECT_TRUE(Spelling(kWords, {.candidates_max = 0}).corrections("pakage").empty());
  EXPECT_TRUE(Spelling(kWords, {.corrections_max = 0}).corrections("pakage").empty());
  EXPECT_TRUE(Spelling(kWords, {.documents_min = 5000}).corrections("pakage").empty());
}

// One edit of any kind and any two of lost, added and changed letters, at any place.
TEST(Spelling, FindsWhatComparingAllWordsFinds) {
  std::mt19937 random(5);
  const auto letter = [&] { return static_cast<char>('a' + random() % 4); };
  std::vector<std::string> vocabulary;
  for (int i = 0; i < 300; ++i) {
    std::string word;
    for (std::size_t length = 4 + random() % 9; word.size() < length;) word += letter();
    vocabulary.push_back(word);
  }
  std::sort(vocabulary.begin(), vocabulary.end());
  vocabulary.erase(std::unique(vocabulary.begin(), vocabulary.end()), vocabulary.end());
  Words words;
  for (const std::string& word : vocabulary) words.emplace_back(word, 10);
  const Spelling spelling(words, {.corrections_max = 1000});
  int seen = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::string& meant = vocabulary[random() % vocabulary.size()];
    std::string typed = meant;
    const int edits = meant.size() > Spelling::kOneEditBytesMax + 2 ? 1 + round % 2 : 1;
    for (int i = 0; i < edits; ++i) {
      const std::size_t at = random() % typed.size();
      const auto kind = random() % (edits == 1 ? 4 : 3);
      if (kind == 0) typed.erase(at, 1);
      if (kind == 1) typed.insert(at, 1, letter());
      if (kind == 2) typed[at] = letter();
      if (kind == 3 && at + 1 < typed.size()) std::swap(typed[at], typed[at + 1]);
    }
    if (spelling.documents(typed) > 0 || typed.size() < Spelling::kBytesMin) continue;
    const auto found = texts(spelling.corrections(typed));
    EXPECT_TRUE(std::find(found.begin(), found.end(), meant) != found.end())
        << typed << " for " << meant;
    ++seen;
  }
  EXPECT_GT(seen, 1000);
}

}  // namespace
}  // namespace lexical
