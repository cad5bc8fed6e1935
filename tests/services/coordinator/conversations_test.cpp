#include "coordinator/conversations.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <future>
#include <set>
#include <thread>

#include "coordinator/stage.h"
#include "services/coordinator/cast_of_three.h"
#include "support/fake_clock.h"

namespace coordinator {
namespace {

using contracts::Line;

constexpr std::int64_t kHourMs = 3600 * 1000;

// A stage over a file of its own, with hands to say lines.
class ConversationsTest : public ::testing::Test {
 protected:
  ConversationsTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "coordinator.XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    cast_.replace(cast_of_three());
    open();
  }
  ~ConversationsTest() override {
    stage_.reset();
    conversations_.reset();
    std::filesystem::remove_all(folder_);
  }

  void open(std::size_t cache_bytes = 8 * 1024 * 1024) {
    stage_.reset();
    conversations_.reset();
    auto opened = Conversations::open(
        {.path = folder_ / "conversations.db", .weights = {}, .cache_bytes = cache_bytes}, clock_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    conversations_ = std::move(opened).value();
    stage_ = std::make_unique<Stage>(Stage::Options{}, cast_, *conversations_);
  }

  contracts::ObserveReply say(const std::string& channel, const std::string& id, Line line) {
    const auto told = std::make_shared<std::promise<Result<contracts::ObserveReply>>>();
    stage_->observe(
        {channel, id, std::move(line), std::nullopt},
        [told](Result<contracts::ObserveReply> seen) { told->set_value(std::move(seen)); });
    auto reply = told->get_future().get();
    EXPECT_TRUE(reply.ok());
    return reply.ok() ? std::move(reply).value() : contracts::ObserveReply{};
  }

  contracts::FollowUp follow_up(const std::string& channel) {
    auto reply = stage_->follow_up({channel});
    EXPECT_TRUE(reply.ok());
    return reply.ok() ? std::move(reply).value() : contracts::FollowUp{};
  }

  std::filesystem::path folder_;
  support::FakeClock clock_;
  Cast cast_;
  std::unique_ptr<Conversations> conversations_;
  std::unique_ptr<Stage> stage_;
};

TEST_F(ConversationsTest, AnObservedLineComesBackWithWhoAnswersIt) {
  const auto reply = say("c", "m1", person("Peter, a beer?"));
  EXPECT_FALSE(reply.repeated);
  EXPECT_EQ(reply.history, std::vector<Line>{person("Peter, a beer?")});
  EXPECT_EQ(reply.message_count, 0);
  EXPECT_EQ(reply.energy, 4);
  EXPECT_EQ(reply.selection.speakers, std::vector<std::string>{"peter"});
}

TEST_F(ConversationsTest, ARepeatIsNotStoredAgainAndGetsTheSameSelection) {
  const auto first = say("c", "m1", person("Who wants beer?"));
  say("c", "m2", bot("peter", "Me!"));
  const auto again = say("c", "m1", person("Who wants beer?"));
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.history, first.history);
  EXPECT_EQ(again.selection.speakers, first.selection.speakers);
  EXPECT_EQ(again.energy, 3) << "a repeat refills nothing";
  EXPECT_EQ(conversations_->history("c", 10).value().size(), 2U);
}

TEST_F(ConversationsTest, ARepeatIsKnownAlsoWhenTheMemoryHasForgottenIt) {
  for (int i = 0; i < 80; ++i) say("c", "m" + std::to_string(i), person(std::to_string(i)));
  const auto again = say("c", "m3", person("3"));
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.history.size(), 4U);
  EXPECT_EQ(again.history.back().text, "3");
  EXPECT_EQ(again.message_count, 3);
}

TEST_F(ConversationsTest, ARepeatTellsWhatWasSaidToIt) {
  say("c1", "m1", person("Stewie, what is a tesseract?"));
  contracts::ObserveRequest answer{"c1", "t1", bot("stewie", "A cube."), "t1", "m1"};
  ASSERT_TRUE(conversations_->observe(answer).ok());
  say("c1", "m2", person("Nice."));
  const auto again = say("c1", "m1", person("Stewie, what is a tesseract?"));
  ASSERT_EQ(again.answered.size(), 1U);
  EXPECT_EQ(again.answered[0].turn_id, "t1");
  EXPECT_EQ(again.answered[0].character, "stewie");
  EXPECT_EQ(again.answered[0].text, "A cube.");
  EXPECT_TRUE(say("c1", "m2", person("Nice.")).answered.empty());
  ASSERT_EQ(conversations_->answers_to("c1", "m1").value().size(), 1U);
  EXPECT_EQ(conversations_->answers_to("c1", "m1").value()[0].turn_id, "t1");
  EXPECT_EQ(conversations_->history("c1", 20).value().size(), 3U);
}

