#include "bot/catch_up.h"

#include "services/bot/world.h"

namespace bot::testing {
namespace {

class CatchUpTest : public WorldTest {
 protected:
  CatchUpTest() { start(); }

  void start() {
    options_.intake.age_ms_max = 120'000;
    listener_ = std::make_unique<Listener>(options_, company_, peers_, timers_, clock_, silences_,
                                           [](const contracts::SpeakRequest&) {});
    catch_up_ = std::make_unique<CatchUp>(options_.intake, channels_, *ledger_, timers_, clock_,
                                          *listener_);
    contracts::TurnReply reply;
    reply.reason = "nobody_over_floor";
    peers_.answer("router.orchestrate", reply);
  }
  // Somebody has written this, so long ago.
  discord::Message written(std::int64_t ago_ms, const std::string& text,
                           const std::string& channel = "70") {
    discord::Message message = a_message(clock_, text);
    message.id = id_at(clock_.wall_ms() - ago_ms);
    message.channel_id = channel;
    message.guild_id.reset();  // as REST has it
    auto& all = channels_.written[channel];
    all.insert(all.begin(), message);
    return message;
  }
  static discord::Channel channel(const std::string& id, const std::string& last, int type = 0) {
    return {id, type, "7", "general", last};
  }
  void guild(std::vector<discord::Channel> channels) {
    discord::Guild guild;
    guild.id = "7";
    guild.channels = std::move(channels);
    catch_up_->guild(guild);
    settle();
  }
  // `message` has had its line.
  void answered(const discord::Message& message) {
    Part part;
    part.turn_id = "turn_of_" + message.id;
    part.channel = message.channel_id;
    part.content = "Nyehehe.";
    part.reply_to = message.id;
    part.created_ms = clock_.wall_ms();
    ledger_->claim({part}, [](const Result<std::vector<Part>>&) {});
    settle();
  }
  std::vector<std::string> asked() const {
    std::vector<std::string> all;
    for (const auto& call : peers_.calls) {
      if (call.method != "router.orchestrate") continue;
      all.push_back(
          json::decode<contracts::OrchestrateRequest>(std::string_view(call.body)).value().message);
    }
    return all;
  }
  using Texts = std::vector<std::string>;

