#include "bot/commands.h"

#include "contracts/coordinator.h"
#include "services/bot/world.h"

namespace bot::testing {
namespace {

class CommandsTest : public WorldTest {
 protected:
  // A line of this bot that stands in two messages.
  CommandsTest() {
    std::vector<Part> parts;
    for (int i = 0; i < 2; ++i) {
      Part part{"turn_1", i, "70", "text", "n", "5", PartState::Sent, "90" + std::to_string(i)};
      part.created_ms = clock_.wall_ms();
      parts.push_back(std::move(part));
    }
    ledger_->claim(std::move(parts), [](const auto&) {});
    settle();
  }
  static discord::Interaction call(std::string name, std::optional<std::string> target = {}) {
    discord::Interaction interaction;
    interaction.id = "1234567890";
    interaction.channel_id = "70";
    interaction.member = discord::Member{};
    interaction.member->user = discord::User{"99", "ada", "Ada", false};
    interaction.data = discord::CommandCall{"1", std::move(name), 1, std::move(target), {}};
    return interaction;
  }
  std::string answer_to(const discord::Interaction& interaction) {
    commands_.called(interaction);
    mail_.until([&] { return !channels_.answers.empty(); });
    std::string text = channels_.answers.back();
    channels_.answers.clear();
    return text;
  }
  void router_knows(const std::string& character) {
    contracts::TurnRecord turn;
    turn.channel = "70";
    turn.character = character;
    turn.author = "Ada";
    peers_.answer("router.turn", turn);
    peers_.answer("router.turns", contracts::TurnList{{turn}});
  }

