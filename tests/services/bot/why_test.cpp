#include "bot/why.h"

#include <gtest/gtest.h>

#include "base/utf8.h"

namespace bot::testing {
namespace {

contracts::TurnRecord a_turn() {
  contracts::TurnRecord turn;
  turn.character = "peter";
  turn.author = "Ada";
  turn.message = "What is a tesseract?";
  turn.reason = "passed";
  turn.model = "understudy";
  turn.ms = 41.6;
  turn.scores = {{"peter", {{"addressed", 100}, {"fatigue", -20}, {"topic", 0.1}, {"total", 80}}},
                 {"brian", {{"total", 12}}}};
  turn.sources = {{"Geometry", "file:geometry.md", "0-9"}, {"", "file:other.md", "0-9"}};
  contracts::Attempt first;
  first.number = 1;
  first.text = "A cube.";
  first.assessment = contracts::Assessment{};
  first.assessment->score = 28;
  first.assessment->threshold = 30;
  first.assessment->findings = {{contracts::FindingCode::Empty, contracts::Severity::Minor, ""}};
  contracts::Attempt second;
  second.number = 2;
  second.fault = "unavailable: no model";
  turn.attempts = {first, second};
  return turn;
}

TEST(Why, TellsATurnInPlainWords) {
  EXPECT_EQ(why(a_turn()),
            "**peter** answered Ada: “What is a tesseract?”\n"
            "**Considered:** peter 80 (addressed +100, fatigue -20); brian 12\n"
            "**Read:** Geometry, file:other.md\n"
            "**Drafts:** 2\n"
            "1. “A cube.” 28 of 100, sent back (30 needed): empty\n"
            "2. failed: “unavailable: no model”\n"
            "**Said because:** passed, model understudy\n"
            "**Took:** 42 ms");
}

TEST(Why, TellsALineThatNobodyAskedFor) {
  contracts::TurnRecord turn;
  turn.kind = contracts::TurnKind::Organic;
  turn.character = "brian";
  turn.reason = "dodge";
  turn.degraded = true;
  EXPECT_EQ(why(turn),
            "**brian** went on by itself.\n**Read:** nothing that would have helped\n"
            "**Drafts:** 0\n**Said because:** dodge (degraded)\n**Took:** 0 ms");
}

TEST(Why, FitsIntoOneMessageAndCallsNobody) {
  auto turn = a_turn();
  turn.message = "@everyone";
  for (int i = 0; i < 200; ++i) {
    turn.scores["character" + std::to_string(i)] = {{"total", 1}};
    turn.attempts.push_back(turn.attempts[0]);
  }
  const std::string text = why(turn);
  EXPECT_LE(utf8_length(text), 2000U);
  EXPECT_EQ(text.find("@everyone"), std::string::npos);
}

}  // namespace
}  // namespace bot::testing
