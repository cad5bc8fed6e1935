#include <gtest/gtest.h>

#include "services/tuning/learned.h"

namespace tuning {
namespace {

using contracts::Opinion;
using contracts::Verdict;
using Ids = std::vector<std::string>;

class ReportTest : public LearningTest {};

TEST_F(ReportTest, TellsWhatIsBetterAndByHowMuchItKnows) {
  play("plain", 100, 60);
  play("brief", 100, 98);
  const auto told = report();
  EXPECT_EQ(told.character, "peter");
  EXPECT_EQ(told.turns, 200);
  EXPECT_EQ(told.variants[0].verdict, Verdict::Baseline);
  EXPECT_EQ(told.variants[0].pass_rate, 0.6);
  EXPECT_NEAR(told.variants[0].pass_low, 0.502, 0.001);
  EXPECT_NEAR(told.variants[0].pass_high, 0.691, 0.001);
  EXPECT_EQ(told.variants[0].mean_score, 64);
  EXPECT_EQ(told.variants[1].verdict, Verdict::Better);
  EXPECT_GT(told.variants[1].evidence, 40);
  ASSERT_EQ(told.findings.size(), 1U);
  EXPECT_EQ(told.findings[0].drafts, 42);
}

TEST_F(ReportTest, TellsNoDifferenceWhereThereIsNone) {
  play("plain", 200, 160);
  play("brief", 200, 162);
  EXPECT_EQ(report().variants[1].verdict, Verdict::NoDifferenceShown);
}

TEST_F(ReportTest, TheMedianIsThatOfTheVariantsOwnTimes) {
  std::vector<contracts::Outcome> turns;
  for (const double ms : {10, 1000, 20, 40, 30}) {
    turns.push_back(outcome("m" + std::to_string(ms)));
    turns.back().ms = ms;
  }
  take(turns);
  EXPECT_NEAR(report().variants[0].median_ms, 30, 1.5);
}

TEST_F(ReportTest, IsOfOneCharacterWhenAsked) {
  auto other = outcome("b");
  other.character = "brian";
  take({outcome("a"), other});
  EXPECT_EQ(learner_->report({}).value().characters.size(), 2U);
  EXPECT_EQ(report({"brian", std::nullopt}).character, "brian");
  EXPECT_EQ(report({"nobody", std::nullopt}).turns, 0);
}

TEST_F(ReportTest, TheHintThatHelpedMostStandsFirst) {
  const auto use = [&](const std::string& id, const std::string& hint, bool helped) {
    auto turn = outcome(id, "plain", false);
    turn.attempts.push_back(turn.attempts[0]);
    if (helped) turn.attempts[1].codes.clear();
    turn.attempts[1].hints = {hint};
    take({turn});
  };
  use("a", "repetition.1", false);
  use("b", "repetition.1", true);
  use("c", "repetition.2", true);
  const auto hints = report().hints;
  ASSERT_EQ(hints.size(), 2U);
  EXPECT_EQ(hints[0].hint, "repetition.2");
  EXPECT_EQ(hints[1].used, 2);
  EXPECT_EQ(hints[1].helped, 1);
}

TEST_F(ReportTest, ExportsWhatPassedAtOnceOrWasLiked) {
  auto degraded = outcome("degraded");
  degraded.degraded = true;
  auto silent = outcome("silent");
  silent.status = contracts::TurnStatus::Silent;
  take({outcome("good"), outcome("failed", "plain", false), outcome("liked", "plain", false),
        outcome("disliked"), outcome("again"), degraded, silent});
  tell("liked", "lois", Opinion::ThumbsUp);
  tell("disliked", "lois", Opinion::ThumbsDown);
  tell("again", "lois", Opinion::Regenerate);
  EXPECT_EQ(exported(), (Ids{"good", "liked"}));
  contracts::ExportRequest request;
  request.min_score = 50;
  EXPECT_EQ(exported(request), Ids{"good"});
}

TEST_F(ReportTest, ExportsTheLineAndWhatItAnswered) {
  take({outcome("a")});
  std::optional<contracts::ExportedTurn> turn;
  ASSERT_TRUE(learner_
                  ->each_chosen({},
                                [&](const auto& rows) {
                                  turn = rows.at(0).turn;
                                  return true;
                                })
                  .ok());
  ASSERT_EQ(turn->messages.size(), 2U);
  EXPECT_EQ(turn->messages[0].role, "user");
  EXPECT_EQ(turn->messages[0].content, "A beer?");
  EXPECT_EQ(turn->messages[1].role, "assistant");
  EXPECT_EQ(turn->messages[1].content, "Always.");
  EXPECT_EQ(turn->character, "peter");
  EXPECT_EQ(turn->score, 80);
}

TEST_F(ReportTest, AnExportIsReadPageByPage) {
  play("plain", 250, 250);
  EXPECT_EQ(exported().size(), 250U);
  contracts::ExportRequest request;
  request.limit = 120;
  const Ids first = exported(request);
  ASSERT_EQ(first.size(), 120U);
  request.after = first.back();
  request.limit = 1000;
  EXPECT_EQ(exported(request).size(), 130U);
  request.after = "unknown";
  const auto refused = learner_->each_chosen(request, [](const auto&) { return true; });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::NotFound);
}

TEST_F(ReportTest, AnExportEndsWhenNobodyReadsAnyMore) {
  play("plain", 250, 250);
  int pages = 0;
  ASSERT_TRUE(learner_->each_chosen({}, [&](const auto&) { return ++pages < 2; }).ok());
  EXPECT_EQ(pages, 2);
}

TEST_F(ReportTest, AnExportIsOfTheLastDaysWhenAsked) {
  take({outcome("old")});
  clock_.advance(5 * kDayMs);
  take({outcome("new")});
  contracts::ExportRequest request;
  request.days = 2;
  EXPECT_EQ(exported(request), Ids{"new"});
  request.character = "brian";
  EXPECT_EQ(exported(request), Ids{});
}

}  // namespace
}  // namespace tuning
