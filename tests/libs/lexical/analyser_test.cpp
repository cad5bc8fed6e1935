#include "lexical/analyser.h"

#include <gtest/gtest.h>

namespace lexical {
namespace {

using Words = std::vector<std::string>;

TEST(Words, AreLowerCaseLettersAndDigits) {
  EXPECT_EQ(tokens("Hello, World! 42x-7"), (Words{"hello", "world", "42x", "7"}));
  EXPECT_EQ(tokens(""), Words{});
  EXPECT_EQ(tokens(" ...\n\t!"), Words{});
}

TEST(Words, SayWhereTheyStand) {
  const std::string text = "Caf\xC3\xA9, Peter's";
  const auto found = words(text);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(text.substr(found[0].start, found[0].end - found[0].start), "Caf\xC3\xA9");
  EXPECT_EQ(text.substr(found[1].start, found[1].end - found[1].start), "Peter");
}

TEST(Words, DropAPossessiveAndCloseAContraction) {
  EXPECT_EQ(tokens("Peter's don't o'clock James' 'quoted'"),
            (Words{"peter", "dont", "oclock", "james", "quoted"}));
  EXPECT_EQ(tokens("Stewie\xE2\x80\x99s won\xE2\x80\x99t"), (Words{"stewie", "wont"}));
  EXPECT_EQ(tokens("it'salive"), Words{"itsalive"});
}

TEST(Words, FoldTheAccentsOfLatinLetters) {
  EXPECT_EQ(tokens("\xC3\x84rger na\xC3\xAFve fa\xC3\xA7"
                   "ade \xC3\x98re"),
            (Words{"arger", "naive", "facade", "ore"}));
  // U+0141 U+00F3 d z U+0301-less: Polish, Czech, Hungarian letters of Latin Extended-A.
  EXPECT_EQ(tokens("\xC5\x81\xC3\xB3"
                   "d\xC5\xBA \xC5\x99\xC5\xBE \xC5\x91\xC5\xB1 \xC4\x9F"),
            (Words{"lodz", "rz", "ou", "g"}));
  // The multiplication and division signs stand among the letters.
  EXPECT_EQ(tokens("a\xC3\x97"
                   "b\xC3\xB7"
                   "c"),
            (Words{"a", "b", "c"}));
}

TEST(Words, KeepOtherScriptsAndPartAtPunctuationAndEmoji) {
  EXPECT_EQ(tokens("\xD0\x9C\xD0\xB8\xD1\x80 \xE4\xB8\xAD\xE3\x80\x82\xE6\x96\x87"),
            (Words{"\xD0\x9C\xD0\xB8\xD1\x80", "\xE4\xB8\xAD", "\xE6\x96\x87"}));
  EXPECT_EQ(tokens("beer\xF0\x9F\x8D\xBAtime\xE2\x80\x94now"), (Words{"beer", "time", "now"}));
}

TEST(Words, TakeIllFormedBytesForSeparators) {
  EXPECT_EQ(tokens("a\xFF"
                   "b\xE2 c \xC3"),
            (Words{"a", "b", "c"}));
  EXPECT_EQ(tokens("x\xF0\x9F"), Words{"x"});
}

TEST(Stem, IsThatOfSnowballEnglish) {
  EXPECT_EQ(stem("running"), "run");
  EXPECT_EQ(stem("ponies"), "poni");
  EXPECT_EQ(stem("generously"), "generous");
  EXPECT_EQ(stem(""), "");
}

TEST(Stopwords, CarryNoTopic) {
  EXPECT_TRUE(stopword("the"));
  EXPECT_TRUE(stopword("dont"));
  EXPECT_FALSE(stopword("beer"));
  EXPECT_FALSE(stopword(""));
  EXPECT_EQ(content_stems("The dogs are running to Peter's house"),
            (Words{"dog", "run", "peter", "hous"}));
}

TEST(Jaccard, IsTheShareOfCommonItems) {
  EXPECT_DOUBLE_EQ(jaccard({"a", "b"}, {"b", "c"}), 1.0 / 3.0);
  EXPECT_DOUBLE_EQ(jaccard({"a"}, {"a"}), 1.0);
  EXPECT_DOUBLE_EQ(jaccard({"a"}, {}), 0.0);
  EXPECT_DOUBLE_EQ(jaccard({}, {}), 0.0);
}

}  // namespace
}  // namespace lexical
