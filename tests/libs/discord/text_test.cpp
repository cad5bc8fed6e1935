#include "discord/text.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/ids.h"
#include "base/utf8.h"

namespace discord {
namespace {

using Parts = std::vector<std::string>;

std::string without_space(std::string_view text) {
  std::string out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out),
               [](char c) { return c != ' ' && c != '\n' && c != '\t'; });
  return out;
}

int fences(std::string_view text) {
  int count = 0;
  for (std::size_t at = text.find("```"); at != std::string_view::npos;
       at = text.find("```", at + 3)) {
    ++count;
  }
  return count;
}

TEST(SplitMessage, LeavesAloneWhatFits) {
  EXPECT_EQ(split_message("hello"), Parts{"hello"});
  EXPECT_EQ(split_message("  hello \n"), Parts{"hello"});
  EXPECT_EQ(split_message(" \n\t "), Parts{});
  EXPECT_EQ(split_message(""), Parts{});
}

TEST(SplitMessage, PrefersParagraphsThenSentencesThenWords) {
  EXPECT_EQ(split_message("one two. three\n\nfour five. six", 24),
            (Parts{"one two. three", "four five. six"}));
  EXPECT_EQ(split_message("one two three. four five six", 24),
            (Parts{"one two three.", "four five six"}));
  EXPECT_EQ(split_message("one two three four five six", 24),
            (Parts{"one two three four five", "six"}));
  EXPECT_EQ(split_message("He said \"stop!\" and then he left us", 20),
            (Parts{"He said \"stop!\"", "and then he left us"}));
  EXPECT_EQ(split_message("abcdefghij", 4), (Parts{"abcd", "efgh", "ij"}));
}

TEST(SplitMessage, CountsCodePoints) {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "\U0001F600";
  EXPECT_EQ(split_message(text).size(), 1U);
  const Parts parts = split_message(text + "\U0001F600");
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[1], "\U0001F600");
}

TEST(SplitMessage, NeverCutsMentionsEmojiAndLinks) {
  for (const char* whole :
       {"<@123456789012>", "<@!123456789012>", "<#123456789012>", "<a:wave:12345678>",
        "https://example.org/a/b", "[a long text](https://e.org)"}) {
    const Parts parts = split_message(std::string(21, 'x') + whole + std::string(21, 'y'), 30);
    EXPECT_EQ(std::count_if(
                  parts.begin(), parts.end(),
                  [&](const std::string& part) { return part.find(whole) != std::string::npos; }),
              whole[0] == 'h' ? 0 : 1)  // a bare link swallows the letters after it
        << whole;
  }
  const std::string link = "https://example.org/a/b/c/d";
  EXPECT_EQ(split_message("see here " + link, 30), (Parts{"see here", link}));
}

TEST(SplitMessage, KeepsAFenceWholeThatFits) {
  const std::string code = "```cpp\nint a;\n\nint b;\nint c;\nint d;\nint e;\n```";
  const std::string prose = "Here is what I mean, as clear as I can.";
  EXPECT_EQ(split_message(prose + "\n" + code, 60), (Parts{prose, code}));
}

TEST(SplitMessage, ClosesAndReopensAFenceWithItsLanguage) {
  const Parts parts = split_message(
      "```cpp\nint first = 1;\n  int second = 2;\n  int third = 3;\n  int fourth = 4;\n```", 50);
  EXPECT_EQ(parts, (Parts{"```cpp\nint first = 1;\n  int second = 2;\n```",
                          "```cpp\n  int third = 3;\n  int fourth = 4;\n```"}));
}

TEST(SplitMessage, TakesAFenceThatNeverClosesForText) {
  EXPECT_EQ(split_message("```cpp one two", 100), Parts{"```cpp one two"});
}

TEST(SplitMessage, RepairsWhatIsNoUtf8) { EXPECT_EQ(split_message("a\xff"), Parts{"a\uFFFD"}); }

TEST(SplitMessage, HoldsItsPromisesForAnyText) {
  static constexpr std::string_view kPieces[] = {"word",
                                                 " ",
                                                 "\n",
                                                 "\n\n",
                                                 ". ",
                                                 "```",
                                                 "```cpp\n",
                                                 "\n```",
                                                 "é",
                                                 "日本",
                                                 "😀",
                                                 "<@1>",
                                                 "<:wave:12>",
                                                 "https://a.b/c ",
                                                 "x",
                                                 "`",
                                                 "[a](http://b) ",
                                                 "  ",
                                                 "```py\ndef f():\n  return 1\n```"};
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    Random random(seed);
    std::string text;
    const auto length = random.below(120);
    for (std::uint64_t i = 0; i < length; ++i) text += kPieces[random.below(std::size(kPieces))];
    const std::size_t max = 40 + random.below(60);
    const Parts parts = split_message(text, max);
    std::string all;
    for (const std::string& part : parts) {
      ASSERT_TRUE(utf8_valid(part));
      ASSERT_LE(utf8_length(part), max) << seed;
      ASSERT_FALSE(trimmed(part).empty()) << seed;
      if (fences(text) % 2 == 0) {
        ASSERT_EQ(fences(part) % 2, 0) << seed << "\n" << text;
      }
      for (const char* whole : {"<@", "<:wave:"}) {
        for (auto at = part.find(whole); at != std::string::npos; at = part.find(whole, at + 1)) {
          // Inside a fence that is cut they are not what they seem.
          if (fences(text) == 0) {
            ASSERT_NE(part.find('>', at), std::string::npos) << seed;
          }
        }
      }
      all += part;
    }
    if (fences(text) == 0) {
      ASSERT_EQ(without_space(all), without_space(text)) << seed;
    } else if (parts.size() == 1) {
      ASSERT_EQ(all, trimmed(text)) << seed;
    } else {
      // Only fences and their languages are said again.
      ASSERT_GE(without_space(all).size(), without_space(text).size()) << seed;
    }
  }
}

TEST(Readable, SaysNamesForIds) {
  const auto user = [](std::string_view id) {
    return id == "1" ? std::optional<std::string>("Ada") : std::nullopt;
  };
  const auto channel = [](std::string_view id) {
    return id == "2" ? std::optional<std::string>("bar") : std::nullopt;
  };
  EXPECT_EQ(readable("hi <@1>, <@!1>, <@3> in <#2> and <#9>", user, channel),
            "hi @Ada, @Ada, @unknown-user in #bar and #unknown");
  EXPECT_EQ(readable("<:wave:12> <a:dance:3> <t:1700000000:R> <@&7> </quiet:5>", user, channel),
            ":wave: :dance: <t:1700000000:R> @unknown-role /quiet");
  EXPECT_EQ(readable("a < b > c <@x> <> <@", user, channel), "a < b > c <@x> <> <@");
}

TEST(WithoutMentions, TakesThePowerFromMentions) {
  EXPECT_EQ(without_mentions("@everyone @Here <@1> a@b.c @bob <@"),
            "@\u200Beveryone @\u200BHere <@\u200B1> a@b.c @bob <@\u200B");
}

}  // namespace
}  // namespace discord
