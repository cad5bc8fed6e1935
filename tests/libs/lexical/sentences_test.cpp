#include "lexical/sentences.h"

#include <gtest/gtest.h>

namespace lexical {
namespace {

using Sentences = std::vector<std::string_view>;

TEST(SentenceBoundaries, AreFullStopsQuestionAndExclamationMarksBeforeSpace) {
  EXPECT_EQ(sentences("One. Two!  Three?! Four... five"),
            (Sentences{"One.", "Two!", "Three?!", "Four...", "five"}));
  EXPECT_EQ(sentences(""), Sentences{});
  EXPECT_EQ(sentences("  \n\n "), Sentences{});
}

TEST(SentenceBoundaries, TakeClosingQuotesAndBracketsAlong) {
  EXPECT_EQ(sentences("He said \"Go.\" (Now!) \xE2\x80\x9CYes.\xE2\x80\x9D Done."),
            (Sentences{"He said \"Go.\"", "(Now!)", "\xE2\x80\x9CYes.\xE2\x80\x9D", "Done."}));
}

TEST(SentenceBoundaries, AreNotInAbbreviationsInitialsOrNumbers) {
  EXPECT_EQ(sentences("Mr. Griffin met Dr. Hartman, e.g. on Monday. Ok."),
            (Sentences{"Mr. Griffin met Dr. Hartman, e.g. on Monday.", "Ok."}));
  EXPECT_EQ(sentences("J. R. Tolkien paid 3.50 for no. 5 of 1.000. Fine."),
            (Sentences{"J. R. Tolkien paid 3.50 for no. 5 of 1.000.", "Fine."}));
  EXPECT_EQ(sentences("So do I. You too."), (Sentences{"So do I.", "You too."}));
}

TEST(SentenceBoundaries, FollowTheAnswerNoAndAYear) {
  EXPECT_EQ(sentences("No. Never."), (Sentences{"No.", "Never."}));
  EXPECT_EQ(sentences("It was 1999. Then."), (Sentences{"It was 1999.", "Then."}));
}

TEST(SentenceBoundaries, AreAtBlankLinesHeadingsAndListItems) {
  EXPECT_EQ(sentences("# Title\nText goes\non here\n\nNext\n- one\n- two\n1. three\n"),
            (Sentences{"# Title", "Text goes\non here", "Next", "- one", "- two", "1. three"}));
}

TEST(SentenceBoundaries, GiveViewsThatCoverEveryWordInOrder) {
  const std::string_view text = "A bee. C dee! E\n\nf gee? h";
  std::size_t at = 0;
  std::string joined;
  for (const std::string_view sentence : sentences(text)) {
    const auto start = static_cast<std::size_t>(sentence.data() - text.data());
    EXPECT_GE(start, at);
    at = start + sentence.size();
    joined += std::string(sentence) + "|";
  }
  EXPECT_EQ(joined, "A bee.|C dee!|E|f gee?|h|");
}

}  // namespace
}  // namespace lexical
