#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

// Words of a text as search and rules see them. Pure; thread-safe.
namespace lexical {

// One word: lower case, accents of Latin letters folded, where it stands in the text (bytes).
struct Word {
  std::string text;
  std::size_t start = 0;
  std::size_t end = 0;
};

// Letters and digits make words; an apostrophe inside a word is dropped with what follows when it
// is a possessive ("Peter's" -> "peter"), else kept out ("don't" -> "dont").
std::vector<Word> words(std::string_view text);

// The words alone.
std::vector<std::string> tokens(std::string_view text);

// The Snowball English stem of one lower-case word (libstemmer).
std::string stem(std::string_view word);

// Whether `word` carries no topic of its own: articles, pronouns, auxiliaries and their like.
bool stopword(std::string_view word);

// Stems of all words that are not stop words, in order.
std::vector<std::string> content_stems(std::string_view text);

// The share of common items in two sets (Jaccard index), 0 to 1; 0 for two empty sets.
double jaccard(const std::set<std::string>& a, const std::set<std::string>& b);

}  // namespace lexical
