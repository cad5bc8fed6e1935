#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "lexical/analyser.h"

// How a line's words stand to each other, and what kinds of words there are. Rules over words, no
// model. Pure; thread-safe.
namespace coordinator {

inline bool one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  // The first letters tell most words apart, at a fraction of what a call of memcmp costs.
  return !word.empty() && std::any_of(words.begin(), words.end(), [&](std::string_view one) {
    return one.size() == word.size() && one.front() == word.front() && one == word;
  });
}

bool pronoun(std::string_view word);
bool auxiliary(std::string_view word);
bool asks(std::string_view word);  // who, what, whose, ...
// "lol", "ok", "well", "please": words around an address that change nothing about it.
bool interjection(std::string_view word);
// "hi", "bye", "thanks", "sorry": words that take the name of whom they are said to.
bool courtesy(std::string_view word);
// A word after which a name is an object or a subject, not somebody who is spoken to.
bool points_at(std::string_view word);
// A word after a name that makes it the subject of a report: "Peter said", "Peter drinks".
bool reports(std::string_view word);
// A common first name, none that is also an everyday word, or what families call each other.
bool given_name(std::string_view word);

// A text, its words, and what stands between them. `text` must outlive it.
class Reading {
 public:
  explicit Reading(std::string_view text);

  std::size_t size() const { return words_.size(); }
  // Empty outside; word(0 - 1) is outside.
  std::string_view word(std::size_t i) const {
    return i < words_.size() ? std::string_view(words_[i].text) : std::string_view();
  }

  bool mentioned(std::size_t i) const;   // "@peter"
  bool possessive(std::size_t i) const;  // "Peter's"
  // Whether punctuation, or an end of the text, stands before word i.
  bool parted(std::size_t i) const { return gap_has(i, ",.!?:;()\n-"); }
  // Whether word i begins a sentence; i == size() counts as one.
  bool begins(std::size_t i) const { return gap_has(i, ".!?\n"); }
  std::size_t sentence_begin(std::size_t i) const { return i < size() ? sentences_[i].begin : i; }
  std::size_t sentence_end(std::size_t i) const { return i < size() ? sentences_[i].end : size(); }
  // Where the sentence that begins at i comes to its point: after "lol", "ok but", "wait,".
  std::size_t past_interjections(std::size_t i) const;

 private:
  struct Sentence {
    std::size_t begin;
    std::size_t end;
  };

  bool gap_has(std::size_t i, std::string_view marks) const;

  std::string_view text_;
  std::vector<lexical::Word> words_;
  std::vector<Sentence> sentences_;  // of each word: a sentence may be as long as the text
};

}  // namespace coordinator
