#include <gtest/gtest.h>

#include "services/tuning/learned.h"

namespace tuning {
namespace {

using contracts::Opinion;

class FeedbackTest : public LearningTest {};

TEST_F(FeedbackTest, AnOpinionOutvotesTheJudge) {
  take({outcome("a", "plain", false)});
  EXPECT_EQ(report().variants[0].reward_rate, 0);
  const auto reply = tell("a", "lois", Opinion::ThumbsUp);
  EXPECT_TRUE(reply.accepted);
  EXPECT_TRUE(reply.known);
  EXPECT_EQ(report().variants[0].reward_rate, 1);
  EXPECT_EQ(report().variants[0].pass_rate, 0);
  EXPECT_EQ(report().variants[0].thumbs_up, 1);
}

TEST_F(FeedbackTest, APersonsLatestOpinionStandsAndCanBeWithdrawn) {
  take({outcome("a")});
  tell("a", "lois", Opinion::ThumbsUp);
  EXPECT_FALSE(tell("a", "lois", Opinion::ThumbsUp).accepted);
  EXPECT_TRUE(tell("a", "lois", Opinion::Regenerate).accepted);
  EXPECT_EQ(report().variants[0].thumbs_up, 0);
  EXPECT_EQ(report().variants[0].thumbs_down, 1);
  EXPECT_EQ(report().variants[0].reward_rate, 0);
  EXPECT_TRUE(tell("a", "lois", Opinion::None).accepted);
  EXPECT_FALSE(tell("a", "lois", Opinion::None).accepted);
  EXPECT_EQ(report().variants[0].reward_rate, 1);
}

TEST_F(FeedbackTest, TheMajorityOfPeopleDecides) {
  take({outcome("a")});
  tell("a", "lois", Opinion::ThumbsDown);
  tell("a", "meg", Opinion::ThumbsDown);
  tell("a", "chris", Opinion::ThumbsUp);
  EXPECT_EQ(report().variants[0].reward_rate, 0);
  open();
  EXPECT_EQ(report().variants[0].reward_rate, 0);
  EXPECT_EQ(report().variants[0].thumbs_down, 2);
}

TEST_F(FeedbackTest, AnOpinionWaitsForItsOutcome) {
  EXPECT_FALSE(tell("a", "lois", Opinion::ThumbsDown).known);
  open();
  take({outcome("a")});
  EXPECT_EQ(report().variants[0].reward_rate, 0);
  EXPECT_TRUE(tell("a", "lois", Opinion::ThumbsUp).known);
  EXPECT_EQ(report().variants[0].reward_rate, 1);
}

TEST_F(FeedbackTest, SoManyOpinionsWaitAndNoMore) {
  config_.opinions_waiting_max = 2;
  open();
  tell("a", "lois", Opinion::ThumbsUp);
  tell("b", "lois", Opinion::ThumbsUp);
  const auto refused = learner_->feedback({"c", "lois", Opinion::ThumbsUp});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::Overloaded);
  EXPECT_TRUE(tell("b", "lois", Opinion::ThumbsDown).accepted) << "a change takes no more room";
  take({outcome("a")});
  EXPECT_TRUE(tell("c", "lois", Opinion::ThumbsUp).accepted) << "one waits no longer";
  EXPECT_TRUE(tell("c", "lois", Opinion::None).accepted);
  EXPECT_TRUE(tell("d", "lois", Opinion::ThumbsUp).accepted);
  EXPECT_FALSE(learner_->feedback({"e", "lois", Opinion::ThumbsUp}).ok());
}

TEST_F(FeedbackTest, ATurnHasRoomForSoManyOpinions) {
  take({outcome("a")});
  for (int i = 0; i < 256; ++i) tell("a", "fan" + std::to_string(i), Opinion::ThumbsUp);
  const auto refused = learner_->feedback({"a", "late", Opinion::ThumbsDown});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::Overloaded);
  EXPECT_EQ(report().variants[0].thumbs_up, 256);
  EXPECT_EQ(report().variants[0].thumbs_down, 0);
}

TEST_F(FeedbackTest, AnOpinionOnASilenceOrAnUnknownVariantChangesNoWeight) {
  auto silent = outcome("silent");
  silent.status = contracts::TurnStatus::Silent;
  take({silent, outcome("old", "bygone")});
  const double before = weight(0);
  EXPECT_TRUE(tell("silent", "lois", Opinion::ThumbsDown).known);
  EXPECT_TRUE(tell("old", "lois", Opinion::ThumbsDown).known);
  EXPECT_EQ(weight(0), before);
  EXPECT_EQ(report().variants[2].thumbs_down, 1);
}

TEST_F(FeedbackTest, ThumbsMoveTheWeights) {
  for (int i = 0; i < 30; ++i) {
    const std::string id = std::to_string(i);
    take({outcome("p" + id, "plain"), outcome("b" + id, "brief")});
    tell("b" + id, "lois", Opinion::ThumbsDown);
  }
  EXPECT_LT(weight(1), 0.05);
  EXPECT_EQ(report().variants[1].guards, std::vector<std::string>{"thumbs_down"});
}

}  // namespace
}  // namespace tuning
