#include "lexical/analysis.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace lexical {
namespace {

using Texts = std::vector<std::string>;

Texts of_kind(TermKind kind, std::string_view text, AnalysisOptions options = {}) {
  Analysis analysis(options);
  Texts found;
  for (const Term& term : analysis.terms(text)) {
    if (term.kind == kind) found.emplace_back(term.text);
  }
  return found;
}

Texts exact(std::string_view text) { return of_kind(TermKind::Exact, text); }
Texts pairs(std::string_view text) { return of_kind(TermKind::Pair, text); }

TEST(Analysis, FilesAWordAsItStandsAndByItsStem) {
  EXPECT_EQ(exact("Running dogs, 42 times!"), (Texts{"running", "dogs", "42", "times"}));
  EXPECT_EQ(of_kind(TermKind::Stem, "Running dogs, 42 times!"),
            (Texts{"run", "dog", "42", "time"}));
  EXPECT_EQ(exact(""), Texts{});
  EXPECT_EQ(exact(" ...\n\t!"), Texts{});
}

TEST(Analysis, FoldsCaseAccentsLigaturesAndFullWidth) {
  EXPECT_EQ(exact("\xC3\x84rger Stra\xC3\x9F"
                  "e \xEF\xAC\x81le \xEF\xBC\xA1\xEF\xBC\xA2\xEF\xBC\x91 \xC5\x81\xC3\xB3"
                  "d\xC5\xBA"),
            (Texts{"arger", "strasse", "file", "ab1", "lodz"}));
  // A combining acute accent, a soft hyphen, Vietnamese, Greek with tonos, Cyrillic.
  EXPECT_EQ(exact("cafe\xCC\x81 hy\xC2\xADphen Vi\xE1\xBB\x87t \xCE\x86\xCE\xBB"
                  "\xCF\x86\xCE\xB1 \xD0\x9C\xD0\x98\xD0\xA0"),
            (Texts{"cafe", "hyphen", "viet", "\xCE\xB1\xCE\xBB\xCF\x86\xCE\xB1",
                   "\xD0\xBC\xD0\xB8\xD1\x80"}));
}

TEST(Analysis, DropsAPossessiveAndClosesAContraction) {
  EXPECT_EQ(exact("Peter's don't o'clock James' 'quoted' Stewie\xE2\x80\x99s"),
            (Texts{"peter", "dont", "oclock", "james", "quoted", "stewie"}));
}

TEST(Analysis, TakesAnIdentifierWholeAndInParts) {
  EXPECT_EQ(exact("max_open.files"), (Texts{"max", "open", "files", "maxopenfiles"}));
  EXPECT_EQ(exact("std::vector<int>"), (Texts{"std", "vector", "stdvector", "int"}));
  EXPECT_EQ(exact("getHTTPHeader"), (Texts{"gethttpheader", "get", "http", "header"}));
  EXPECT_EQ(exact("URLs and WebSockets"), (Texts{"urls", "and", "websockets", "web", "sockets"}));
  EXPECT_EQ(exact("and/or __init__"), (Texts{"and", "or", "init"}));
}

TEST(Analysis, KeepsOptionsAndLanguages) {
  EXPECT_EQ(exact("use --dry-run or -v."),
            (Texts{"use", "dry", "run", "dryrun", "--dryrun", "or", "v", "-v"}));
  EXPECT_EQ(exact("C++ g++ C# x++y word--word 1-2"),
            (Texts{"c", "c++", "g", "g++", "c", "c#", "x", "y", "word", "word", "1", "2", "12"}));
}

TEST(Analysis, KeepsThePointsOfNumbers) {
  EXPECT_EQ(exact("Python 3.11.2, 1,000,000 or 1,2"),
            (Texts{"python", "3", "11", "2", "3.11.2", "1000000", "or", "1", "2"}));
}

TEST(Analysis, FilesUnspacedScriptsByPairs) {
  EXPECT_EQ(exact("\xE4\xB8\xAD\xE6\x96\x87\xE5\xAD\x97 ab \xE4\xB8\xAD"),
            (Texts{"\xE4\xB8\xAD\xE6\x96\x87", "\xE6\x96\x87\xE5\xAD\x97", "ab", "\xE4\xB8\xAD"}));
  // Half-width kana become full-width ones.
  EXPECT_EQ(exact("\xEF\xBD\xB6\xEF\xBE\x9E\xEF\xBD\xB7"), Texts{"\xE3\x82\xAB\xE3\x82\xAD"});
  EXPECT_EQ(exact("Go\xE5\x85\xA5\xE9\x96\x80"), (Texts{"go", "\xE5\x85\xA5\xE9\x96\x80"}));
}

TEST(Analysis, PairsStemsOfNeighboursOverWordsWithoutATopic) {
  EXPECT_EQ(pairs("sizes of the buffers grow"), (Texts{"size buffer", "buffer grow"}));
  EXPECT_EQ(pairs("one two. three\n\nfour\nfive"), (Texts{"one two", "four five"}));
  EXPECT_EQ(of_kind(TermKind::Pair, "one two", {.pairs = false}), Texts{});
}

TEST(Analysis, LeavesOutStemsIfTold) {
  EXPECT_EQ(of_kind(TermKind::Stem, "running dogs", {.stems = false}), Texts{});
  EXPECT_EQ(of_kind(TermKind::Pair, "running dogs", {.stems = false}), Texts{"running dogs"});
}

TEST(Analysis, CountsPositionsByWords) {
  Analysis analysis;
  std::vector<std::pair<std::string, std::uint32_t>> found;
  for (const Term& term : analysis.terms("the log_file size")) {
    if (term.kind == TermKind::Exact) found.emplace_back(term.text, term.position);
  }
  EXPECT_EQ(found,
            (decltype(found){{"the", 0}, {"log", 1}, {"file", 2}, {"logfile", 1}, {"size", 3}}));
  EXPECT_EQ(analysis.words(), 4U);
}

TEST(Analysis, MarksWordsWithoutATopic) {
  Analysis analysis;
  const auto terms = analysis.terms("the beer");
  ASSERT_EQ(terms.size(), 4U);
  EXPECT_TRUE(terms[0].stopword && terms[1].stopword);
  EXPECT_FALSE(terms[2].stopword || terms[3].stopword);
}

TEST(Analysis, GivesEachTermTheHashOfItsKindAndText) {
  Analysis analysis;
  std::set<std::uint64_t> hashes;
  for (int round = 0; round < 2; ++round) {  // the second time from memory
    for (const Term& term : analysis.terms("run runs --run running run")) {
      EXPECT_EQ(term.hash, term_hash(term.kind, term.text)) << term.text;
      hashes.insert(term.hash);
    }
  }
  // run, runs, --run, running; the stem run; the pair "run run".
  EXPECT_EQ(hashes.size(), 6U);
  EXPECT_EQ(term_hash(TermKind::Exact, "run"), 0x468A8EDCBB5ECD1DU);
}

TEST(Analysis, SurvivesIllFormedBytesAndEndlessWords) {
  EXPECT_EQ(exact("a\xFF"
                  "b\xE2 c \xC3 \xED\xA0\x80 \xC0\xAF"),
            (Texts{"a", "b", "c"}));
  EXPECT_EQ(exact("x\xF0\x9F"), Texts{"x"});
  const Texts cut = exact(std::string(100'000, 'a') + " b");
  EXPECT_EQ(cut, (Texts{std::string(64, 'a'), "b"}));
  // Where a word is cut no hump is looked for, which might part a character.
  EXPECT_EQ(of_kind(TermKind::Exact,
                    "aaaa\xE3\x82\xAB"
                    "\xC3\xA9\xE0\xA4\x85URLs",
                    {.word_bytes_max = 8}),
            (Texts{"aaaa", "\xE3\x82\xAB", "e\xE0\xA4\x85urls"}));
  EXPECT_EQ(of_kind(TermKind::Exact, "aaaaaaa\xE0\xA4\x85URLx", {.word_bytes_max = 8}),
            Texts{"aaaaaaa\xE0\xA4\x85"});
  std::string snake;
  for (int i = 0; i < 1000; ++i) snake += "a_";
  EXPECT_EQ(exact(snake).size(), 1000U + 1000U / 16 + 1);
}

TEST(Analysis, ForgetsWordsAtItsLimitAndStaysRight) {
  Analysis analysis({.remembered_words_max = 4});
  for (int i = 0; i < 100; ++i) {
    const std::string text = "running word" + std::to_string(i) + " dogs";
    const auto terms = analysis.terms(text);
    ASSERT_EQ(terms.size(), 8U);
    EXPECT_EQ(terms[1].text, "run");
    EXPECT_EQ(terms.back().text, "word" + std::to_string(i) + " dog");
  }
}

}  // namespace
}  // namespace lexical
