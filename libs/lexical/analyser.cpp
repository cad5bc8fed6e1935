#include "lexical/analyser.h"

#include <libstemmer.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

namespace lexical {
namespace {

// The code point at `at`, and its length. Ill-formed bytes read as a separator of one byte.
struct CodePoint {
  std::uint32_t value;
  std::size_t length;
};

CodePoint code_point(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<std::uint8_t>(text[i]) : std::uint8_t{0};
  };
  const auto continued = [&](std::size_t count) {
    for (std::size_t i = 1; i <= count; ++i) {
      if ((byte(at + i) & 0xC0U) != 0x80U) return false;
    }
    return true;
  };
  const std::uint32_t first = byte(at);
  if (first < 0x80) return {first, 1};
  if (first >= 0xC2 && first < 0xE0 && continued(1))
    return {((first & 0x1FU) << 6U) | (byte(at + 1) & 0x3FU), 2};
  if (first >= 0xE0 && first < 0xF0 && continued(2)) {
    return {((first & 0x0FU) << 12U) | ((byte(at + 1) & 0x3FU) << 6U) | (byte(at + 2) & 0x3FU), 3};
  }
  if (first >= 0xF0 && first < 0xF5 && continued(3)) return {0x10000, 4};
  return {0, 1};
}

// ASCII for the accented letters U+00C0 to U+017F, in steps of one code point; '.' is none.
constexpr std::string_view kLatin1 =
    "aaaaaaaceeeeiiiidnooooo.ouuuuytsaaaaaaaceeeeiiiidnooooo.ouuuuyty";
constexpr std::string_view kExtendedA =
    "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkkllllllllllnnnnnnnnnoooooooo"
    "rrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";
static_assert(kLatin1.size() == 64 && kExtendedA.size() == 128);

// The folded letter or digit of a code point, or 0 for a separator; 1 means: keep the bytes.
char folded(std::uint32_t point) {
  if (point >= 'A' && point <= 'Z') return static_cast<char>(point + 32);
  if ((point >= 'a' && point <= 'z') || (point >= '0' && point <= '9')) {
    return static_cast<char>(point);
  }
  if (point >= 0xC0 && point <= 0xFF) {
    const char c = kLatin1[point - 0xC0];
    return c == '.' ? '\0' : c;
  }
  if (point >= 0x100 && point - 0x100 < kExtendedA.size()) return kExtendedA[point - 0x100];
  // Letters of other scripts stay as they are; punctuation, symbols and spaces part words.
  if (point >= 0x180 && !(point >= 0x2000 && point <= 0x2BFF) &&
      !(point >= 0x3000 && point <= 0x303F) && !(point >= 0xFE00 && point <= 0xFE0F) &&
      point < 0x10000) {
    return '\1';
  }
  return '\0';
}

// The length of an apostrophe at `at` (ASCII or U+2019), or 0.
std::size_t apostrophe(std::string_view text, std::size_t at) {
  if (at < text.size() && text[at] == '\'') return 1;
  return text.substr(std::min(at, text.size())).starts_with("\xE2\x80\x99") ? 3 : 0;
}

constexpr std::array<std::string_view, 150> kStopwords{
    "a",      "about",  "after", "again",   "all",    "also",   "am",      "an",    "and",
    "any",    "are",    "arent", "as",      "at",     "be",     "because", "been",  "before",
    "being",  "but",    "by",    "can",     "cant",   "could",  "did",     "didnt", "do",
    "does",   "doesnt", "doing", "dont",    "down",   "during", "each",    "few",   "for",
    "from",   "get",    "had",   "has",     "have",   "having", "he",      "hed",   "her",
    "here",   "hers",   "hes",   "him",     "his",    "how",    "i",       "id",    "if",
    "ill",    "im",     "in",    "into",    "is",     "isnt",   "it",      "its",   "itself",
    "ive",    "just",   "ll",    "lets",    "like",   "may",    "me",      "might", "more",
    "most",   "much",   "must",  "my",      "myself", "no",     "nor",     "not",   "now",
    "of",     "off",    "oh",    "on",      "once",   "only",   "or",      "other", "our",
    "ours",   "out",    "over",  "own",     "please", "re",     "really",  "s",     "same",
    "she",    "should", "so",    "some",    "such",   "t",      "tell",    "than",  "that",
    "thats",  "the",    "their", "them",    "then",   "there",  "theres",  "these", "they",
    "theyre", "this",   "those", "through", "to",     "too",    "under",   "until", "up",
    "us",     "ve",     "very",  "was",     "wasnt",  "we",     "well",    "were",  "what",
    "whats",  "when",   "where", "which",   "while",  "who",    "whom",    "why",   "will",
    "with",   "wont",   "would", "you",     "your",   "youre"};

}  // namespace

std::vector<Word> words(std::string_view text) {
  std::vector<Word> found;
  Word word;
  const auto finish = [&](std::size_t at) {
    if (word.text.empty()) return;
    word.end = at;
    found.push_back(std::move(word));
    word = {};
  };
  std::size_t at = 0;
  while (at < text.size()) {
    const CodePoint point = code_point(text, at);
    const char letter = folded(point.value);
    if (letter != '\0') {
      if (word.text.empty()) word.start = at;
      if (letter == '\1') {
        word.text += text.substr(at, point.length);
      } else {
        word.text += letter;
      }
      at += point.length;
      continue;
    }
    const std::size_t quote = word.text.empty() ? 0 : apostrophe(text, at);
    if (quote > 0 && at + quote < text.size() &&
        folded(code_point(text, at + quote).value) != '\0') {
      const std::size_t next = at + quote;
      const bool possessive =
          (text[next] == 's' || text[next] == 'S') &&
          (next + 1 == text.size() || folded(code_point(text, next + 1).value) == '\0');
      if (possessive) finish(at);
      at = next + (possessive ? 1 : 0);
      continue;
    }
    finish(at);
    at += point.length;
  }
  finish(text.size());
  return found;
}

std::vector<std::string> tokens(std::string_view text) {
  std::vector<std::string> all;
  for (Word& word : words(text)) all.push_back(std::move(word.text));
  return all;
}

std::string stem(std::string_view word) {
  thread_local const std::unique_ptr<sb_stemmer, decltype(&sb_stemmer_delete)> stemmer(
      sb_stemmer_new("english", "UTF_8"), &sb_stemmer_delete);
  const std::string input(word);
  const sb_symbol* output =
      sb_stemmer_stem(stemmer.get(), reinterpret_cast<const sb_symbol*>(input.data()),
                      static_cast<int>(input.size()));
  return {reinterpret_cast<const char*>(output),
          static_cast<std::size_t>(sb_stemmer_length(stemmer.get()))};
}

bool stopword(std::string_view word) {
  static const std::set<std::string_view> all(kStopwords.begin(), kStopwords.end());
  return all.contains(word);
}

std::vector<std::string> content_stems(std::string_view text) {
  std::vector<std::string> stems;
  for (const std::string& token : tokens(text)) {
    if (!stopword(token)) stems.push_back(stem(token));
  }
  return stems;
}

double jaccard(const std::set<std::string>& a, const std::set<std::string>& b) {
  if (a.empty() && b.empty()) return 0.0;
  const auto common = static_cast<double>(
      std::count_if(a.begin(), a.end(), [&](const std::string& item) { return b.contains(item); }));
  return common / (static_cast<double>(a.size() + b.size()) - common);
}

}  // namespace lexical
