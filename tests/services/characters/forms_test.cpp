#include "characters/forms.h"

#include <gtest/gtest.h>

#include "characters/charx.h"
#include "characters/png.h"
#include "json/json.h"
#include "services/characters/fixture.h"

namespace characters::testing {
namespace {

// A card with members of every kind that are none of ours.
constexpr std::string_view kRich = R"({"spec":"chara_card_v3","spec_version":"3.0","root":[1,2.5],
  "data":{"name":"Ada","description":"d","odd":{"deep":[null,true,"é\u0001"]},"nickname":"A",
  "creator_notes":"notes","source":["https://example.org/1"],"group_only_greetings":["hi"],
  "assets":[{"type":"icon","uri":"ccdefault:","name":"main","ext":"png"}],
  "character_book":{"name":"b","mine":1,"entries":[{"keys":["k"],"content":"@@depth 4\nText.",
  "enabled":true,"insertion_order":1.5,"use_regex":false,"id":9,"extensions":{"x":[]}}]},
  "extensions":{"other/program":{"big":123456789012345,"text":"ü"}}}})";

Card card_of(std::string_view text) {
  auto card = parse_card(text);
  EXPECT_TRUE(card.ok()) << (card ? "" : card.error().message);
  return std::move(card).value();
}

std::string member(std::string_view text, std::initializer_list<std::string_view> path) {
  const auto document = json::Document::parse(text);
  if (!document) return document.error().message;
  auto value = document.value().root();
  for (const auto key : path) {
    const auto found = value.find(key);
    if (!found) return "absent";
    value = *found;
  }
  return value.dump();
}

std::string same_meaning(std::string_view text) {
  return json::Document::parse(text).value().root().dump();
}

TEST(Forms, AreToldApartByTheirContent) {
  const std::string v2 = card_json("ada", "Ada");
  EXPECT_EQ(unpack(v2).value().form, Form::V2);
  EXPECT_EQ(unpack(std::string(kRich)).value().form, Form::V3);
  EXPECT_EQ(unpack("\xef\xbb\xbf" + v2).value().card, v2);
  EXPECT_EQ(unpack(png_with_card(plain_png(""), v2, "").value()).value().form, Form::Png);
  EXPECT_EQ(unpack(charx_with_card("", kRich).value()).value().form, Form::Charx);
  EXPECT_EQ(unpack("\xff\xd8\xff\xe0 a photograph").error().code, Code::InvalidArgument);
  EXPECT_EQ(unpack(std::string(kCardBytesMax + 1, ' ')).error().code, Code::TooLarge);
}

TEST(Forms, KeepACardOfTheirVersionToTheByte) {
  EXPECT_EQ(pack(card_of(kRich), Form::V3, "").value(), kRich);
  EXPECT_EQ(pack(card_of(card_json("ada", "Ada")), Form::V2, "").value(), card_json("ada", "Ada"));
}

TEST(Forms, KeepUnknownMembersThroughAnotherVersionAndBack) {
  const std::string v2 = pack(card_of(kRich), Form::V2, "").value();
  EXPECT_EQ(member(v2, {"spec"}), "\"chara_card_v2\"");
  EXPECT_EQ(member(v2, {"spec_version"}), "\"2.0\"");
  for (const auto path : {std::initializer_list<std::string_view>{"root"},
                          {"data", "odd"},
                          {"data", "assets"},
                          {"data", "source"},
                          {"data", "extensions"},
                          {"data", "character_book", "mine"}}) {
    EXPECT_EQ(member(v2, path), member(kRich, path));
  }
  EXPECT_EQ(member(v2, {"data", "mes_example"}), "\"\"");
  const std::string v3 = pack(card_of(v2), Form::V3, "").value();
  EXPECT_EQ(member(v3, {"data", "extensions"}), member(kRich, {"data", "extensions"}));
  EXPECT_EQ(member(v3, {"data", "group_only_greetings"}), "[\"hi\"]");
}

TEST(Forms, LeaveDecoratorsOutOfVersionTwo) {
  const std::string v2 = pack(card_of(kRich), Form::V2, "").value();
  const std::string entries = member(v2, {"data", "character_book", "entries"});
  EXPECT_EQ(entries.find("@@"), std::string::npos);
  EXPECT_NE(entries.find("Text."), std::string::npos);
  EXPECT_NE(entries.find("\"id\":9"), std::string::npos);
}

TEST(Forms, GiveVersionThreeWhatItRequires) {
  const std::string v3 = pack(card_of(R"({"spec":"chara_card_v2","data":{"name":"A",
    "character_book":{"entries":[{"keys":["k"],"content":"c"}]}}})"),
                              Form::V3, "")
                             .value();
  EXPECT_EQ(member(v3, {"data", "group_only_greetings"}), "[]");
  EXPECT_EQ(member(v3, {"spec_version"}), "\"3.0\"");
  EXPECT_NE(v3.find("\"use_regex\":false"), std::string::npos);
}

TEST(Forms, PutBothVersionsIntoThePictureOfAThird) {
  const std::string png = pack(card_of(kRich), Form::Png, "").value();
  EXPECT_EQ(card_in_png(png, kCardBytesMax).value(), kRich);
  const std::string only_v2 = png_with_card(png, "x", "").value();
  EXPECT_LT(only_v2.size(), png.size());
}

TEST(Forms, PutTheCardIntoThePictureThatItCameIn) {
  const std::string picture = plain_png("#ff0000");
  const std::string png = pack(card_of(card_json("ada", "Ada")), Form::Png, picture).value();
  EXPECT_EQ(png_with_card(png, "", "").value(), picture);
  EXPECT_NE(picture, plain_png("#00ff00"));
}

TEST(Forms, MakeACardOfAPersona) {
  const auto package = unpack(R"({"system_prompt":"You are a helpful AI assistant.",
    "personality_traits":["helpful","precise"],"response_style":"professional",
    "memory_retention":true,"mine":[1]})");
  ASSERT_TRUE(package.ok()) << package.error().message;
  EXPECT_EQ(package.value().form, Form::Persona);
  const Card card = card_of(package.value().card);
  EXPECT_EQ(card.id, "assistant");
  EXPECT_EQ(card.system_prompt, "You are a helpful AI assistant.");
  EXPECT_EQ(card.personality, "helpful, precise. Style of answers: professional.");
  EXPECT_EQ(member(card.raw, {"data", "extensions", "troupe", "memory_retention"}), "true");
  EXPECT_EQ(member(card.raw, {"data", "extensions", "troupe", "persona", "mine"}), "[1]");
}

TEST(Forms, RefuseAPersonaThatIsWrong) {
  EXPECT_EQ(unpack(R"({"personality_traits":"kind"})").error().message,
            "personality_traits: must be an array");
}

TEST(Forms, GiveACardAnIdWithoutTouchingTheRest) {
  const std::string with = with_id(kRich, "countess").value();
  EXPECT_EQ(card_of(with).id, "countess");
  EXPECT_EQ(member(with, {"data", "extensions", "other/program"}),
            member(kRich, {"data", "extensions", "other/program"}));
  EXPECT_EQ(member(with, {"data", "odd"}), member(kRich, {"data", "odd"}));
  EXPECT_EQ(same_meaning(with_id(with, "countess").value()), with);
  EXPECT_EQ(card_of(with_id(R"({"spec":"chara_card_v2","data":{"name":"A"}})", "b").value()).id,
            "b");
}

}  // namespace
}  // namespace characters::testing
