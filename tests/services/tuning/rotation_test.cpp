#include "tuning/rotation.h"

#include <gtest/gtest.h>

namespace tuning {
namespace {

using Guards = std::vector<std::string>;

Lesson judged(bool passed) {
  Lesson lesson;
  lesson.first_passed = passed;
  return lesson;
}

TEST(Lesson, PeopleOutvoteTheJudgeByTheirMajority) {
  Lesson lesson = judged(true);
  EXPECT_EQ(lesson.reward(), true);
  lesson.downs = 1;
  EXPECT_EQ(lesson.reward(), false);
  lesson.ups = 1;
  EXPECT_EQ(lesson.reward(), true) << "a tie leaves it to the judge";
  lesson.first_passed = false;
  lesson.ups = 2;
  EXPECT_EQ(lesson.reward(), true);
  EXPECT_EQ(Lesson{}.reward(), std::nullopt);
}

TEST(Tally, ALessonThatIsTakenBackLeavesNoTrace) {
  Tally tally;
  tally.add(judged(true));
  Lesson lesson = judged(false);
  lesson.degraded = true;
  lesson.score = 40;
  lesson.slower = true;
  lesson.downs = 2;
  tally.add(lesson);
  EXPECT_EQ(tally.disliked, (Share{1, 2}));
  tally.add(lesson, -1);
  EXPECT_EQ(tally.turns, 1);
  EXPECT_EQ(tally.passes, (Share{1, 1}));
  EXPECT_EQ(tally.rewards, (Share{1, 1}));
  EXPECT_EQ(tally.degraded, (Share{0, 1}));
  EXPECT_EQ(tally.disliked, (Share{0, 1}));
  EXPECT_EQ(tally.slower, (Share{0, 0}));
  EXPECT_EQ(tally.score_sum, 0);
  EXPECT_EQ(tally.downs, 0);
}

TEST(Rotation, StartsWithEqualSharesAndMovesToWhatWins) {
  Rotation rotation({}, 2);
  EXPECT_NEAR(rotation.weights()[0], 0.5, 1e-9);
  for (int i = 0; i < 40; ++i) {
    rotation.add(0, judged(i % 2 == 0));
    rotation.add(1, judged(true));
  }
  EXPECT_TRUE(rotation.due());
  EXPECT_TRUE(rotation.refresh());
  EXPECT_FALSE(rotation.due());
  EXPECT_GT(rotation.weights()[1], 0.95);
}

TEST(Rotation, TellsNothingWhenNothingMoved) {
  Rotation rotation({}, 2);
  EXPECT_FALSE(rotation.refresh());
  std::vector<Tally> tallies(2);
  for (int i = 0; i < 1000; ++i) {
    tallies[0].add(judged(i % 10 != 0));
    tallies[1].add(judged(i % 10 != 0));
  }
  rotation.set(tallies);
  rotation.add(0, judged(true));
  EXPECT_FALSE(rotation.due()) << "one of two thousand";
  EXPECT_FALSE(rotation.refresh());
}

Rotation with(const Tally& baseline, const Tally& variant) {
  Rotation rotation({}, 2);
  rotation.set({baseline, variant});
  rotation.refresh();
  return rotation;
}

TEST(Rotation, HoldsBackAVariantThatDegradesMore) {
  Tally good;
  good.rewards = {50, 100};
  good.degraded = {0, 100};
  Tally bad;
  bad.rewards = {100, 100};
  bad.degraded = {30, 100};
  const Rotation rotation = with(good, bad);
  EXPECT_EQ(rotation.guards(1), Guards{"degraded"});
  EXPECT_NEAR(rotation.weights()[1], 0.02, 1e-9);
  EXPECT_EQ(with(bad, good).guards(0), Guards{}) << "the baseline is never held back";
}

TEST(Rotation, HoldsBackAVariantThatPeopleDislike) {
  Tally liked;
  liked.disliked = {1, 100};
  Tally disliked;
  disliked.disliked = {40, 100};
  EXPECT_EQ(with(liked, disliked).guards(1), Guards{"thumbs_down"});
  EXPECT_EQ(with(liked, liked).guards(1), Guards{});
}

TEST(Rotation, HoldsBackAVariantThatIsSlower) {
  Tally slow;
  slow.slower = {36, 40};
  EXPECT_EQ(with({}, slow).guards(1), Guards{"slow"});
  slow.slower = {20, 40};
  EXPECT_EQ(with({}, slow).guards(1), Guards{});
}

}  // namespace
}  // namespace tuning
