#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

// Texts as the rules of quality see them: words as hashes, made in one pass without a string each,
// because a draft is compared with kilobytes of conversation and knowledge. Pure; thread-safe.
namespace quality {

// One word. `hash` is of its letters and digits in lower case, apostrophes left out ("don't" ->
// "dont") and possessives cut ("Peter's" -> "peter"); `stem` joins its common English endings.
struct Word {
  std::uint64_t hash = 0;
  std::uint64_t stem = 0;
  std::uint32_t start = 0;  // bytes of the text
  std::uint32_t end = 0;
};

// A text and its words. The text must outlive it. Any bytes are fine: what is not ASCII counts as
// letters unless it is punctuation, a symbol or an emoji.
struct Text {
  std::string_view raw;
  std::vector<Word> words;

  std::string_view written(const Word& word) const {
    return raw.substr(word.start, word.end - word.start);
  }
};

Text read_text(std::string_view raw);

// The hash and stem of a single word.
Word read_word(std::string_view word);

// Whether a word of `text` carries a topic: it is no stop word and has more than one letter.
bool content_word(const Text& text, const Word& word);

// The distinct stems of the content words, in order.
std::vector<std::uint64_t> content_stems(const Text& text);

// The distinct stems of all words, ascending.
std::vector<std::uint64_t> distinct_stems(const Text& text);

// A set of hashes by open addressing; only grows.
class HashSet {
 public:
  void insert(std::uint64_t hash);
  bool contains(std::uint64_t hash) const;
  std::size_t size() const { return size_; }
  // Makes room for so many more.
  void reserve(std::size_t more);

  void insert_stems(const Text& text);

 private:
  void grow(std::size_t slots);

  std::vector<std::uint64_t> slots_;  // 0 is free; a hash of 0 is stored as 1
  std::size_t size_ = 0;
};

// Phrases of whole words, each with a tag, found in a text in one pass. A pattern is a phrase whose
// words may be alternatives ("i will|shall find you") and which may leave gaps: "*" stands for up
// to three words of any kind ("you are * worthless").
class PhraseSet {
 public:
  enum class Match { Exact, Stems };
  struct Hit {
    int tag = 0;
    std::size_t first = 0;  // index of the word where it begins
    std::size_t words = 0;
  };

  explicit PhraseSet(Match match = Match::Exact) : match_(match) {}
  // Of patterns, separated by commas; line breaks are spaces.
  PhraseSet(std::initializer_list<std::pair<int, std::string_view>> lists);

  // A phrase without words is ignored.
  void add(std::string_view phrase, int tag);
  void add_pattern(std::string_view pattern, int tag);
  std::vector<Hit> find(const Text& text) const;

 private:
  using Alternatives = std::vector<std::uint64_t>;  // none: a gap
  struct Phrase {
    std::vector<Alternatives> words;
    int tag = 0;
  };
  // A phrase that begins with a word, and which words may come second, each a bit by its key: of
  // the many phrases that begin alike most need no look.
  struct Beginning {
    std::uint32_t phrase = 0;
    std::uint64_t second = 0;
  };
  static constexpr std::size_t kGapWords = 3;
  static constexpr std::size_t kFilterBits = 4096;

  std::uint64_t key(const Word& word) const {
    return match_ == Match::Exact ? word.hash : word.stem;
  }
  static std::uint64_t bit_of(std::uint64_t key);
  void insert(Phrase phrase);
  std::size_t end_of(const Phrase& phrase, std::size_t at, const Text& text,
                     std::size_t word) const;

  Match match_ = Match::Exact;
  std::vector<Phrase> phrases_;
  std::unordered_map<std::uint64_t, std::vector<Beginning>> by_first_word_;
  std::bitset<kFilterBits> filter_;  // most words begin no phrase: asked before the map
};

}  // namespace quality
