#include "characters/card.h"

#include <gtest/gtest.h>

#include "services/characters/fixture.h"

namespace characters::testing {
namespace {

TEST(Card, ReadsACardWithOurMembers) {
  const auto card = parse_card(R"({"spec":"chara_card_v2","spec_version":"2.0","data":{
    "name":"Ada","description":"{{char}} meets {{User}}.","system_prompt":"{{original}}Be {{char}}.",
    "extensions":{"other":{"x":1},"troupe":{"id":"ada","aliases":["countess"],"talkativeness":0.7,
    "topics":{"engines":1.0},"voice":{"phrases":["indeed so"],"exclaim":0.4},
    "lines":{"greeting":["{{char}} bows."]},"knowledge":"ada.md"}}}})");
  ASSERT_TRUE(card.ok()) << card.error().message;
  EXPECT_EQ(card.value().id, "ada");
  EXPECT_EQ(card.value().description, "Ada meets Visitor.");
  EXPECT_EQ(card.value().system_prompt, "Be Ada.");
  EXPECT_EQ(card.value().aliases, std::vector<std::string>{"countess"});
  EXPECT_EQ(card.value().topics.at("engines"), 1.0);
  EXPECT_EQ(card.value().voice.exclaim, 0.4);
  EXPECT_EQ(card.value().lines.at("greeting").front(), "Ada bows.");
  EXPECT_EQ(card.value().knowledge_file, "ada.md");
}

TEST(Card, OfAnotherProgramGetsAnIdFromItsName) {
  const auto card = parse_card(
      R"({"spec":"chara_card_v2","spec_version":"2.0","data":{"name":"Captain O'Neill "}})");
  ASSERT_TRUE(card.ok()) << card.error().message;
  EXPECT_EQ(card.value().id, "captain-o-neill");
  EXPECT_EQ(card.value().talkativeness, 0.5);
}

TEST(Card, KeepsTheFileAsItWas) {
  const std::string text = card_json("ada", "Ada");
  const auto card = parse_card(text);
  ASSERT_TRUE(card.ok());
  EXPECT_EQ(card.value().raw, text);
}

std::string error_of(std::string_view text) {
  const auto card = parse_card(text);
  return card ? "no error" : card.error().message;
}

TEST(Card, ErrorsNameTheMember) {
  EXPECT_EQ(error_of(R"({"spec":"chara_card_v1","data":{"name":"A"}})"),
            "spec: must be chara_card_v2");
  EXPECT_EQ(error_of(R"({"spec":"chara_card_v2","data":{"name":""}})"),
            "data.name: must not be empty");
  EXPECT_EQ(error_of(R"({"spec":"chara_card_v2","data":{"name":"A",
            "extensions":{"troupe":{"talkativeness":2}}}})"),
            "data.extensions.troupe.talkativeness: must be at most 1");
  EXPECT_EQ(error_of(R"({"spec":"chara_card_v2","data":{"name":"A",
            "extensions":{"troupe":{"lines":{"greeting":[1]}}}}})"),
            "data.extensions.troupe.lines.greeting[0]: must be a string");
}

TEST(Card, MayNotNameAKnowledgeFileElsewhere) {
  EXPECT_EQ(error_of(card_json("a", "A", "../secrets.md")),
            "data.extensions.troupe.knowledge: must be the name of a file beside the card");
}

TEST(Card, WhoseNameMakesNoIdIsRefused) {
  EXPECT_EQ(error_of(R"({"spec":"chara_card_v2","data":{"name":"!!!"}})"),
            "data.extensions.troupe.id: must be made of A-Z a-z 0-9 _ - . :");
}

}  // namespace
}  // namespace characters::testing
