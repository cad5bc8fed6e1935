#include "characters/macros.h"

#include <gtest/gtest.h>

#include <set>

namespace characters::testing {
namespace {

const Scene kAda{.character = "Ada", .user = "Bob", .original = "Be kind."};

TEST(Macros, NameTheTwoWhoTalk) {
  EXPECT_EQ(filled("{{char}} meets {{ USER }}, says <Bot> to <user>.", kAda),
            "Ada meets Bob, says Ada to Bob.");
  EXPECT_EQ(filled("{{original}} Be short.", kAda), "Be kind. Be short.");
}

TEST(Macros, AreNotLookedForInValues) {
  const Scene odd{.character = "{{user}}", .user = "{{char}}"};
  EXPECT_EQ(filled("{{char}} and {{user}}", odd), "{{user}} and {{char}}");
}

TEST(Macros, MayStandInsideOfOthers) {
  EXPECT_EQ(filled("{{random:{{char}}}}", kAda), "Ada");
  EXPECT_EQ(filled("{{reverse:{{user}} é}}", kAda), "é boB");
}

TEST(Macros, OfChanceAreTheSameForTheSameSeed) {
  const std::string text = "{{random:a,b,c,d}}{{random:a,b,c,d}}{{roll:d100}}";
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Scene scene{.character = "Ada", .seed = seed};
    EXPECT_EQ(filled(text, scene), filled(text, scene));
    seen.insert(filled(text, scene));
  }
  EXPECT_GT(seen.size(), 30U);
}

TEST(Macros, PickTheSameForEverySeed) {
  const std::string text = "{{pick:red,green\\,blue,white}}";
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    seen.insert(filled(text, {.character = "Ada", .seed = seed}));
  }
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_TRUE(std::set<std::string>({"red", "green,blue", "white"}).contains(*seen.begin()));
}

TEST(Macros, RollFromOneToTheNumberOfSides) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    seen.insert(filled("{{roll:3}}", {.character = "Ada", .seed = seed}));
  }
  EXPECT_EQ(seen, (std::set<std::string>{"1", "2", "3"}));
}

TEST(Macros, ThatAreCommentsLeaveNothing) {
  EXPECT_EQ(filled("a{{// note}}b{{comment: c}}d{{hidden_key:steam}}e", kAda), "abde");
  EXPECT_EQ(filled("{{// note}}{{hidden_key:steam}}", kAda, Hidden::Kept), "steam");
}

TEST(Macros, ThatAreNoneOfOursStay) {
  EXPECT_EQ(filled("{{time}} {{roll:x}} {{char", kAda), "{{time}} {{roll:x}} {{char");
  EXPECT_EQ(filled("}} {topic} {{}}", kAda), "}} {topic} {{}}");
  EXPECT_EQ(unknown_macros("{{time}} {{char}} {{time}} {{roll:0}}"),
            (std::vector<std::string>{"time", "roll:0"}));
}

TEST(Macros, NestedToAnyDepthEnd) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{{";
  EXPECT_EQ(filled(deep, kAda), deep);
}

TEST(Macros, ReverseALongTextAsQuicklyAsAShortOne) {
  std::string text = "{{reverse:";
  for (int i = 0; i < 100'000; ++i) text += "{{char}}";
  const Scene scene{.character = "ab\u00e9"};
  EXPECT_EQ(filled(text + "}}", scene).substr(0, 8), "\u00e9ba\u00e9ba");
}

TEST(Macros, ThatAreUnknownAreNamedUpToALimit) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "{{a" + std::to_string(i) + "}}";
  EXPECT_EQ(unknown_macros(text).size(), 64U);
}

}  // namespace
}  // namespace characters::testing
