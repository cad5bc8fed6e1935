#include "bot/intake.h"

#include "services/bot/world.h"

namespace bot::testing {
namespace {

class IntakeTest : public ::testing::Test {
 protected:
  std::string silence(const discord::Message& message) {
    const auto taken = take_in(message, company_, options_, clock_.wall_ms());
    const auto* reason = std::get_if<std::string_view>(&taken);
    return reason == nullptr ? "" : std::string(*reason);
  }
  contracts::OrchestrateRequest request(const discord::Message& message) {
    return std::get<contracts::OrchestrateRequest>(
        take_in(message, company_, options_, clock_.wall_ms()));
  }

  support::FakeClock clock_;
  Company company_ = peters_company();
  IntakeOptions options_;
};

TEST_F(IntakeTest, AsksTheRouterWithWhoIsThereAndWhoSaidIt) {
  const auto asked = request(a_message(clock_, " Hello everyone "));
  EXPECT_EQ(asked.channel, "70");
  EXPECT_EQ(asked.author, "Ada");
  EXPECT_EQ(asked.author_id, "99");
  EXPECT_EQ(asked.message, "Hello everyone");
  EXPECT_EQ(asked.message_id, id_at(clock_.wall_ms()));
  EXPECT_EQ(asked.participants, (std::vector<std::string>{"brian", "peter"}));
  EXPECT_EQ(asked.delivery, contracts::Delivery::Bots);
  EXPECT_FALSE(asked.character);
}

TEST_F(IntakeTest, ADirectMessageIsForThisCharacterAlone) {
  auto message = a_message(clock_, "psst");
  message.guild_id.reset();
  const auto asked = request(message);
  EXPECT_EQ(asked.character, "peter");
  EXPECT_EQ(asked.participants, std::vector<std::string>{"peter"});
}

TEST(Company, ARouterThatHasNotMetAllYetTakesNobodyAway) {
  const std::vector<std::string> both{"brian", "peter"};
  const std::vector<std::string> alone{"peter"};
  Company company = peters_company();
  company.joined({.bots = {{"peter", "11", {"7"}}}, .complete = false});
  EXPECT_EQ(company.participants("7"), both);
  // Whom it has met is as he says himself.
  company.joined({.bots = {{"brian", "12", {"8"}}}, .complete = false});
  EXPECT_EQ(company.participants("7"), alone);
  EXPECT_EQ(company.participants("8"), (std::vector<std::string>{"brian", "peter", "stewie"}));
  company.joined({.bots = {{"peter", "11", {"7"}}}, .complete = true});
  EXPECT_EQ(company.participants("8"), alone);
}

TEST_F(IntakeTest, ANickGoesBeforeANameBeforeAnAccount) {
  auto message = a_message(clock_, "hi");
  message.member = discord::Member{};
  message.member->nick = "The Countess";
  EXPECT_EQ(request(message).author, "The Countess");
  message.member->nick = "";
  EXPECT_EQ(request(message).author, "Ada");
  message.author.global_name.reset();
  EXPECT_EQ(request(message).author, "ada");
  message.author.username = " ";
  EXPECT_EQ(request(message).author, "someone");
}

TEST_F(IntakeTest, MentionsOfTheCastAndOfPeopleAreReadAsNames) {
  auto message = a_message(clock_, "<@12> and <@55>, meet in <#70>");
  message.mentions = {{"55", "bob", "Bob", false}};
  EXPECT_EQ(request(message).message, "@Brian and @Bob, meet in #general");
}

TEST_F(IntakeTest, APersonWithTheNameOfACharacterIsNotThatCharacter) {
  auto message = a_message(clock_, "Hi <@55>");
  for (const char* const name : {"Brian", "PETER Griffin", "not-peter"}) {
    message.mentions = {{"55", "bob", name, false}};
    EXPECT_EQ(request(message).message, "Hi @someone") << name;
  }
  message.mentions = {{"55", "bob", "Briana", false}};
  EXPECT_EQ(request(message).message, "Hi @Briana");
}

TEST_F(IntakeTest, AReplyToABotOfTheCastAddressesItOnce) {
  auto message = a_message(clock_, "why?");
  message.type = 19;
  message.referenced_message = discord::Referenced{"5", {"12", "brian", {}, true}, "Because."};
  EXPECT_EQ(request(message).message, "@Brian why?");
  message.content = "<@12> why?";
  EXPECT_EQ(request(message).message, "@Brian why?");
  message.referenced_message->author.id = "55";
  message.content = "why?";
  EXPECT_EQ(request(message).message, "why?");
}

TEST_F(IntakeTest, EverySilenceHasItsReason) {
  auto message = a_message(clock_, "hi");
  message.author.id = "11";
  EXPECT_EQ(silence(message), "own_message");
  message.author.id = "12";
  EXPECT_EQ(silence(message), "cast_bot");
  message.author = {"66", "mee6", {}, true};
  EXPECT_EQ(silence(message), "foreign_bot");
  message.webhook_id = "66";
  EXPECT_EQ(silence(message), "webhook");
  message = a_message(clock_, "");
  EXPECT_EQ(silence(message), "empty_message");
  message = a_message(clock_, "joined");
  message.type = 7;
  EXPECT_EQ(silence(message), "system_message");
}

TEST_F(IntakeTest, OnlyTheChannelsOfTheListAreHeard) {
  options_.channels = {"71"};
  EXPECT_EQ(silence(a_message(clock_, "hi")), "other_channel");
  options_.channels = {"71", "70"};
  EXPECT_EQ(silence(a_message(clock_, "hi")), "");
}

TEST_F(IntakeTest, AMessageThatIsTooOldIsNotAnswered) {
  const auto message = a_message(clock_, "hi");
  clock_.advance(120'000);
  EXPECT_EQ(silence(message), "");
  clock_.advance(1);
  EXPECT_EQ(silence(message), "too_old");
  auto strange = a_message(clock_, "hi");
  strange.id = "no number";
  EXPECT_EQ(silence(strange), "too_old");
}

TEST_F(IntakeTest, LongTextAndNamesAreCutBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 4000; ++i) text += "ü";
  auto message = a_message(clock_, text);
  message.author.global_name = text;
  const auto asked = request(message);
  EXPECT_EQ(asked.message.size(), 4000U);
  EXPECT_EQ(asked.author.size(), 64U);
}

}  // namespace
}  // namespace bot::testing
