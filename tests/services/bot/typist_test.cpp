#include "bot/typist.h"

#include "services/bot/world.h"

namespace bot::testing {
namespace {

class TypistTest : public ::testing::Test {
 protected:
  std::size_t shown() const { return channels_.typed.size(); }

  support::FakeClock clock_;
  FakeChannels channels_;
  FakeTimers timers_{clock_};
  Typist typist_{{}, channels_, timers_, clock_};
};

TEST_F(TypistTest, ShowsNothingForWhatIsOverAtOnce) {
  typist_.begin("70");
  timers_.pass(Milliseconds(149));
  typist_.end("70");
  timers_.pass(Milliseconds(60'000));
  EXPECT_EQ(shown(), 0U);
}

TEST_F(TypistTest, IsKeptAliveUntilItIsOver) {
  typist_.begin("70");
  timers_.pass(Milliseconds(150));
  EXPECT_EQ(channels_.typed, std::vector<std::string>{"70"});
  timers_.pass(Milliseconds(7'999));
  EXPECT_EQ(shown(), 1U);
  timers_.pass(Milliseconds(8'001));
  EXPECT_EQ(shown(), 3U);
  typist_.end("70");
  timers_.pass(Milliseconds(60'000));
  EXPECT_EQ(shown(), 3U);
}

TEST_F(TypistTest, EndsAfterTwoMinutesWhenNobodySaysSo) {
  typist_.begin("70");
  timers_.pass(Milliseconds(600'000));
  EXPECT_EQ(shown(), 15U);
  typist_.begin("70");  // and may begin again
  timers_.pass(Milliseconds(150));
  EXPECT_EQ(shown(), 16U);
}

TEST_F(TypistTest, ASecondBeginningDoesNotTypeTwice) {
  typist_.begin("70");
  typist_.begin("70");
  typist_.end("70");
  typist_.begin("70");
  timers_.pass(Milliseconds(1'000));
  EXPECT_EQ(shown(), 1U);
}

TEST_F(TypistTest, TypesInSoManyChannelsOnly) {
  for (int i = 0; i < 300; ++i) typist_.begin(std::to_string(i));
  timers_.pass(Milliseconds(1'000));
  EXPECT_EQ(shown(), 256U);
}

}  // namespace
}  // namespace bot::testing