TEST_F(ConversationsTest, ARepeatOfABotsLineTellsTheLineThatStands) {
  contracts::ObserveRequest line{"c1", "m1~stewie", bot("stewie", "A cube."), "t1", "m1"};
  ASSERT_TRUE(conversations_->observe(line).ok());
  line.line.text = "A hypercube.";
  line.turn_id = "t2";
  const auto again = conversations_->observe(line).value();
  ASSERT_EQ(again.answered.size(), 1U);
  EXPECT_EQ(again.answered[0].turn_id, "t1");
  EXPECT_EQ(again.answered[0].text, "A cube.");
}

TEST_F(ConversationsTest, TheLatestLinesOfTurnsComeWithWhatTheyAnswer) {
  say("c1", "m1", person("Stewie, what is a tesseract?"));
  ASSERT_TRUE(
      conversations_->observe({"c1", "m1~stewie", bot("stewie", "A cube."), "t1", "m1"}).ok());
  ASSERT_TRUE(conversations_->observe({"c2", "l1", bot("brian", "Well."), "t2"}).ok());
  const auto said = conversations_->said(2).value();
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(said[0].turn_id, "t2");
  EXPECT_EQ(said[0].message_id, "");
  EXPECT_EQ(said[1].channel, "c1");
  EXPECT_EQ(said[1].text, "A cube.");
  EXPECT_EQ(said[1].message, "Stewie, what is a tesseract?");
  EXPECT_EQ(conversations_->said(1).value().size(), 1U);
}

TEST_F(ConversationsTest, TheSameMessageIdInAnotherChannelIsAnotherLine) {
  say("c", "m1", person("one"));
  EXPECT_FALSE(say("d", "m1", person("two")).repeated);
}

TEST_F(ConversationsTest, ARestartKeepsTheConversationAndItsEnergy) {
  say("c", "m1", person("Who wants beer?", "brian"));
  say("c", "m2", bot("peter", "Me!"));
  const auto before = conversations_->recent("c").value();
  open();
  const auto after = conversations_->recent("c").value();
  EXPECT_EQ(after.lines, before.lines);
  EXPECT_EQ(after.energy, 3);
  EXPECT_EQ(after.bot_lines, 1);
  EXPECT_EQ(after.last_id, "m2");
  EXPECT_TRUE(say("c", "m2", bot("peter", "Me!")).repeated);
}

TEST_F(ConversationsTest, OnlyTheLastTwentyLinesAreTold) {
  contracts::ObserveReply reply;
  for (int i = 0; i < 70; ++i) {
    reply = say("c", "m" + std::to_string(i), person(std::to_string(i)));
  }
  ASSERT_EQ(reply.history.size(), 20U);
  EXPECT_EQ(reply.history.front().text, "50");
  EXPECT_EQ(reply.history.back().text, "69");
  EXPECT_EQ(reply.message_count, 69);
  EXPECT_EQ(stage_->history({"c", 65}).value().lines.size(), 65U);
}

TEST_F(ConversationsTest, TheCountIsOfTheLastTwentyFourHours) {
  say("c", "m1", person("one"));
  clock_.advance(23 * kHourMs);
  say("c", "m2", person("two"));
  clock_.advance(2 * kHourMs);
  EXPECT_EQ(say("c", "m3", person("three")).message_count, 1);
  open();
  EXPECT_EQ(say("c", "m4", person("four")).message_count, 2);
  EXPECT_EQ(say("d", "m4", person("four")).message_count, 0);
}

TEST_F(ConversationsTest, APersonRefillsWhatBotsSpend) {
  say("c", "m1", person("Hi"));
  for (int i = 0; i < 6; ++i) say("c", "b" + std::to_string(i), bot("peter", "Stewie!"));
  EXPECT_EQ(conversations_->recent("c").value().energy, 0);
  EXPECT_EQ(follow_up("c").reason, "out_of_energy");
  EXPECT_EQ(say("c", "m2", person("Hi")).energy, 4);
}

