#include "bot/bot.h"

#include "contracts/tuning.h"
#include "services/bot/world.h"

namespace bot::testing {
namespace {

class BotTest : public WorldTest {
 protected:
  BotTest() {
    config_.character = "peter";
    start();
    peers_.answer("router.join", a_company());
    peers_.answer("router.organic_notification", contracts::OrganicReply{});
    peers_.answer("tuning.feedback", contracts::FeedbackReply{true, true});
  }
  void start() {
    timers_.clear();
    bot_ = std::make_unique<Bot>(
        config_, Bot::World{*ledger_, channels_, channels_, peers_, timers_, clock_}, silences_,
        metrics_);
  }
  void dispatch(std::string_view name, std::string_view json) {
    const auto document = json::Document::parse(json);
    ASSERT_TRUE(document.ok()) << json;
    bot_->dispatch(name, document.value().root());
  }
  void log_in() {
    dispatch("READY", R"({"user":{"id":"11"},"application":{"id":"110"},"session_id":"s",)"
                      R"("resume_gateway_url":"ws://x","guilds":[{"id":"7"}]})");
    dispatch("GUILD_CREATE",
             R"({"id":"7","name":"Troupe","channels":[{"id":"70","type":0,"name":"general"}]})");
  }
  void hear(const std::string& text) {
    clock_.advance(1);
    dispatch("MESSAGE_CREATE",
             R"({"id":")" + id_at(clock_.wall_ms()) +
                 R"(","channel_id":"70","guild_id":"7","author":{"id":"99","username":"ada"},)" +
                 R"("content":")" + text + R"("})");
  }
  void peter_says(const std::string& text) {
    contracts::TurnReply reply;
    reply.turn_id = "turn_1";
    reply.character = "peter";
    reply.text = text;
    peers_.answer("router.orchestrate", reply);
  }
  // Peter has answered: "posted1" stands.
  void hold_a_talk() {
    log_in();
    peter_says("Nyehehe.");
    hear("Hi Peter");
    mail_.until([&] { return peers_.count("router.organic_notification") > 0; });
    settle();
  }
  void react(const std::string& event, const std::string& emoji, const std::string& more = "") {
    dispatch(event,
             R"({"user_id":"99","channel_id":"70","message_id":"posted1","emoji":{"name":")" +
                 emoji + R"("})" + more + "}");
    settle();
  }

  Config config_;
  std::unique_ptr<Bot> bot_;
};

TEST_F(BotTest, AnswersAMessageAndTellsTheRouterWhereItsLineStands) {
  hold_a_talk();
  ASSERT_EQ(channels_.standing.size(), 1U);
  EXPECT_EQ(channels_.standing[0].message.content, "Nyehehe.");
  const auto note = peers_.last<contracts::OrganicNotification>("router.organic_notification");
  EXPECT_EQ(note.channel, "70");
  EXPECT_EQ(note.character, "peter");
  EXPECT_EQ(note.message, "Nyehehe.");
  EXPECT_EQ(note.message_id, "posted1");
  EXPECT_EQ(note.turn_id, "turn_1");
  EXPECT_EQ(note.participants, (std::vector<std::string>{"brian", "peter"}));
  EXPECT_EQ(note.delivery, contracts::Delivery::Bots);
  EXPECT_TRUE(unfinished().empty()) << "the router knows";
}

