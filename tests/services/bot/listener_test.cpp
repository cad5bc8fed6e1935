#include "bot/listener.h"

#include "services/bot/world.h"

namespace bot::testing {
namespace {

class ListenerTest : public WorldTest {
 protected:
  ListenerTest() { start(); }

  void start() {
    listener_ = std::make_unique<Listener>(
        options_, company_, peers_, timers_, clock_, silences_,
        [this](const contracts::SpeakRequest& line) { lines_.push_back(line); });
  }
  void answer(const std::string& character, const std::string& text,
              const std::string& reason = "passed") {
    contracts::TurnReply reply;
    reply.turn_id = "turn_1";
    reply.character = character;
    reply.text = text;
    reply.reason = reason;
    peers_.answer("router.orchestrate", reply);
  }
  int asked() const { return peers_.count("router.orchestrate"); }

  Listener::Options options_;
  Company company_ = peters_company();
  std::vector<contracts::SpeakRequest> lines_;
  std::unique_ptr<Listener> listener_;
};

TEST_F(ListenerTest, SaysWhatTheRouterWantsThisCharacterToSay) {
  answer("peter", "Nyehehe.");
  const auto message = a_message(clock_, "Hi Peter");
  listener_->heard(message);
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_EQ(lines_[0].channel, "70");
  EXPECT_EQ(lines_[0].turn_id, "turn_1");
  EXPECT_EQ(lines_[0].text, "Nyehehe.");
  EXPECT_EQ(lines_[0].reply_to, message.id);
  EXPECT_TRUE(reasons().empty());
}

TEST_F(ListenerTest, KeepsSilentWhenAnotherSpeaksOrNobody) {
  answer("brian", "Evening.");
  listener_->heard(a_message(clock_, "Hi Brian"));
  clock_.advance(10);
  answer("", "what was drafted", "interrupted_by_person");
  listener_->heard(a_message(clock_, "Never mind"));
  EXPECT_TRUE(lines_.empty());
  EXPECT_EQ(reasons(), (std::vector<std::string>{"interrupted_by_person", "another_speaks"}));
}

TEST_F(ListenerTest, AsksAgainUntilTheRouterIsBack) {
  peers_.fail("router.orchestrate", Code::Unavailable);
  listener_->heard(a_message(clock_, "Hi"));
  timers_.pass(Milliseconds(10'000));
  EXPECT_GT(asked(), 3);
  EXPECT_LT(asked(), 12);
  answer("peter", "Sorry, I was away.");
  timers_.pass(Milliseconds(5'000));
  EXPECT_EQ(lines_.size(), 1U);
}

TEST_F(ListenerTest, AsksAgainARouterThatHasNotAnsweredInTime) {
  peers_.fail("router.orchestrate", Code::DeadlineExceeded);
  listener_->heard(a_message(clock_, "Hi"));
  answer("peter", "Nyehehe.");
  timers_.pass(Milliseconds(1'000));
  EXPECT_EQ(lines_.size(), 1U);
}

TEST_F(ListenerTest, GivesUpWhenTheMessageIsTooOld) {
  peers_.fail("router.orchestrate", Code::DeadlineExceeded);
  listener_->heard(a_message(clock_, "Hi"));
  timers_.pass(Milliseconds(200'000));
  EXPECT_EQ(reasons(), std::vector<std::string>{"deadline_exceeded"});
  const int before = asked();
  timers_.pass(Milliseconds(200'000));
  EXPECT_EQ(asked(), before);
}

TEST_F(ListenerTest, WhatTheRouterRefusesIsNotAskedAgain) {
  peers_.fail("router.orchestrate", Code::InvalidArgument);
  listener_->heard(a_message(clock_, "Hi"));
  timers_.pass(Milliseconds(20'000));
  EXPECT_EQ(asked(), 1);
  EXPECT_EQ(reasons(), std::vector<std::string>{"invalid_argument"});
}

TEST_F(ListenerTest, AReplyThatCannotBeReadIsASilence) {
  peers_.answers["router.orchestrate"] = [] { return Result<std::string>(std::string("{}")); };
  listener_->heard(a_message(clock_, "Hi"));
  EXPECT_EQ(reasons(), std::vector<std::string>{"internal"});
}

TEST_F(ListenerTest, ARepeatedMessageIsAskedAboutOnce) {
  const auto message = a_message(clock_, "Hi");
  listener_->heard(message);
  listener_->heard(message);
  EXPECT_EQ(asked(), 1);
}

TEST_F(ListenerTest, BeyondItsLimitItIsOverloaded) {
  options_.messages_max = 2;
  start();
  for (int i = 0; i < 3; ++i) {
    clock_.advance(10);
    listener_->heard(a_message(clock_, "Hi"));
  }
  EXPECT_EQ(asked(), 2);
  EXPECT_EQ(reasons(), std::vector<std::string>{"overloaded"});
}

TEST_F(ListenerTest, AMessageWaitsUntilItIsKnownWhoIsThere) {
  Company company("peter");
  company.ready(a_ready());
  options_.messages_max = 1;
  listener_ = std::make_unique<Listener>(
      options_, company, peers_, timers_, clock_, silences_,
      [this](const contracts::SpeakRequest& line) { lines_.push_back(line); });
  answer("peter", "Here.");
  listener_->heard(a_message(clock_, "Hi"));
  clock_.advance(10);
  listener_->heard(a_message(clock_, "Anybody?"));
  EXPECT_EQ(asked(), 0);
  EXPECT_EQ(reasons(), std::vector<std::string>{"overloaded"});
  company.joined(a_company());
  listener_->company_known();
  EXPECT_EQ(asked(), 1);
  EXPECT_EQ(lines_.size(), 1U);
}

}  // namespace
}  // namespace bot::testing