TEST_F(ConversationsTest, ALongTalkCostsMore) {
  const Weights weights{.energy_budget = 10};
  EXPECT_EQ(line_cost(1, weights), 1);
  EXPECT_EQ(line_cost(3, weights), 1);
  EXPECT_EQ(line_cost(5, weights), 1.5);
}

TEST_F(ConversationsTest, AFollowUpIsPaidOnceHoweverOftenItIsAskedAbout) {
  say("c", "m1", person("Hi Peter"));
  say("c", "m2", bot("peter", "Brian, what do you say?"));
  const auto first = follow_up("c");
  EXPECT_EQ(first.character, "brian");
  EXPECT_EQ(first.reason, "addressed");
  EXPECT_EQ(first.energy, 2);
  EXPECT_GE(first.delay_ms, 1500);
  EXPECT_LE(first.delay_ms, 8000);
  open();  // the reservation is on disk, too
  const auto again = follow_up("c");
  EXPECT_EQ(again.character, "brian");
  EXPECT_EQ(again.energy, 2);
  EXPECT_EQ(again.delay_ms, first.delay_ms);
  EXPECT_EQ(say("c", "m3", bot("brian", "Nothing.")).energy, 2) << "reserved before";
}

TEST_F(ConversationsTest, AReservationForALineThatIsGoneByIsRefused) {
  say("c", "m1", bot("peter", "Hm."));
  const auto seen = conversations_->recent("c").value();
  say("c", "m2", person("Wait!"));
  const auto reserved = conversations_->reserve("c", seen, {"m1", "brian", 1});
  ASSERT_FALSE(reserved.ok());
  EXPECT_EQ(reserved.error().code, Code::Conflict);
  EXPECT_EQ(conversations_->recent("c").value().energy, 4);
}

TEST_F(ConversationsTest, AfterAPersonsLineOnlyASecondSpeakerMayJoin) {
  say("c", "m1", person("Peter?"));
  EXPECT_EQ(follow_up("c").reason, "superseded");
  const auto reply = say("c", "m2", person("Peter and Brian, come here!"));
  ASSERT_EQ(reply.selection.speakers.size(), 2U);
  EXPECT_EQ(follow_up("c").character, reply.selection.speakers[1]);
}

TEST_F(ConversationsTest, TalkAmongBotsEndsOnTheStageToo) {
  for (int scene = 0; scene < 20; ++scene) {
    const std::string channel = "c" + std::to_string(scene);
    say(channel, "m", person("Everyone, beer?"));
    say(channel, "b", bot("peter", "Brian? Stewie?"));
    int said = 1;
    for (auto next = follow_up(channel); next.character && said < 50; next = follow_up(channel)) {
      say(channel, "b" + std::to_string(said), bot(*next.character, "Peter? Brian? Stewie?"));
      ++said;
    }
    EXPECT_EQ(said, 4);
  }
}

TEST_F(ConversationsTest, ACharacterThatClaimsToBeAPersonRefillsNothing) {
  say("c", "m1", person("Hi"));
  EXPECT_EQ(say("c", "m2", {"peter", "I am a person.", contracts::Kind::Human, {}}).energy, 3);
}

TEST_F(ConversationsTest, AnEmptyChannelHasNothingToFollow) {
  const auto reply = follow_up("nowhere");
  EXPECT_FALSE(reply.character);
  EXPECT_EQ(reply.reason, "empty_history");
  EXPECT_TRUE(stage_->history({"nowhere", 20}).value().lines.empty());
}

TEST_F(ConversationsTest, SelectAnswersForParticipantsItDoesNotKnow) {
  contracts::SelectRequest request;
  request.participants = {"zed", "peter"};
  request.history = {person("Zed, are you there?")};
  EXPECT_EQ(stage_->select(request).speakers, std::vector<std::string>{"zed"});
}

TEST_F(ConversationsTest, OldLinesAreForgottenInBatches) {
  for (int i = 0; i < 7; ++i) say("c", "old" + std::to_string(i), person("old"));
  clock_.advance(31 * 24 * kHourMs);
  say("c", "new", person("new"));
  say("d", "new", person("new"));
  EXPECT_EQ(conversations_->forget_older_than(30, 3).value(), 7);
  EXPECT_EQ(conversations_->history("c", 10).value().size(), 1U);
  EXPECT_EQ(conversations_->recent("c").value().lines.size(), 1U);
  EXPECT_EQ(conversations_->forget_older_than(30, 3).value(), 0);
}

