#include "characters/shipped.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/utf8.h"
#include "characters/card.h"
#include "lexical/sentences.h"

namespace characters::testing {
namespace {

// The shipped cards, and the sentences of the knowledge files without their headings.
class ShippedCast : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const auto& [name, text] : shipped_cast()) {
      if (name.ends_with(".md")) {
        for (const auto sentence : lexical::sentences(text)) {
          if (sentence.ends_with('.')) facts_[std::string(name)].emplace_back(sentence);
        }
        continue;
      }
      auto card = parse_card(text);
      ASSERT_TRUE(card.ok()) << name << ": " << card.error().message;
      cards_.push_back(std::move(card).value());
    }
    ASSERT_EQ(cards_.size(), 3U);
    ASSERT_EQ(facts_.size(), 3U);
  }

  std::vector<Card> cards_;
  std::map<std::string, std::vector<std::string>> facts_;
};

TEST_F(ShippedCast, HasEnoughLinesForEverySituation) {
  const std::map<std::string, std::size_t> wanted = {
      {"greeting", 8},     {"farewell", 8},      {"thanks", 8},       {"how_are_you", 8},
      {"who_are_you", 5},  {"told", 12},         {"opinion", 10},     {"unknown", 14},
      {"insult", 6},       {"compliment", 6},    {"join", 16},        {"dodge", 10},
      {"about peter", 8},  {"about brian", 8},   {"about stewie", 8}, {"teaser peter", 8},
      {"teaser brian", 8}, {"teaser stewie", 8}, {"wrap", 14}};
  for (const Card& card : cards_) {
    for (const auto& [situation, count] : wanted) {
      if (situation.ends_with(" " + card.id)) continue;
      ASSERT_TRUE(card.lines.contains(situation)) << card.id << " " << situation;
      EXPECT_GE(card.lines.at(situation).size(), count) << card.id << " " << situation;
    }
  }
}

TEST_F(ShippedCast, HasAVoiceAndTopics) {
  for (const Card& card : cards_) {
    EXPECT_GE(card.topics.size(), 25U) << card.id;
    EXPECT_GE(card.voice.phrases.size(), 10U) << card.id;
    EXPECT_GE(card.voice.words.size(), 30U) << card.id;
    for (const auto& word : card.voice.words) EXPECT_EQ(word, ascii_lower(word));
  }
}

TEST_F(ShippedCast, HasAtLeastSeventyFactsEach) {
  for (const Card& card : cards_) EXPECT_GE(facts_.at(card.knowledge_file).size(), 70U) << card.id;
}

TEST_F(ShippedCast, StatesEveryFactOnceAndAboutItsOwner) {
  std::set<std::string> seen;
  for (const Card& card : cards_) {
    for (const auto& fact : facts_.at(card.knowledge_file)) {
      EXPECT_TRUE(seen.insert(fact).second) << fact;
      EXPECT_TRUE(fact.starts_with(card.name)) << fact;
    }
  }
}

TEST_F(ShippedCast, SharesNoMarkerBetweenTwoCharacters) {
  std::map<std::string, std::string> owners;
  for (const Card& card : cards_) {
    for (const auto* markers : {&card.voice.words, &card.voice.phrases}) {
      for (const auto& marker : *markers) {
        EXPECT_EQ(owners.emplace(marker, card.id).first->second, card.id) << marker;
      }
    }
  }
}

TEST_F(ShippedCast, NeverSaysTheSameLineTwiceOrStartsWithItsName) {
  std::set<std::string> seen;
  for (const Card& card : cards_) {
    for (const auto& [situation, lines] : card.lines) {
      for (const auto& line : lines) {
        EXPECT_TRUE(seen.insert(line).second) << line;
        EXPECT_FALSE(line.starts_with(card.name)) << line;
        EXPECT_EQ(situation == "wrap", line.find("{fact}") != std::string::npos) << line;
        EXPECT_EQ(situation == "join", line.find("{topic}") != std::string::npos) << line;
      }
    }
  }
}

}  // namespace
}  // namespace characters::testing