  Listener::Options options_;
  Company company_ = peters_company();
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<CatchUp> catch_up_;
};

TEST_F(CatchUpTest, WhatPeopleWroteMeanwhileIsAskedAboutTheOldestFirst) {
  written(130'000, "Too long ago");
  written(90'000, "First");
  const auto last = written(1'000, "Second");
  guild({channel("70", last.id)});
  EXPECT_EQ(asked(), (Texts{"First", "Second"}));
  const auto request = peers_.last<contracts::OrchestrateRequest>("router.orchestrate");
  EXPECT_EQ(request.message_id, last.id);
  EXPECT_EQ(request.participants, (Texts{"brian", "peter"})) << "it knows the guild";
}

TEST_F(CatchUpTest, ChannelsWithNothingNewAreNotRead) {
  const auto old = written(130'000, "Too long ago");
  guild({channel("70", old.id),
         channel("71", ""),
         channel("72", old.id, 15),
         {"73", 0, "7", "empty", std::nullopt}});
  // The last message of a forum is a thread.
  guild({channel("72", written(1'000, "A thread", "72").id, 15)});
  EXPECT_EQ(channels_.reads, Texts{});
}

TEST_F(CatchUpTest, WhatHasItsLineInTheLedgerIsNotAskedAgain) {
  answered(written(2'000, "Answered"));
  const auto last = written(1'000, "Not answered");
  guild({channel("70", last.id)});
  EXPECT_EQ(asked(), Texts{"Not answered"});
}

TEST_F(CatchUpTest, WhatTheListenerHasHeardIsNotAskedAgain) {
  auto heard = written(1'000, "Heard");
  heard.guild_id = "7";
  listener_->heard(heard);
  guild({channel("70", heard.id)});
  guild({channel("70", heard.id)});
  EXPECT_EQ(asked(), Texts{"Heard"});
}

TEST_F(CatchUpTest, LinesOfBotsAreNoNewsAndNoSilences) {
  auto own = written(3'000, "Of a bot");
  channels_.written["70"][0].author.bot = true;
  written(2'000, "Of a webhook");
  channels_.written["70"][0].webhook_id = "5";
  guild({channel("70", own.id)});
  EXPECT_EQ(asked(), Texts{});
  EXPECT_EQ(reasons(), Texts{});
}

TEST_F(CatchUpTest, AChannelThatMayNotBeReadIsPassedOver) {
  const auto secret = written(1'000, "Secret", "71");
  channels_.unreadable = Error{Code::PermissionDenied, "403"};
  guild({channel("71", secret.id)});
  timers_.pass(Milliseconds(60'000));
  EXPECT_EQ(channels_.reads.size(), 1U);
  channels_.unreadable.reset();
  guild({channel("70", written(1'000, "Public").id)});
  EXPECT_EQ(asked(), Texts{"Public"});
}

TEST_F(CatchUpTest, AFailedReadIsTriedAgainAndNotForEver) {
  const auto message = written(1'000, "Hello?");
  channels_.unreadable = Error{Code::DeadlineExceeded, "rate limited for long"};
  guild({channel("70", message.id)});
  timers_.pass(Milliseconds(600));
  EXPECT_EQ(channels_.reads.size(), 2U);
  channels_.unreadable.reset();
  timers_.pass(Milliseconds(5'000));
  settle();
  EXPECT_EQ(asked(), Texts{"Hello?"});
  channels_.unreadable = Error{Code::Unavailable, "502"};
  channels_.reads.clear();
  guild({channel("70", message.id)});
  timers_.pass(Milliseconds(60'000));
  EXPECT_EQ(channels_.reads.size(), 5U);
}

TEST_F(CatchUpTest, TheFirstSessionWaitsForTheOthersOfTheCast) {
  catch_up_->new_session();
  guild({channel("70", written(1'000, "Hello all").id)});
  timers_.pass(Milliseconds(1'999));
  EXPECT_EQ(channels_.reads, Texts{});
  timers_.pass(Milliseconds(1));
  settle();
  EXPECT_EQ(asked(), Texts{"Hello all"});
}

TEST_F(CatchUpTest, ManyMessagesWaitForRoomAndNoneIsLost) {
  options_.messages_max = 4;
  peers_.answers.clear();
  start();
  peers_.answers.clear();  // nobody answers yet
  std::string last;
  for (int i = 0; i < 5; ++i) last = written(5'000 - i, std::to_string(i)).id;
  guild({channel("70", last)});
  EXPECT_EQ(asked(), (Texts{"0", "1"})) << "half of the room is for what is new";
  contracts::TurnReply reply;
  peers_.answer("router.orchestrate", reply);
  const auto waiting = peers_.calls;
  for (const auto& call : waiting) call.done(json::encode(reply));
  timers_.pass(Milliseconds(1'000));
  EXPECT_EQ(asked(), (Texts{"0", "1", "2", "3", "4"}));
}

TEST_F(CatchUpTest, OtherChannelsThanTheBotsOwnAreNotRead) {
  options_.intake.channels = {"71"};
  start();
  guild({channel("70", written(1'000, "Elsewhere").id),
         channel("71", written(1'000, "Here", "71").id)});
  EXPECT_EQ(channels_.reads, Texts{"71"});
  EXPECT_EQ(asked(), Texts{"Here"});
}

TEST_F(CatchUpTest, ThreadsAreCaughtUpWithToo) {
  discord::Guild guild;
  guild.id = "7";
  guild.threads = {channel("75", written(1'000, "In a thread", "75").id, 11)};
  catch_up_->guild(guild);
  settle();
  EXPECT_EQ(asked(), Texts{"In a thread"});
}

TEST_F(CatchUpTest, DirectChannelsAreReadWhenANewSessionBegins) {
  catch_up_->new_session();
  timers_.pass(Milliseconds(2'000));
  catch_up_->direct("80");
  written(1'000, "In private", "80");
  EXPECT_EQ(asked(), Texts{});
  catch_up_->new_session();
  settle();
  EXPECT_EQ(asked(), Texts{"In private"});
  const auto request = peers_.last<contracts::OrchestrateRequest>("router.orchestrate");
  EXPECT_EQ(request.participants, Texts{"peter"});
}

}  // namespace
}  // namespace bot::testing
