#include <gtest/gtest.h>

#include "services/tuning/learned.h"
#include "store/store.h"

namespace tuning {
namespace {

using contracts::Opinion;

class FeedbackTest : public LearningTest {
 protected:
  // Which of these turns were liked before their outcomes came, which is now.
  std::string ups_that_waited(const std::vector<std::string>& turns) {
    std::string liked;
    for (const std::string& turn : turns) {
      const auto before = report().variants;
      take({outcome(turn)});
      const std::int64_t ups = before.empty() ? 0 : before[0].thumbs_up;
      if (report().variants[0].thumbs_up > ups) liked += turn;
    }
    return liked;
  }
};

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

TEST_F(FeedbackTest, WhenTooManyOpinionsWaitTheOldestGoFirst) {
  config_.opinions_waiting_max = 2;
  open();
  for (const char* turn : {"a", "b", "c"}) {
    EXPECT_TRUE(tell(turn, "lois", Opinion::ThumbsUp).accepted);
    clock_.advance(1);
  }
  EXPECT_EQ(ups_that_waited({"a", "b", "c"}), "bc");
}

TEST_F(FeedbackTest, OnlyAnOpinionThatComesToWaitNeedsRoom) {
  config_.opinions_waiting_max = 2;
  open();
  take({outcome("known")});
  tell("a", "lois", Opinion::ThumbsUp);
  tell("b", "lois", Opinion::ThumbsDown);
  clock_.advance(1);
  tell("known", "lois", Opinion::ThumbsUp);
  tell("b", "lois", Opinion::ThumbsUp);
  tell("b", "meg", Opinion::None);
  EXPECT_EQ(ups_that_waited({"a"}), "a");
  tell("c", "lois", Opinion::ThumbsUp);
  tell("c", "lois", Opinion::None);
  tell("d", "lois", Opinion::ThumbsUp);
  EXPECT_EQ(ups_that_waited({"b", "d"}), "bd") << "a has its outcome, c is withdrawn";
}

TEST_F(FeedbackTest, ALowerLimitIsReachedWithTheNextOpinion) {
  for (const char* turn : {"a", "b", "c"}) {
    tell(turn, "lois", Opinion::ThumbsUp);
    clock_.advance(1);
  }
  config_.opinions_waiting_max = 1;
  open();
  tell("d", "lois", Opinion::ThumbsUp);
  EXPECT_EQ(ups_that_waited({"a", "b", "c", "d"}), "d");
}

TEST_F(FeedbackTest, AnOpinionWaitsForADayAndNoLonger) {
  tell("a", "lois", Opinion::ThumbsUp);
  clock_.advance(kDayMs / 2);
  tell("b", "lois", Opinion::ThumbsUp);
  EXPECT_EQ(learner_->forget().value(), 0);
  clock_.advance(kDayMs / 2 + 1);
  EXPECT_EQ(learner_->forget().value(), 1) << "though there is no outcome at all";
  EXPECT_EQ(ups_that_waited({"a", "b"}), "b");
  clock_.advance(2 * kDayMs);
  EXPECT_EQ(learner_->forget().value(), 0) << "it waits no longer";
}

TEST_F(FeedbackTest, OpinionsOfAnOlderFileThatWaitStillDo) {
  store::Database::Options older;
  file_ = "older.db";
  older.path = folder_.file(file_);
  older.migrations = {migrations()[0]};
  const auto write = [](store::Connection& db) {
    return db.execute("INSERT INTO opinions VALUES ('a', 'lois', 'thumbs_up', 1)");
  };
  ASSERT_TRUE(store::Database::open(older).value()->write(write).ok());
  config_.opinions_waiting_max = 1;
  open();
  tell("b", "lois", Opinion::ThumbsUp);
  EXPECT_EQ(ups_that_waited({"a", "b"}), "b");
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
