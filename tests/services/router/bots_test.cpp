#include "router/bots.h"

#include <gtest/gtest.h>

#include <future>

#include "json/codec.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace router {
namespace {

class BotsTest : public ::testing::Test {
 protected:
  ~BotsTest() override {
    node_->stop();
    if (peter_) peter_->stop();
  }

  std::vector<std::string> join(const std::string& user_id) {
    std::vector<std::string> there;
    const auto company = bots_.join({"peter", user_id, {}});
    if (!company) return {std::string(name(company.error().code))};
    for (const auto& bot : company.value().bots) there.push_back(bot.user_id);
    return there;
  }
  Result<contracts::SpeakReply> speak(std::function<bool()> wanted) {
    std::promise<Result<contracts::SpeakReply>> done;
    node_->post([&] {
      speakers_.speak("peter", {"c", "t1", "Hm.", std::nullopt}, std::move(wanted),
                      [&](const Result<contracts::SpeakReply>& reply) { done.set_value(reply); });
    });
    return done.get_future().get();
  }
  // Peter's bot, which answers its nth call so.
  void be_peter(std::function<Result<std::string>(int)> answer) {
    peter_ = messaging::Node::open({.service = "peter", .run_dir = folder_.path()}).value();
    peter_->serve("bot.speak", [this, answer = std::move(answer)](const auto& call) {
      asked_.push_back(
          json::decode<contracts::SpeakRequest>(std::string_view(call->body())).value().turn_id);
      call->reply(answer(static_cast<int>(asked_.size())));
    });
    ASSERT_TRUE(peter_->bind("").ok());
  }
  static Result<std::string> said() { return json::encode(contracts::SpeakReply{{"p1"}, false}); }

  support::TempDir folder_;
  support::FakeClock clock_;
  std::vector<std::string> asked_;  // by turn; peter's thread, read after its answers
  std::unique_ptr<messaging::Node> peter_;
  std::unique_ptr<messaging::Node> node_ =
      messaging::Node::open({.service = "router", .run_dir = folder_.path()}).value();
  Bots bots_{{.bots_max = 2}, *node_, clock_};
  Bots speakers_{{.speak_again = Milliseconds(1)}, *node_};  // calls end by the real clock
};

TEST_F(BotsTest, WhoHasNotBeenHeardOfForHalfAMinuteIsGone) {
  join("1");
  clock_.advance(29'999);
  EXPECT_EQ(join("2"), (std::vector<std::string>{"1", "2"}));
  clock_.advance(1);
  EXPECT_EQ(join("2"), std::vector<std::string>{"2"});
}

TEST_F(BotsTest, WhoHasJustStartedMayNotHaveMetAll) {
  const auto complete = [this] { return bots_.join({"peter", "1", {"7"}}).value().complete; };
  clock_.advance(29'999);
  EXPECT_FALSE(complete());
  clock_.advance(1);
  EXPECT_TRUE(complete());
}

TEST_F(BotsTest, ThereIsRoomForSoManyAndTheirRepeats) {
  join("1");
  join("2");
  EXPECT_EQ(join("3"), std::vector<std::string>{"overloaded"});
  EXPECT_EQ(join("2").size(), 2U);
}

TEST_F(BotsTest, ABotThatIsBusyIsAskedAgainForTheSameTurn) {
  be_peter([](int call) -> Result<std::string> {
    if (call < 3) return Error{Code::Unavailable, "no connection yet"};
    return said();
  });
  EXPECT_EQ(speak([] { return true; }).value().message_ids, std::vector<std::string>{"p1"});
  EXPECT_EQ(asked_, (std::vector<std::string>{"t1", "t1", "t1"}));
}

TEST_F(BotsTest, ABotThatRefusesIsNotAskedAgain) {
  be_peter([](int) -> Result<std::string> {
    return Error{Code::PermissionDenied, "not in that channel"};
  });
  EXPECT_EQ(speak([] { return true; }).error().code, Code::PermissionDenied);
  EXPECT_EQ(asked_.size(), 1U);
}

TEST_F(BotsTest, ABotThatHangsIsAskedAgain) {
  Bots impatient({.call_timeout = Milliseconds(30), .speak_again = Milliseconds(1)}, *node_);
  peter_ = messaging::Node::open({.service = "peter", .run_dir = folder_.path()}).value();
  int calls = 0;
  std::shared_ptr<messaging::Incoming> unanswered;
  peter_->serve("bot.speak", [&](const auto& call) {
    if (++calls > 1) return call->reply(said());
    unanswered = call;
  });
  ASSERT_TRUE(peter_->bind("").ok());
  std::promise<bool> done;
  node_->post([&] {
    impatient.speak(
        "peter", {"c", "t1", "Hm.", std::nullopt}, [] { return true; },
        [&](const auto& reply) { done.set_value(reply.ok()); });
  });
  EXPECT_TRUE(done.get_future().get());
  peter_->stop();
}

TEST_F(BotsTest, AnAnswerThatIsNoneIsAFault) {
  be_peter([](int) -> Result<std::string> { return std::string("hello"); });
  EXPECT_EQ(speak([] { return true; }).error().code, Code::Internal);
}

TEST_F(BotsTest, ABotThatStaysAwayIsGivenUpAfterATime) {
  Bots impatient({.speak_within = Milliseconds(20), .speak_again = Milliseconds(1)}, *node_);
  std::promise<Code> given_up;
  int tries = 0;
  node_->post([&] {
    impatient.speak(
        "peter", {"c", "t1", "Hm.", std::nullopt}, [&] { return ++tries > 0; },
        [&](const auto& reply) { given_up.set_value(reply.error().code); });
  });
  const Code code = given_up.get_future().get();
  EXPECT_TRUE(code == Code::Unavailable || code == Code::DeadlineExceeded) << name(code);
  EXPECT_GT(tries, 0);
}

TEST_F(BotsTest, ALineThatIsNotWantedAnyMoreIsNotTriedAgain) {
  EXPECT_EQ(speak([] { return false; }).error().code, Code::Unavailable);
}

}  // namespace
}  // namespace router