TEST_F(ConversationsTest, LinesOfAClockThatRanAheadKeepNoOldLineAlive) {
  constexpr std::int64_t kAhead = 10 * 365 * 24 * kHourMs;
  // One alone, and more than a batch.
  for (const int ahead : {1, 4}) {
    const std::string channel = "c" + std::to_string(ahead);
    clock_.advance(kAhead);
    for (int i = 0; i < ahead; ++i) say(channel, "ahead" + std::to_string(i), person("ahead"));
    clock_.advance(-kAhead);
    for (int i = 0; i < 7; ++i) say(channel, "old" + std::to_string(i), person("old"));
    clock_.advance(31 * 24 * kHourMs);
    EXPECT_EQ(conversations_->forget_older_than(30, 3).value(), 7);
    EXPECT_EQ(conversations_->recent(channel).value().lines.size(),
              static_cast<std::size_t>(ahead));
    EXPECT_EQ(conversations_->forget_older_than(30, 3).value(), 0);
  }
}

TEST_F(ConversationsTest, BehindYoungLinesNoOldOnesAreLookedFor) {
  for (int i = 0; i < 3; ++i) say("c", "new" + std::to_string(i), person("new"));
  clock_.advance(-31 * 24 * kHourMs);
  say("c", "old", person("old"));
  clock_.advance(31 * 24 * kHourMs);
  EXPECT_EQ(conversations_->forget_older_than(30, 3).value(), 0);
  EXPECT_EQ(conversations_->forget_older_than(30, 4).value(), 1);
}

TEST_F(ConversationsTest, TheMemoryStaysWithinItsBytes) {
  open(20'000);
  for (int i = 0; i < 100; ++i) {
    say("c" + std::to_string(i), "m", person(std::string(1000, 'x')));
    EXPECT_LE(conversations_->stats().bytes, 20'000U);
  }
  EXPECT_GT(conversations_->stats().evictions, 0U);
  EXPECT_EQ(conversations_->recent("c0").value().lines.size(), 1U);
}

TEST_F(ConversationsTest, ALineInAKnownChannelNeedsNoReading) {
  say("c", "m0", person("first"));
  const auto misses = conversations_->stats().misses;
  for (int i = 1; i < 10; ++i) say("c", "m" + std::to_string(i), person("more"));
  EXPECT_EQ(conversations_->stats().misses, misses);
}

TEST_F(ConversationsTest, LinesOfManyThreadsAreAllKeptOnce) {
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([this, thread] {
        for (int i = 0; i < 10; ++i) {
          say("c", std::to_string(i), person("said by all"));
          say("c", std::to_string(thread) + "." + std::to_string(i), person("own"));
          follow_up("c");
        }
      });
    }
  }
  EXPECT_EQ(conversations_->history("c", 200).value().size(), 50U);
  EXPECT_EQ(conversations_->recent("c").value().lines, conversations_->history("c", 64).value());
}

class ParticipantsTest : public ConversationsTest {
 protected:
  contracts::Selection ask(const std::string& id, const std::string& text,
                           std::optional<std::vector<std::string>> participants) {
    contracts::ObserveRequest request{"c", id, person(text), std::nullopt};
    request.participants = std::move(participants);
    std::promise<contracts::ObserveReply> told;
    stage_->observe(request, [&](auto seen) { told.set_value(std::move(seen).value()); });
    return told.get_future().get().selection;
  }
};

TEST_F(ParticipantsTest, OnlyWhoIsInTheChannelIsConsidered) {
  const auto chosen = ask("m1", "Who of you is the smartest?", {{"brian"}});
  EXPECT_EQ(chosen.speakers, std::vector<std::string>{"brian"});
  EXPECT_EQ(chosen.scores.size(), 1U);
}

TEST_F(ParticipantsTest, WhoIsNotThereIsNobodyToSpeakTo) {
  for (const auto& speaker : ask("m1", "Peter, a beer?", {{"brian", "stewie"}}).speakers) {
    EXPECT_NE(speaker, "peter");
  }
}

