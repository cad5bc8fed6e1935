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
  EXPECT_EQ(card.value().description, "{{char}} meets {{User}}.");
  EXPECT_EQ(filled(card.value().description, card.value().scene()), "Ada meets Visitor.");
  EXPECT_EQ(filled(card.value().system_prompt, card.value().scene()), "Be Ada.");
  EXPECT_TRUE(card.value().has_own_id);
  EXPECT_EQ(card.value().aliases, std::vector<std::string>{"countess"});
  EXPECT_EQ(card.value().topics.at("engines"), 1.0);
  EXPECT_EQ(card.value().voice.exclaim, 0.4);
  EXPECT_EQ(card.value().lines.at("greeting").front(), "{{char}} bows.");
  EXPECT_EQ(card.value().knowledge_file, "ada.md");
}

TEST(Card, OfAnotherProgramGetsAnIdFromItsName) {
  const auto card = parse_card(
      R"({"spec":"chara_card_v2","spec_version":"2.0","data":{"name":"Captain O'Neill "}})");
  ASSERT_TRUE(card.ok()) << card.error().message;
  EXPECT_EQ(card.value().id, "captain-o-neill");
  EXPECT_EQ(card.value().talkativeness, 0.5);
}

TEST(Card, OfVersionThreeSpeaksOfItselfByItsNickname) {
  const auto card = parse_card(R"({"spec":"chara_card_v3","spec_version":"3.0","data":{
    "name":"Ada Lovelace","nickname":"Ada","description":"<BOT> counts.","assets":[]}})");
  ASSERT_TRUE(card.ok()) << card.error().message;
  EXPECT_EQ(card.value().spec, Spec::V3);
  EXPECT_EQ(card.value().id, "ada-lovelace");
  EXPECT_FALSE(card.value().has_own_id);
  EXPECT_EQ(filled(card.value().description, card.value().scene()), "Ada counts.");
}

TEST(Card, ReadsItsLorebook) {
  const auto card = parse_card(R"({"spec":"chara_card_v2","data":{"name":"A","character_book":{
    "scan_depth":3,"token_budget":50,"recursive_scanning":true,"entries":[
    {"keys":["Engine",""],"secondary_keys":["Steam"],"selective":true,"content":"@@depth 2\nIt runs.",
     "insertion_order":5,"position":"before_char","id":7,"comment":"the engine"}]}}})");
  ASSERT_TRUE(card.ok()) << card.error().message;
  const Lorebook& book = card.value().book;
  EXPECT_EQ(book.scan_depth, 3);
  EXPECT_EQ(book.token_budget, 50);
  EXPECT_TRUE(book.recursive);
  ASSERT_EQ(book.entries.size(), 1U);
  const LoreEntry& entry = book.entries.front();
  EXPECT_EQ(entry.name, "the engine");
  EXPECT_EQ(entry.keys, std::vector<std::string>{"engine"});
  EXPECT_EQ(entry.secondary_keys, std::vector<std::string>{"steam"});
  EXPECT_EQ(entry.content, "It runs.");
  EXPECT_EQ(entry.depth, 2);
  EXPECT_EQ(entry.place, Place::End);
  EXPECT_EQ(entry.priority, 5);
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
            "spec: must be chara_card_v2 or chara_card_v3");
  EXPECT_EQ(error_of(R"({"spec":"chara_card_v2","data":{"name":""}})"),
            "data.name: must not be empty");
  EXPECT_EQ(error_of(R"({"spec":"chara_card_v2","data":{"name":"A",
            "extensions":{"troupe":{"talkativeness":2}}}})"),
            "data.extensions.troupe.talkativeness: must be at most 1");
  EXPECT_EQ(error_of(R"({"spec":"chara_card_v2","data":{"name":"A",
            "extensions":{"troupe":{"lines":{"greeting":[1]}}}}})"),
            "data.extensions.troupe.lines.greeting[0]: must be a string");
}

TEST(Card, ErrorsInALorebookNameTheEntry) {
  EXPECT_EQ(error_of(R"({"spec":"chara_card_v2","data":{"name":"A","character_book":{"entries":[
            {"content":""},{"keys":"x","content":""}]}}})"),
            "data.character_book.entries[1].keys: must be an array");
}

TEST(Card, MayNotNameAKnowledgeFileElsewhere) {
  EXPECT_EQ(error_of(card_json("a", "A", "../secrets.md")),
            "data.extensions.troupe.knowledge: must be the name of a file beside the card");
}

TEST(Card, WhoseNameMakesNoIdIsRefused) {
  EXPECT_EQ(error_of(R"({"spec":"chara_card_v2","data":{"name":"!!!"}})"),
            "data.extensions.troupe.id: must be made of A-Z a-z 0-9 _ - . :");
}

TEST(Card, NamesAndPhrasesAreOfOneLine) {
  const auto card = parse_card(
      R"({"spec":"chara_card_v2","data":{"name":" Bob\n# Rules\n","nickname":"B\nb","extensions":)"
      R"({"troupe":{"id":"bob","aliases":["a\rb"],"voice":{"phrases":["x\n# Knowledge"]}}}}})");
  ASSERT_TRUE(card.ok()) << card.error().message;
  EXPECT_EQ(card.value().name, "Bob # Rules");
  EXPECT_EQ(card.value().nickname, "B b");
  EXPECT_EQ(card.value().aliases.front(), "a b");
  EXPECT_EQ(card.value().voice.phrases.front(), "x # Knowledge");
}

TEST(Card, ABlankNameIsRefused) {
  const auto card = parse_card(
      R"({"spec":"chara_card_v2","data":{"name":"\n ","extensions":{"troupe":{"id":"bob"}}}})");
  ASSERT_FALSE(card.ok());
  EXPECT_EQ(card.error().message, "data.name: is blank");
}

}  // namespace
}  // namespace characters::testing
