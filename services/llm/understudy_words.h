#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Words as the understudy understands them: every word has a meaning that it shares with its
// inflections and synonyms, so that "Which ale do you like best?" meets "favourite beer".
namespace llm::understudy {

// What sort of word it is, as far as a question may expect one: bits of Token::sorts.
enum Sort : unsigned {
  kNumber = 1,     // "31", "twice", "dozen"
  kPlace = 2,      // "behind", "street"
  kTime = 4,       // "evening", "before"
  kReason = 8,     // "because"
  kLeaning = 16,   // "it", "he": explained only by what stands before
  kPerson = 32,    // somebody one has: boss, dog, wife
  kWoman = 64,     // a kPerson whom "she" may mean
  kSuspect = 128,  // may belong to an order that somebody planted in a text
};

struct Token {
  std::string text;  // lower case, as lexical::words folds it
  std::size_t start = 0;
  std::size_t end = 0;
  std::uint64_t meaning = 0;
  bool stop = false;     // carries no topic
  bool soft = false;     // generic: helps a match, but need not be met ("favourite", "kind")
  bool capital = false;  // as written
  unsigned sorts = 0;
};

// The tokens of `text`; set phrases ("for a living") are folded into one token. Thread-safe.
std::vector<Token> read_words(std::string_view text);

// The meaning of one lower-case word.
std::uint64_t meaning(std::string_view word);

// The kinds of what `asked` means: a question's "drink" is met by "martini" too. Often empty.
const std::vector<std::uint64_t>& kinds_of(std::uint64_t asked);

// The everyday topics (lexical/thesaurus.h) of a meaning, ascending. Often empty.
const std::vector<std::uint16_t>& topics_of(std::uint64_t asked);

// Whether `word` is in a list of words parted by spaces.
bool listed(std::string_view list, std::string_view word);

}  // namespace llm::understudy
