#include "bot/poster.h"

#include "services/bot/world.h"

namespace bot::testing {
namespace {

using Reply = Result<contracts::SpeakReply>;

class PosterTest : public WorldTest {
 protected:
  PosterTest() { start(); }

  void start() {
    poster_ = std::make_unique<Poster>(options_, *ledger_, channels_, timers_, clock_, silences_,
                                       [this](const Poster::Said& line) { said_.push_back(line); });
  }
  // As a process that was killed: what it had in mind is gone, what was on disk is not.
  void crash_and_restart() {
    settle();
    poster_.reset();
    open_ledger();
    channels_.hold = false;
    start();
  }
  static contracts::SpeakRequest line(std::string text, std::string turn = "turn_1") {
    return {"70", std::move(turn), std::move(text), "5"};
  }
  void say(const contracts::SpeakRequest& line) {
    poster_->say(line, [this](Reply reply) { replies_.push_back(std::move(reply)); });
  }
  void said(std::size_t count) {
    mail_.until([&] { return replies_.size() >= count; });
  }
  std::vector<std::string> texts() const {
    std::vector<std::string> all;
    for (const auto& one : channels_.standing) all.push_back(one.message.content);
    return all;
  }

  Poster::Options options_;
  std::vector<Poster::Said> said_;
  std::vector<Reply> replies_;
  std::unique_ptr<Poster> poster_;
};

TEST_F(PosterTest, PostsALineAsAReplyWithItsNonce) {
  say(line("Nyehehe."));
  said(1);
  ASSERT_EQ(channels_.standing.size(), 1U);
  EXPECT_EQ(channels_.standing[0].channel, "70");
  EXPECT_EQ(channels_.standing[0].message.reply_to, "5");
  EXPECT_EQ(channels_.standing[0].message.nonce, nonce_of("turn_1", 0));
  EXPECT_EQ(channels_.standing[0].message.nonce.size(), 25U);
  EXPECT_EQ(replies_[0].value().message_ids, std::vector<std::string>{"posted1"});
  ASSERT_EQ(said_.size(), 1U);
  EXPECT_EQ(said_[0].message_id, "posted1");
  EXPECT_EQ(said_[0].text, "Nyehehe.");
  EXPECT_EQ(stands("posted1")->turn_id, "turn_1");
}

TEST_F(PosterTest, TheLineIsOnDiskBeforeItIsPosted) {
  channels_.hold = true;
  say(line("Nyehehe."));
  mail_.until([&] { return channels_.posts == 1; });
  const auto parts = unfinished();
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_EQ(parts[0].content, "Nyehehe.");
  EXPECT_EQ(parts[0].state, PartState::Pending);
}

TEST_F(PosterTest, ALongLineGoesInPartsInOrderAndOnlyTheFirstReplies) {
  say(line(std::string(1500, 'a') + "\n\n" + std::string(1500, 'b')));
  said(1);
  ASSERT_EQ(texts(), (std::vector<std::string>{std::string(1500, 'a'), std::string(1500, 'b')}));
  EXPECT_EQ(channels_.standing[0].message.reply_to, "5");
  EXPECT_FALSE(channels_.standing[1].message.reply_to);
  EXPECT_NE(channels_.standing[0].message.nonce, channels_.standing[1].message.nonce);
  EXPECT_EQ(said_.at(0).message_id, "posted1") << "where people begin to read";
}

TEST_F(PosterTest, ATurnIsPostedOnceHoweverOftenItComes) {
  channels_.hold = true;
  say(line("Once."));
  say(line("Once."));
  mail_.until([&] { return channels_.posts == 1; });
  channels_.hold = false;
  channels_.release();
  said(2);
  ledger_->told("turn_1");
  say(line("Once."));
  said(3);
  EXPECT_EQ(channels_.posts, 1);
  EXPECT_EQ(replies_[2].value().message_ids, std::vector<std::string>{"posted1"});
  EXPECT_EQ(said_.size(), 1U) << "the router knows already";
}

TEST_F(PosterTest, NobodyIsCalledByWhatAModelWrites) {
  say(line("Hey @everyone and <@12>"));
  said(1);
  EXPECT_EQ(texts().at(0).find("@everyone"), std::string::npos);
  EXPECT_EQ(texts().at(0).find("<@12>"), std::string::npos);
}

TEST_F(PosterTest, ASwallowedAnswerDoesNotPostTwice) {
  channels_.swallow = true;
  channels_.failures = {failure(Code::DeadlineExceeded, 0, true)};
  say(line("Once."));
  mail_.until([&] { return channels_.posts == 1; });
  EXPECT_TRUE(replies_.empty());
  timers_.pass(Milliseconds(1000));
  said(1);
  EXPECT_EQ(channels_.posts, 2);
  EXPECT_EQ(texts(), std::vector<std::string>{"Once."});
  EXPECT_EQ(replies_[0].value().message_ids, std::vector<std::string>{"posted1"});
}

TEST_F(PosterTest, WhatIsUnsureForLongerThanANonceLivesIsLookedFor) {
  channels_.swallow = true;
  for (int i = 0; i < 100; ++i) channels_.failures.push_back(failure(Code::Unavailable, 0, true));
  say(line("Once."));
  mail_.until([&] { return channels_.posts == 1; });
  timers_.pass(Milliseconds(130'000));
  said(1);
  EXPECT_EQ(channels_.looked_after, std::vector<std::string>{"5"});
  EXPECT_EQ(texts(), std::vector<std::string>{"Once."});
  EXPECT_FALSE(replies_[0].value().unsure);
  EXPECT_EQ(replies_[0].value().message_ids, std::vector<std::string>{"posted1"});
}

TEST_F(PosterTest, WhatStaysUnsureIsNotPostedAndSaysSo) {
  for (int i = 0; i < 100; ++i) channels_.failures.push_back(failure(Code::Unavailable, 0, true));
  say(line(std::string(1500, 'a') + "\n\n" + std::string(1500, 'b')));
  mail_.until([&] { return channels_.posts == 1; });
  timers_.pass(Milliseconds(130'000));
  said(1);
  EXPECT_TRUE(replies_[0].value().unsure);
  EXPECT_TRUE(replies_[0].value().message_ids.empty());
  EXPECT_EQ(reasons(), std::vector<std::string>{"unsure_sent"});
  EXPECT_TRUE(said_.empty());
  const int posts = channels_.posts;
  channels_.failures.clear();
  say(line("Once."));  // a later repeat finds it in the ledger
  said(2);
  EXPECT_TRUE(replies_[1].value().unsure);
  EXPECT_EQ(channels_.posts, posts);
}

TEST_F(PosterTest, AChannelThatCannotBeReadIsAskedSomeTimesOnly) {
  for (int i = 0; i < 100; ++i) channels_.failures.push_back(failure(Code::Unavailable, 0, true));
  channels_.unreadable = Error{Code::Unavailable, "down"};
  say(line("Once."));
  mail_.until([&] { return channels_.posts == 1; });
  timers_.pass(Milliseconds(300'000));
  said(1);
  EXPECT_TRUE(replies_[0].value().unsure);
  EXPECT_LE(channels_.looked_after.size(), 7U);
}

TEST_F(PosterTest, WhatDiscordNeverSawIsTriedAgainAndAtLastGivenUp) {
  channels_.failures = {failure(Code::Unavailable, 0), failure(Code::Unavailable, 503)};
  say(line("Late."));
  mail_.until([&] { return channels_.posts == 1; });
  timers_.pass(Milliseconds(10'000));
  said(1);
  EXPECT_EQ(texts(), std::vector<std::string>{"Late."});

  for (int i = 0; i < 100; ++i) channels_.failures.push_back(failure(Code::Unavailable, 0));
  say(line("Never.", "turn_2"));
  mail_.until([&] { return channels_.posts == 4; });
  timers_.pass(Milliseconds(130'000));
  said(2);
  EXPECT_EQ(replies_[1].error().code, Code::Conflict);
  EXPECT_EQ(reasons(), std::vector<std::string>{"unavailable"});
  EXPECT_TRUE(channels_.looked_after.empty());
}

TEST_F(PosterTest, ALongRateLimitOrADeadNetworkLosesNoLine) {
  channels_.failures = {failure(Code::DeadlineExceeded, 0), failure(Code::DeadlineExceeded, 0)};
  say(line("Late."));
  mail_.until([&] { return channels_.posts == 1; });
  timers_.pass(Milliseconds(10'000));
  said(1);
  EXPECT_EQ(texts(), std::vector<std::string>{"Late."});
  EXPECT_TRUE(reasons().empty());
}

TEST_F(PosterTest, ALookThatTakesTooLongIsMadeAgain) {
  channels_.swallow = true;
  for (int i = 0; i < 100; ++i) channels_.failures.push_back(failure(Code::Unavailable, 0, true));
  channels_.unreadable = Error{Code::DeadlineExceeded, "rate limited"};
  say(line("Once."));
  mail_.until([&] { return channels_.posts == 1; });
  while (channels_.looked_after.empty()) timers_.pass(Milliseconds(1'000));
  channels_.unreadable.reset();
  timers_.pass(Milliseconds(10'000));
  said(1);
  EXPECT_EQ(replies_[0].value().message_ids, std::vector<std::string>{"posted1"});
}

TEST_F(PosterTest, ThePartsOfALineAreOfOneTimeSoThatNoOthersStandBetween) {
  struct Ticking final : Clock {
    SteadyTime now() const override { return {}; }
    std::int64_t wall_ms() const override { return ++ms; }
    mutable std::int64_t ms = 1'700'000'000'000;
  };
  const Ticking clock;
  Poster poster(options_, *ledger_, channels_, timers_, clock, silences_, {});
  channels_.hold = true;
  poster.say(line(std::string(1500, 'a') + "\n\n" + std::string(1500, 'b')), [](const auto&) {});
  const auto parts = unfinished();
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].created_ms, parts[1].created_ms);
}

TEST_F(PosterTest, ARefusedLineIsNotTriedAgain) {
  channels_.failures = {failure(Code::PermissionDenied, 403)};
  say(line("No."));
  said(1);
  ASSERT_FALSE(replies_[0].ok());
  EXPECT_FALSE(retryable(replies_[0].error().code)) << "the router would ask for half a minute";
  EXPECT_EQ(channels_.posts, 1);
  channels_.failures = {failure(Code::InvalidArgument, 400)};
  say(line("No.", "turn_2"));
  said(2);
  EXPECT_EQ(reasons(), (std::vector<std::string>{"refused", "forbidden"}));
  say(line("No."));
  said(3);
  EXPECT_FALSE(replies_[2].ok());
  EXPECT_EQ(channels_.posts, 2);
}

TEST_F(PosterTest, ABlankLineAndTooManyLinesAreRefused) {
  say(line(" \n "));
  ASSERT_EQ(replies_.size(), 1U);
  EXPECT_EQ(replies_[0].error().code, Code::InvalidArgument);
  options_.lines_max = 1;
  start();
  say(line("One."));
  say(line("Two.", "turn_2"));
  ASSERT_EQ(replies_.size(), 2U);
  EXPECT_EQ(replies_[1].error().code, Code::Overloaded);
  EXPECT_EQ(reasons(), std::vector<std::string>{"overloaded"});
  said(3);
}

TEST_F(PosterTest, ACrashBetweenLedgerAndPostPostsOnce) {
  channels_.hold = true;
  say(line("Once."));
  mail_.until([&] { return channels_.posts == 1; });
  crash_and_restart();  // the request never left
  poster_->recover();
  mail_.until([&] { return said_.size() == 1; });
  EXPECT_EQ(texts(), std::vector<std::string>{"Once."});
  EXPECT_EQ(channels_.standing[0].message.nonce, nonce_of("turn_1", 0));
}

TEST_F(PosterTest, ACrashAfterThePostPostsOnce) {
  channels_.hold = true;
  say(line("Once."));
  mail_.until([&] { return channels_.posts == 1; });
  channels_.standing.push_back({"posted1", "70", {"Once.", "5", {}, nonce_of("turn_1", 0)}});
  crash_and_restart();
  poster_->recover();
  mail_.until([&] { return said_.size() == 1; });
  EXPECT_EQ(texts(), std::vector<std::string>{"Once."});
  EXPECT_EQ(said_[0].message_id, "posted1");
}

TEST_F(PosterTest, AfterALongTimeARestartLooksInsteadOfPosting) {
  channels_.hold = true;
  say(line("Found."));
  say(line("Lost.", "turn_2"));
  mail_.until([&] { return channels_.posts == 2; });
  channels_.standing.push_back({"posted1", "70", {"Found.", "5", {}, nonce_of("turn_1", 0)}});
  crash_and_restart();
  clock_.advance(120'000);
  poster_->recover();
  mail_.until([&] { return channels_.looked_after.size() == 2; });
  EXPECT_EQ(channels_.posts, 2);
  EXPECT_EQ(texts(), std::vector<std::string>{"Found."});
  ASSERT_EQ(said_.size(), 1U);
  EXPECT_EQ(said_[0].turn_id, "turn_1");
  EXPECT_EQ(reasons(), std::vector<std::string>{"unsure_sent"});
  settle();
  EXPECT_EQ(unfinished().size(), 1U) << "the found one, until the router has heard of it";
}

TEST_F(PosterTest, ARestartTellsOfALineThatTheRouterHasNotHeardOf) {
  say(line("Said."));
  said(1);
  said_.clear();
  crash_and_restart();
  poster_->recover();
  mail_.until([&] { return said_.size() == 1; });
  EXPECT_EQ(said_[0].text, "Said.");
  EXPECT_EQ(channels_.posts, 1);
  ledger_->told("turn_1");
  EXPECT_TRUE(unfinished().empty());
}

}  // namespace
}  // namespace bot::testing