TEST_F(BotTest, AnswersWhatWasWrittenWhileItWasDown) {
  peter_says("Nyehehe.");
  auto message = a_message(clock_, "Hi Peter");
  message.guild_id.reset();
  channels_.written["70"] = {message};
  const std::string guild = R"({"id":"7","channels":[{"id":"70","name":"general",)"
                            R"("last_message_id":")" +
                            message.id + R"("}]})";
  log_in();
  EXPECT_TRUE(channels_.reads.empty()) << "it is not told that there is anything";
  dispatch("GUILD_CREATE", guild);
  timers_.pass(Milliseconds(2'000));
  mail_.until([&] { return peers_.count("router.organic_notification") > 0; });
  settle();
  start();  // and it was down again
  log_in();
  dispatch("GUILD_CREATE", guild);
  timers_.pass(Milliseconds(2'000));
  settle();
  settle();
  EXPECT_EQ(channels_.reads.size(), 2U);
  EXPECT_EQ(peers_.count("router.orchestrate"), 1) << "the ledger knows that it was answered";
  ASSERT_EQ(channels_.standing.size(), 1U);
  EXPECT_EQ(channels_.standing[0].message.reply_to, message.id);
}

TEST_F(BotTest, WhatWasWrittenBeforeItWasInvitedIsNotForIt) {
  log_in();
  dispatch("GUILD_CREATE", R"({"id":"8","channels":[{"id":"90","last_message_id":")" +
                               id_at(clock_.wall_ms()) + R"("}]})");
  timers_.pass(Milliseconds(2'000));
  EXPECT_TRUE(channels_.reads.empty());
}

TEST_F(BotTest, TellsTheRouterUntilItHears) {
  peers_.fail("router.organic_notification", Code::Unavailable);
  hold_a_talk();
  EXPECT_EQ(unfinished().size(), 1U);
  peers_.answer("router.organic_notification", contracts::OrganicReply{});
  timers_.pass(Milliseconds(1'000));
  EXPECT_TRUE(unfinished().empty());
}

TEST_F(BotTest, ALineThatTheRouterDoesNotKnowIsToldAsNew) {
  peers_.fail("router.organic_notification", Code::NotFound);
  log_in();
  bot_->speak({"70", "turn_1", "By the way.", {}}, [](const auto&) {});
  mail_.until([&] { return peers_.count("router.organic_notification") > 0; });
  settle();
  EXPECT_EQ(peers_.count("router.organic_notification"), 2);
  const auto note = peers_.last<contracts::OrganicNotification>("router.organic_notification");
  EXPECT_FALSE(note.turn_id);
  EXPECT_EQ(note.message_id, "posted1");
  EXPECT_TRUE(unfinished().empty());
}

TEST_F(BotTest, AnAnswerWhoseTurnHasBeenForgottenIsNotToldAsNew) {
  peers_.fail("router.organic_notification", Code::NotFound);
  hold_a_talk();
  EXPECT_EQ(peers_.count("router.organic_notification"), 1);
  EXPECT_TRUE(unfinished().empty()) << "nor at the next start";
}

TEST_F(BotTest, TellsARouterAgainThatHasNotAnsweredInTime) {
  peers_.fail("router.organic_notification", Code::DeadlineExceeded);
  hold_a_talk();
  EXPECT_EQ(unfinished().size(), 1U);
  peers_.answer("router.organic_notification", contracts::OrganicReply{});
  timers_.pass(Milliseconds(1'000));
  EXPECT_TRUE(unfinished().empty());
}

TEST_F(BotTest, ANoticeThatIsRefusedIsNotRepeatedForEver) {
  peers_.fail("router.organic_notification", Code::InvalidArgument);
  hold_a_talk();
  timers_.pass(Milliseconds(60'000));
  EXPECT_EQ(peers_.count("router.organic_notification"), 1);
  EXPECT_TRUE(unfinished().empty());
}

TEST_F(BotTest, SaysAgainAndAgainThatItIsThere) {
  log_in();
  const auto presence = peers_.last<contracts::BotPresence>("router.join");
  EXPECT_EQ(presence.character, "peter");
  EXPECT_EQ(presence.user_id, "11");
  EXPECT_EQ(presence.guilds, std::vector<std::string>{"7"});
  timers_.pass(Milliseconds(30'000));
  const int before = peers_.count("router.join");
  timers_.pass(Milliseconds(25'000));
  EXPECT_EQ(peers_.count("router.join"), before + 5);
}

TEST_F(BotTest, RegistersItsCommandsInEveryGuild) {
  log_in();
  ASSERT_EQ(channels_.installed.count("110/7"), 1U);
  EXPECT_EQ(channels_.installed["110/7"], Commands::definitions());
  channels_.installed.clear();
  config_.register_commands = false;
  start();
  log_in();
  EXPECT_TRUE(channels_.installed.empty());
}

TEST_F(BotTest, LeavesGuildsButNotInAnOutage) {
  log_in();
  dispatch("GUILD_DELETE", R"({"id":"7","unavailable":true})");
  timers_.pass(Milliseconds(10'000));
  EXPECT_EQ(peers_.last<contracts::BotPresence>("router.join").guilds.size(), 1U);
  dispatch("GUILD_DELETE", R"({"id":"7"})");
  timers_.pass(Milliseconds(10'000));
  EXPECT_TRUE(peers_.last<contracts::BotPresence>("router.join").guilds.empty());
}

TEST_F(BotTest, TypesWhereDiscordIsAndForItselfOnly) {
  log_in();
  bot_->typing({"70", "brian", true});
  bot_->typing({"terminal", "peter", true});
  timers_.pass(Milliseconds(1'000));
  EXPECT_TRUE(channels_.typed.empty());
  bot_->typing({"70", "peter", true});
  timers_.pass(Milliseconds(1'000));
  EXPECT_EQ(channels_.typed, std::vector<std::string>{"70"});
  bot_->typing({"70", "peter", false});
  timers_.pass(Milliseconds(60'000));
  EXPECT_EQ(channels_.typed.size(), 1U);
}

TEST_F(BotTest, StopsTypingWhenItsLineStands) {
  log_in();
  bot_->typing({"70", "peter", true});
  timers_.pass(Milliseconds(1'000));
  peter_says("Nyehehe.");
  hear("Hi");
  mail_.until([&] { return peers_.count("router.organic_notification") > 0; });
  timers_.pass(Milliseconds(60'000));
  EXPECT_EQ(channels_.typed.size(), 1U);
}

TEST_F(BotTest, SpeaksWhenTheRouterSaysSo) {
  log_in();
  std::optional<Result<contracts::SpeakReply>> reply;
  bot_->speak({"70", "turn_9", "By the way.", {}},
              [&](Result<contracts::SpeakReply> came) { reply = std::move(came); });
  mail_.until([&] { return reply.has_value(); });
  EXPECT_EQ(reply->value().message_ids, std::vector<std::string>{"posted1"});
  EXPECT_FALSE(channels_.standing.at(0).message.reply_to);
}

TEST_F(BotTest, ThumbsOfPeopleGoToTuning) {
  hold_a_talk();
  react("MESSAGE_REACTION_ADD", "\U0001F44D\U0001F3FD");
  auto heard = peers_.last<contracts::FeedbackRequest>("tuning.feedback");
  EXPECT_EQ(heard.turn_id, "turn_1");
  EXPECT_EQ(heard.author, "99");
  EXPECT_EQ(heard.kind, contracts::Opinion::ThumbsUp);
  react("MESSAGE_REACTION_ADD", "\U0001F44E");
  EXPECT_EQ(peers_.last<contracts::FeedbackRequest>("tuning.feedback").kind,
            contracts::Opinion::ThumbsDown);
  react("MESSAGE_REACTION_REMOVE", "\U0001F44E");
  EXPECT_EQ(peers_.last<contracts::FeedbackRequest>("tuning.feedback").kind,
            contracts::Opinion::None);
}

TEST_F(BotTest, OtherReactionsAreNoOpinions) {
  hold_a_talk();
  react("MESSAGE_REACTION_ADD", "\U0001F389");
  react("MESSAGE_REACTION_ADD", "\U0001F44D", R"(,"member":{"user":{"id":"99","bot":true}})");
  dispatch("MESSAGE_REACTION_ADD",
           R"({"user_id":"12","channel_id":"70","message_id":"posted1","emoji":{"name":"👍"}})");
  dispatch("MESSAGE_REACTION_ADD",
           R"({"user_id":"99","channel_id":"70","message_id":"foreign","emoji":{"name":"👍"}})");
  settle();
  EXPECT_EQ(peers_.count("tuning.feedback"), 0);
}

TEST_F(BotTest, EventsThatCannotBeReadAreSteppedOver) {
  dispatch("READY", R"({"user":5})");
  dispatch("MESSAGE_CREATE", R"({"id":5})");
  dispatch("INTERACTION_CREATE", "[]");
  dispatch("MESSAGE_REACTION_ADD", "null");
  dispatch("GUILD_DELETE", "[]");
  dispatch("SOMETHING_NEW", "{}");
  hold_a_talk();
  EXPECT_EQ(channels_.standing.size(), 1U);
}

}  // namespace
}  // namespace bot::testing
