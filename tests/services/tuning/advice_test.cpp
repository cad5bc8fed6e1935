#include "tuning/advice.h"

#include <gtest/gtest.h>

#include <set>

namespace tuning {
namespace {

using contracts::OutcomeAttempt;

OutcomeAttempt attempt(std::vector<FindingCode> codes, std::vector<std::string> hints = {}) {
  OutcomeAttempt made;
  made.codes = std::move(codes);
  made.hints = std::move(hints);
  return made;
}

TEST(Advice, EveryFaultHasAtLeastTwoTextsWithIdsOfTheirOwn) {
  const HintTexts texts = default_hints();
  std::set<std::string> ids;
  std::size_t count = 0;
  for (const auto& [code, name] : enum_names(FindingCode{})) {
    ASSERT_TRUE(texts.contains(code)) << name;
    EXPECT_GE(texts.at(code).size(), 2U) << name;
    for (const auto& text : texts.at(code)) {
      const std::string id = hint_id(code, text);
      EXPECT_EQ(code_of_hint(id), code);
      ids.insert(id);
      ++count;
    }
    EXPECT_GT(guidance({{code, 1}}).back().size(), 10U) << name;
  }
  EXPECT_EQ(ids.size(), count);
}

TEST(Advice, AStrangersIdIsNoHint) {
  for (const auto* id : {"", ".", "nonsense.1", "repetition_1"}) {
    EXPECT_EQ(code_of_hint(id), std::nullopt) << id;
  }
}

TEST(Advice, AHintHasHelpedWhenTheFaultIsGone) {
  const auto uses = hint_uses({attempt({FindingCode::Repetition}),
                               attempt({FindingCode::Repetition}, {"repetition.a"}),
                               attempt({FindingCode::TooLong}, {"repetition.b"})});
  ASSERT_EQ(uses.size(), 2U);
  EXPECT_EQ(uses[0].hint, "repetition.a");
  EXPECT_FALSE(uses[0].helped);
  EXPECT_EQ(uses[1].hint, "repetition.b");
  EXPECT_TRUE(uses[1].helped);
}

TEST(Advice, AHintTellsNothingWithoutItsFaultBeforeOrAVerdictAfter) {
  auto faulty = attempt({}, {"repetition.a"});
  faulty.fault = "unavailable";
  EXPECT_TRUE(hint_uses({attempt({}, {"repetition.a"})}).empty());
  EXPECT_TRUE(hint_uses({attempt({FindingCode::TooLong}), attempt({}, {"repetition.a"})}).empty());
  EXPECT_TRUE(hint_uses({attempt({FindingCode::Repetition}), faulty}).empty());
  EXPECT_TRUE(hint_uses({attempt({FindingCode::Repetition}), attempt({}, {"what"})}).empty());
}

TEST(Advice, AFaultBetweenTwoDraftsDoesNotHideTheFirst) {
  auto faulty = attempt({});
  faulty.fault = "unavailable";
  const auto uses = hint_uses({attempt({FindingCode::Toxic}), faulty, attempt({}, {"toxic.a"})});
  ASSERT_EQ(uses.size(), 1U);
  EXPECT_TRUE(uses[0].helped);
}

TEST(Advice, WhatHasHelpedStandsFirst) {
  const HintTexts texts{{FindingCode::TooLong, {"Shorter.", "One sentence."}}};
  HintTallies tallies;
  tallies[hint_id(FindingCode::TooLong, "Shorter.")] = {100, 5};
  tallies[hint_id(FindingCode::TooLong, "One sentence.")] = {100, 95};
  const auto retry = ordered(texts, tallies);
  ASSERT_EQ(retry.size(), 1U);
  ASSERT_EQ(retry[0].hints.size(), 2U);
  EXPECT_EQ(retry[0].hints[0].text, "One sentence.");
}

TEST(Advice, TheDoubtfulGetTheirTurn) {
  const HintTexts texts{{FindingCode::TooLong, {"Shorter.", "One sentence."}}};
  std::set<std::string> first;
  for (std::int64_t used = 0; used < 20; ++used) {
    HintTallies tallies;
    tallies[hint_id(FindingCode::TooLong, "Shorter.")] = {used, used / 2};
    first.insert(ordered(texts, tallies)[0].hints[0].text);
  }
  EXPECT_EQ(first.size(), 2U);
}

TEST(Advice, GuidanceNamesTheMostFrequentFaultsOfTheCharacter) {
  const auto texts = guidance({{FindingCode::TooLong, 9},
                               {FindingCode::Toxic, 1},
                               {FindingCode::Empty, 3},
                               {FindingCode::OffTopic, 4},
                               {FindingCode::Repetition, 0}});
  ASSERT_EQ(texts.size(), 4U);
  EXPECT_EQ(texts[1], "One sentence. Stop after it.");
  EXPECT_EQ(texts[3], "Say at least one whole sentence.");
  EXPECT_EQ(guidance({}).size(), 1U);
}

}  // namespace
}  // namespace tuning