TEST_F(ParticipantsTest, TheirOrderDoesNotMatter) {
  const auto one = ask("m1", "Who wants a beer?", {{"peter", "brian"}});
  const auto other = ask("m1", "Who wants a beer?", {{"brian", "peter"}});
  EXPECT_EQ(one.speakers, other.speakers);
  EXPECT_EQ(one.scores, other.scores);
}

TEST_F(ParticipantsTest, WhoWasThereLastMayGoOn) {
  ask("m1", "Hi Peter", {{"peter", "stewie"}});
  say("c", "m2", bot("peter", "Brian, what do you say?"));
  EXPECT_NE(follow_up("c").character.value_or(""), "brian");
  ask("m3", "Hi Peter", {});
  say("c", "m4", bot("peter", "Brian, what do you say?"));
  EXPECT_EQ(follow_up("c").character, "brian") << "without a word all are there";
}

TEST_F(ParticipantsTest, AFollowUpMayTellWhoIsThere) {
  ask("m1", "Hi Peter", {});
  say("c", "m2", bot("peter", "Brian, what do you say?"));
  const auto next = stage_->follow_up({.channel = "c", .participants = {{"peter"}}}).value();
  EXPECT_FALSE(next.character);
}

TEST_F(ParticipantsTest, WhoHasLeftDoesNotSayWhatWasHisToSay) {
  ask("m1", "Hi Peter", {});
  say("c", "m2", bot("peter", "Brian, what do you say?"));
  EXPECT_EQ(follow_up("c").character, "brian");
  const auto next =
      stage_->follow_up({.channel = "c", .participants = {{"peter", "stewie"}}}).value();
  EXPECT_NE(next.character.value_or(""), "brian");
}

class ForgettingTest : public ConversationsTest {
 protected:
  void tell(const std::string& channel, const std::string& id, Line line,
            std::optional<std::string> author_id, std::optional<std::string> answers = {}) {
    contracts::ObserveRequest request{channel, id, std::move(line), std::nullopt};
    request.author_id = std::move(author_id);
    request.answers = std::move(answers);
    ASSERT_TRUE(conversations_->observe(request).ok());
  }
  std::int64_t forget(const std::string& author_id) {
    return stage_->forget({author_id}).value().lines;
  }
  std::vector<std::string> texts(const std::string& channel) {
    std::vector<std::string> found;
    for (const Line& line : stage_->history({channel}).value().lines) found.push_back(line.text);
    return found;
  }
};

TEST_F(ForgettingTest, APersonsLinesAndTheirAnswersAreGoneFromMemoryAndDisk) {
  tell("c", "m1", person("mine"), "1");
  tell("c", "m2", bot("peter", "to you"), {}, "m1");
  tell("c", "m3", person("another's"), "2");
  tell("c", "m4", bot("brian", "to another"), {}, "m3");
  tell("d", "m1", person("mine, elsewhere"), "1");
  EXPECT_EQ(forget("1"), 3);
  const std::vector<std::string> left{"another's", "to another"};
  EXPECT_EQ(texts("c"), left);
  EXPECT_TRUE(texts("d").empty());
  EXPECT_EQ(conversations_->recent("c").value().lines.size(), 2U);
  open();
  EXPECT_EQ(texts("c"), left);
  EXPECT_EQ(conversations_->recent("c").value().lines.size(), 2U);
  EXPECT_EQ(forget("1"), 0);
}

TEST_F(ForgettingTest, WhoIsUnknownHasNothingToForget) {
  tell("c", "m1", person("nobody's"), {});
  EXPECT_EQ(forget("1"), 0);
  EXPECT_EQ(texts("c").size(), 1U);
}

TEST_F(ForgettingTest, AChannelThatHasLostAllItsLinesGoesOn) {
  tell("c", "m1", person("Hi Peter"), "1");
  EXPECT_EQ(forget("1"), 1);
  EXPECT_FALSE(follow_up("c").character);
  EXPECT_EQ(say("c", "m1", person("Peter, a beer?")).selection.speakers,
            std::vector<std::string>{"peter"});
}

TEST_F(ConversationsTest, TheHistoryTellsHowMuchEnergyThereMayBe) {
  EXPECT_EQ(stage_->history({"c"}).value().energy_max, 4);
}

}  // namespace
}  // namespace coordinator