  Company company_ = peters_company();
  Commands commands_{company_, *ledger_, channels_, channels_, peers_, clock_};
};

TEST_F(CommandsTest, AreDeferredBeforeAnythingElse) {
  commands_.called(call("quiet"));
  EXPECT_EQ(channels_.deferred, std::vector<std::string>{"1234567890"});
  EXPECT_TRUE(channels_.answers.empty());
  EXPECT_EQ(peers_.count("coordinator.quiet"), 1);
}

TEST_F(CommandsTest, NothingIsAnsweredBeforeDiscordKnowsThatAnAnswerComes) {
  channels_.hold = true;
  peers_.answer("coordinator.quiet", contracts::QuietReply{});
  commands_.called(call("quiet"));
  commands_.called(call("dance"));
  EXPECT_TRUE(channels_.answers.empty());
  EXPECT_EQ(peers_.count("coordinator.quiet"), 0);
  channels_.release();
  EXPECT_EQ(channels_.answers.size(), 2U);
}

TEST_F(CommandsTest, WhatDiscordDoesNotKnowIsNotCarriedOut) {
  channels_.stranger = true;
  commands_.called(call("forget"));
  EXPECT_EQ(peers_.count("router.forget"), 0);
  EXPECT_TRUE(channels_.answers.empty());
}

TEST_F(CommandsTest, ALineOfAnotherChannelIsNotTalkedAboutNorChanged) {
  router_knows("peter");
  for (const char* const name : {"Why did you say that?", "Regenerate"}) {
    auto elsewhere = call(name, "901");
    elsewhere.channel_id = "71";
    EXPECT_EQ(answer_to(elsewhere), "That is not a line of mine.") << name;
  }
  auto others = call("Why did you say that?", "555");
  others.channel_id = "71";
  EXPECT_EQ(answer_to(others), "That is not a line of mine.");
  EXPECT_EQ(peers_.count("router.turn") + peers_.count("router.regenerate"), 0);
}

TEST_F(CommandsTest, WhyTellsTheTurnOfALine) {
  router_knows("peter");
  EXPECT_TRUE(answer_to(call("Why did you say that?", "901")).starts_with("**peter** answered"));
  EXPECT_EQ(peers_.last<contracts::TurnQuery>("router.turn").turn_id, "turn_1");
  EXPECT_TRUE(answer_to(call("why")).starts_with("**peter** answered"));
}

TEST_F(CommandsTest, WhyAlsoTellsOfTheOthersLines) {
  router_knows("brian");
  EXPECT_TRUE(answer_to(call("Why did you say that?", "555")).starts_with("**brian** answered"));
  EXPECT_EQ(peers_.last<contracts::TurnsQuery>("router.turns").posted, "555");
  peers_.answer("router.turns", contracts::TurnList{});
  EXPECT_EQ(answer_to(call("Why did you say that?", "556")), "That is not a line of mine.");
}

TEST_F(CommandsTest, RegenerateEditsTheLineAndTellsTheRouterWhereItStands) {
  contracts::TurnReply better;
  better.turn_id = "turn_2";
  better.text = "Better. @everyone";
  peers_.answer("router.regenerate", better);
  EXPECT_EQ(answer_to(call("Regenerate", "901")), "Done.");
  const auto asked = peers_.last<contracts::RegenerateRequest>("router.regenerate");
  EXPECT_EQ(asked.turn_id, "turn_1");
  EXPECT_EQ(asked.author, "99");
  EXPECT_EQ(asked.request_id, "1234567890");
  ASSERT_EQ(channels_.edits.size(), 2U);
  EXPECT_EQ(channels_.edits[0].first, "900");
  EXPECT_TRUE(channels_.edits[0].second.starts_with("Better. "));
  EXPECT_EQ(channels_.edits[0].second.find("@everyone"), std::string::npos);
  EXPECT_EQ(channels_.edits[1], (std::pair<std::string, std::string>{"901", ""})) << "removed";
  const auto note = peers_.last<contracts::OrganicNotification>("router.organic_notification");
  EXPECT_EQ(note.turn_id, "turn_2");
  EXPECT_EQ(note.message_id, "900");
  clock_.advance(1);
  EXPECT_EQ(stands("900")->turn_id, "turn_2");
}

TEST_F(CommandsTest, RegenerateSaysWhatWentWrong) {
  EXPECT_EQ(answer_to(call("Regenerate", "555")), "That is not a line of mine.");
  peers_.fail("router.regenerate", Code::Unavailable);
  EXPECT_EQ(answer_to(call("regenerate")),
            "Regenerating did not work: away. Please try again in a moment.");
  peers_.fail("router.regenerate", Code::Conflict);
  EXPECT_EQ(answer_to(call("regenerate")), "Only an answer to a person can be said anew.");
  peers_.answer("router.regenerate", contracts::TurnReply{});
  EXPECT_EQ(answer_to(call("regenerate")), "I have nothing better to say.");
  contracts::TurnReply better;
  better.text = "Better.";
  peers_.answer("router.regenerate", better);
  channels_.failures = {failure(Code::PermissionDenied, 403)};
  EXPECT_EQ(answer_to(call("regenerate")), "Editing the line did not work: no.");
  auto elsewhere = call("regenerate");
  elsewhere.channel_id = "71";
  EXPECT_EQ(answer_to(elsewhere), "I have not said anything here yet.");
}

TEST_F(CommandsTest, QuietTakesItsMinutes) {
  peers_.answer("coordinator.quiet", contracts::QuietReply{});
  EXPECT_EQ(answer_to(call("quiet")), "For 10 minutes only who is spoken to by name answers here.");
  auto interaction = call("quiet");
  interaction.data->options = {{"minutes", 4, json::Text{"9999"}}};
  answer_to(interaction);
  EXPECT_EQ(peers_.last<contracts::QuietRequest>("coordinator.quiet").minutes, 1440);
  interaction.data->options = {{"minutes", 4, json::Text{"\"x\""}}};
  answer_to(interaction);
  EXPECT_EQ(peers_.last<contracts::QuietRequest>("coordinator.quiet").minutes, 10);
  interaction.data->options = {{"minutes", 4, json::Text{"0"}}};
  EXPECT_EQ(answer_to(interaction), "We are back.");
  peers_.fail("coordinator.quiet", Code::Internal);
  EXPECT_EQ(answer_to(call("quiet")), "Keeping quiet did not work: away.");
}

TEST_F(CommandsTest, ForgetErasesWhoAsks) {
  peers_.answer("router.forget", contracts::ForgetReply{1, 2, 3});
  auto direct = call("forget");
  direct.member.reset();
  direct.user = discord::User{"98", "bob", {}, false};
  EXPECT_TRUE(answer_to(direct).starts_with("Forgotten: 2 lines, 1 turns and 3 notes"));
  EXPECT_EQ(peers_.last<contracts::ForgetRequest>("router.forget").author_id, "98");
  peers_.fail("router.forget", Code::Unavailable);
  EXPECT_TRUE(answer_to(direct).starts_with("Forgetting did not work"));
}

TEST_F(CommandsTest, WhatIsNoCommandIsSaidSo) {
  EXPECT_EQ(answer_to(call("dance")), "I do not know that command.");
  auto nobody = call("quiet");
  nobody.member.reset();
  EXPECT_EQ(answer_to(nobody), "Who asks, and where?");
  auto empty = call("quiet");
  empty.data.reset();
  EXPECT_EQ(answer_to(empty), "I do not know that command.");
  auto ping = call("quiet");
  ping.type = 1;
  commands_.called(ping);
  EXPECT_EQ(channels_.deferred.size(), 3U);
}

TEST_F(CommandsTest, TooManyAtOnceAreAskedToWait) {
  for (int i = 0; i < 33; ++i) commands_.called(call("quiet"));
  ASSERT_EQ(channels_.answers.size(), 1U);
  EXPECT_EQ(channels_.answers[0], "Too much at once. Please try again in a moment.");
}

TEST_F(CommandsTest, DefinitionsAreWhatDiscordTakes) {
  const auto document = json::Document::parse(Commands::definitions());
  ASSERT_TRUE(document.ok());
  ASSERT_EQ(document.value().root().size(), 6U);
  const auto first = document.value().root().at(0);
  EXPECT_EQ(first.number_or("type", 0), 3);
  EXPECT_EQ(first.text_or("name", ""), "Regenerate");
  EXPECT_FALSE(first.find("description"));
  EXPECT_EQ(document.value().root().at(4).find("options")->at(0).text_or("name", ""), "minutes");
}

}  // namespace
}  // namespace bot::testing
