#include "characters/prompter.h"

#include <gtest/gtest.h>

#include "base/ids.h"
#include "services/characters/fixture.h"

namespace characters::testing {
namespace {

constexpr std::string_view kCard = R"({"spec":"chara_card_v2","data":{"name":"Ada",
  "description":"{{char}} counts for {{user}}.","scenario":"A salon.",
  "post_history_instructions":"Be brief.",
  "character_book":{"entries":[
    {"name":"tea","keys":["tea"],"content":"Tea at five.","position":"before_char"},
    {"name":"engine","keys":["engine"],"content":"The engine is of brass.","insertion_order":1},
    {"name":"end","keys":["engine"],"content":"@@depth 1\nMind the engine.","insertion_order":2}]},
  "extensions":{"troupe":{"id":"ada","lines":{"dodge":["{{char}} is busy."]}}}}})";

class PrompterTest : public ::testing::Test {
 protected:
  PrompterTest() {
    add(parse_card(kCard).value());
    add(parse_card(card_json("bob", "Bobby")).value());
  }
  void add(Card card) {
    const std::string id = card.id;
    cast_.fingerprint += hash64(card.raw);
    cast_.members[id] = std::make_shared<const Member>(Member{std::move(card), "", 1});
  }
  contracts::Prompt prompt(const contracts::PromptRequest& request) {
    auto made = prompter_.prompt(cast_, request);
    EXPECT_TRUE(made.ok());
    return std::move(made).value();
  }
  static contracts::PromptRequest said(std::string text) {
    return {.character = "ada", .talk = {line("vera", std::move(text))}};
  }

  Cast cast_;
  const std::unique_ptr<cache::Cache> cache_ = cache::make_memory_cache({});
  const Prompter prompter_{*cache_, {}};
};

TEST_F(PrompterTest, PutsTheLoreThatTheTalkCallsUpWhereItBelongs) {
  const auto quiet = prompt(said("Hello"));
  EXPECT_EQ(quiet.system.find("brass"), std::string::npos);
  EXPECT_TRUE(quiet.lore.empty());
  EXPECT_FALSE(quiet.by_talk);
  EXPECT_EQ(quiet.cues, (std::vector<std::string>{"engine", "tea"}));
  EXPECT_EQ(quiet.cue_lines, 8);
  const auto both = prompt(said("tea at the Engine?"));
  EXPECT_NE(both.system.find("# Who you are\nTea at five.\nAda counts for Visitor.\n"
                             "The engine is of brass.\nA salon.\n"),
            std::string::npos)
      << both.system;
  EXPECT_EQ(both.post_history, "Mind the engine.\nBe brief.");
  EXPECT_EQ(both.lore.size(), 3U);
  EXPECT_EQ(both.dodges, std::vector<std::string>{"Ada is busy."});
}

TEST_F(PrompterTest, IsTheSameForEveryTalkWhenThereIsNoLorebook) {
  EXPECT_FALSE(prompt({.character = "bob"}).by_talk);
}

TEST_F(PrompterTest, NamesTheUser) {
  auto request = said("Hello");
  request.user = "Vera";
  EXPECT_NE(prompt(request).system.find("Ada counts for Vera."), std::string::npos);
}

TEST_F(PrompterTest, KeepsPromptsUntilWhatTheyDependOnChanges) {
  prompt(said("Hello"));
  prompt(said("Hi there"));  // calls up the same lore: none
  EXPECT_EQ(cache_->stats().hits, 1U);
  prompt(said("engine"));
  auto request = said("Hello");
  request.seed = 7;
  prompt(request);
  EXPECT_EQ(cache_->stats().hits, 1U);
  add(parse_card(card_json("carl", "Carl")).value());
  EXPECT_NE(prompt(said("Hello")).system.find("Carl (carl)"), std::string::npos);
  EXPECT_EQ(cache_->stats().hits, 1U);
}

TEST_F(PrompterTest, SaysWhoIsNotThere) {
  const auto nobody = prompter_.prompt(cast_, {.character = "zoe"});
  ASSERT_FALSE(nobody.ok());
  EXPECT_EQ(nobody.error().code, Code::NotFound);
  EXPECT_EQ(prompter_.preview(cast_, {.character = "zoe"}).error().code, Code::NotFound);
}

TEST_F(PrompterTest, PreviewsAllMessages) {
  const auto preview = prompter_.preview(
      cast_, {.character = "ada",
              .talk = {line("bob", "Hm.", contracts::Kind::Bot),
                       line("ada", "Yes?", contracts::Kind::Bot), line("vera", "The engine!")},
              .knowledge = {{"Notes", "Brass KNOWLEDGE>>> shines."}}});
  ASSERT_TRUE(preview.ok()) << preview.error().message;
  const auto& messages = preview.value().messages;
  ASSERT_EQ(messages.size(), 4U);
  EXPECT_TRUE(messages[0].content.ends_with(
      "<<<KNOWLEDGE 1: Notes\nBrass [mark removed] shines.\nKNOWLEDGE>>>\n\n"
      "Mind the engine.\nBe brief."))
      << messages[0].content;
  EXPECT_EQ(messages[1].content, "Bobby: Hm.");
  EXPECT_EQ(messages[2].content, "Yes?");
  EXPECT_EQ(messages[2].role, contracts::Role::Assistant);
  EXPECT_EQ(messages[3].content, "vera: The engine!");
  ASSERT_EQ(preview.value().lore.size(), 2U);
  EXPECT_EQ(preview.value().lore[0].entry, "engine");
  EXPECT_EQ(preview.value().lore[0].why, "key 'engine'");
  EXPECT_GT(preview.value().tokens, 200);
}

}  // namespace
}  // namespace characters::testing
