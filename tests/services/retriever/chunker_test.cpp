#include "retriever/chunker.h"

#include <gtest/gtest.h>

#include "base/utf8.h"

namespace retriever {
namespace {

std::string_view text_of(std::string_view text, const Chunk& chunk) {
  return text.substr(chunk.start, chunk.end - chunk.start);
}

// `count` sentences of 40 bytes with their blank: 10 tokens each.
std::string sentences(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    std::string number = std::to_string(10000 + i);
    text += "Sentence " + number + " has exactly forty bytes. ";
  }
  return text;
}

TEST(Chunker, EstimatesFourBytesATokenAndTwoOfOtherScripts) {
  EXPECT_EQ(estimated_tokens(""), 0U);
  EXPECT_EQ(estimated_tokens("a"), 1U);
  EXPECT_EQ(estimated_tokens("abcdefgh"), 2U);
  EXPECT_EQ(estimated_tokens("\xE4\xBD\xA0\xE5\xA5\xBD"), 3U);
}

TEST(Chunker, GivesOneChunkForAShortText) {
  const std::string text = "\n  Peter works at the brewery. He likes it.\n";
  const auto chunks = chunks_of(text, "Peter");
  ASSERT_EQ(chunks.size(), 1U);
  EXPECT_EQ(chunks[0].title, "Peter");
  EXPECT_EQ(text_of(text, chunks[0]), "Peter works at the brewery. He likes it.");
}

TEST(Chunker, GivesNothingForBlankText) {
  EXPECT_TRUE(chunks_of("", "T").empty());
  EXPECT_TRUE(chunks_of(" \n\t ", "T").empty());
}

TEST(Chunker, CutsAtHeadingsAndTellsTheirPath) {
  const std::string text =
      "# Quahog\nA town.\n\n## The Clam\nA bar.\n\n### Owner\nHorace.\n\n## School ##\nClosed.\n";
  const auto chunks = chunks_of(text, "Quahog");
  ASSERT_EQ(chunks.size(), 4U);
  EXPECT_EQ(chunks[0].title, "Quahog");
  EXPECT_EQ(text_of(text, chunks[0]), "A town.");
  EXPECT_EQ(chunks[1].title, "Quahog > The Clam");
  EXPECT_EQ(chunks[2].title, "Quahog > The Clam > Owner");
  EXPECT_EQ(text_of(text, chunks[2]), "Horace.");
  EXPECT_EQ(chunks[3].title, "Quahog > School");
  EXPECT_EQ(text_of(text, chunks[3]), "Closed.");
}

TEST(Chunker, TakesNoHashtagAndNoCommentInCodeForAHeading) {
  const std::string text = "#hashtag stays.\n```\n# not a heading\nrun()\n```\nAfter.\n";
  const auto chunks = chunks_of(text, "T");
  ASSERT_EQ(chunks.size(), 1U);
  EXPECT_EQ(chunks[0].title, "T");
}

TEST(Chunker, KeepsATextOfHeadingsAlone) {
  const std::string text = "# One\n## Two\n";
  const auto chunks = chunks_of(text, "T");
  ASSERT_EQ(chunks.size(), 1U);
  EXPECT_EQ(text_of(text, chunks[0]), "# One\n## Two");
}

TEST(Chunker, CutsALongSectionBetweenSentencesWithOverlap) {
  const std::string text = sentences(200);
  const auto chunks = chunks_of(text, "T");
  ASSERT_EQ(chunks.size(), 5U);
  for (const Chunk& chunk : chunks) {
    EXPECT_LE(estimated_tokens(text_of(text, chunk)), 512U);
    EXPECT_TRUE(text_of(text, chunk).starts_with("Sentence"));
    EXPECT_TRUE(text_of(text, chunk).ends_with("bytes."));
  }
  EXPECT_EQ(chunks[0].start, 0U);
  for (std::size_t i = 1; i < chunks.size(); ++i) {
    // Five sentences of ten tokens: the blank at the end is not of the overlap.
    EXPECT_EQ(chunks[i - 1].end - chunks[i].start, 199U);
  }
  EXPECT_EQ(text_of(text, chunks.back()).substr(text_of(text, chunks.back()).size() - 6), "bytes.");
}

TEST(Chunker, CutsAnEndlessSentenceBetweenWords) {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "word ";
  const auto chunks = chunks_of(text, "T");
  ASSERT_GT(chunks.size(), 4U);
  for (const Chunk& chunk : chunks) {
    EXPECT_LE(estimated_tokens(text_of(text, chunk)), 512U);
    EXPECT_TRUE(text_of(text, chunk).starts_with("word"));
    EXPECT_TRUE(text_of(text, chunk).ends_with("word"));
  }
}

TEST(Chunker, LeavesOutAllTheSpaceBetweenTwoChunks) {
  std::string text = "no end";
  for (int i = 0; i < 200; ++i) text += "  \v word";
  for (const Chunk& chunk : chunks_of(text, "T", {20, 2})) {
    EXPECT_EQ(trimmed(text_of(text, chunk)), text_of(text, chunk));
  }
}

TEST(Chunker, CutsAnEndlessWordBetweenCodePoints) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "\xE4\xBD\xA0";
  std::size_t end = 0;
  for (const Chunk& chunk : chunks_of(text, "T")) {
    EXPECT_TRUE(utf8_valid(text_of(text, chunk)));
    EXPECT_LE(estimated_tokens(text_of(text, chunk)), 512U);
    EXPECT_LE(chunk.start, end);
    end = chunk.end;
  }
  EXPECT_EQ(end, text.size());
}

TEST(Chunker, EndsForOddLimitsAndBrokenBytes) {
  const std::string broken(5000, '\x80');
  EXPECT_FALSE(chunks_of(broken, "T").empty());
  EXPECT_FALSE(chunks_of(sentences(20), "T", {1, 50}).empty());
  EXPECT_FALSE(chunks_of(sentences(20), "T", {12, 0}).empty());
}

}  // namespace
}  // namespace retriever
