#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

// The terms under which a search index files a field, and by which a query finds it again. Words
// are those of UAX #29 as far as documents need it, folded (analysis_unicode.h); beside a word as
// it stands there is its Snowball English stem. What programmers write is taken whole and in parts:
//
//   "getHTTPHeader"   getHTTPheader as one word, and get, http, header at its place
//   "max_open.files"  max, open, files in a row, and maxopenfiles at the first one's place
//   "--dry-run"       dry, run, dryrun, and --dryrun at the first one's place; "-v" is v and -v
//   "C++", "g++"      c, g, and c++, g++
//
// Digits keep their points ("3.11" is 3, 11 and 3.11; "1,000" is 1000). A possessive loses its "s",
// "don't" is "dont". Scripts without spaces are filed by pairs of neighbouring characters.
namespace lexical {

enum class TermKind : std::uint8_t {
  Exact,  // a word or identifier, folded
  Stem,   // the stem of one; equal to it where there is none
  Pair,   // the stems of two neighbours, "first second"; words without a topic are stepped over
};

// A view into its Analysis. Each kind is a vocabulary of its own: the word "run" is not the stem.
struct Term {
  std::string_view text;
  std::uint64_t hash = 0;      // term_hash(kind, text), for whoever keeps a dictionary
  std::uint32_t position = 0;  // words before it in the field: neighbours differ by one
  TermKind kind = TermKind::Exact;
  bool stopword = false;  // articles, pronouns, auxiliaries; never for a pair
};

// The same on every machine and in every run.
std::uint64_t term_hash(TermKind kind, std::string_view text);

// Whether the text has a character of a script without spaces.
bool has_unspaced(std::string_view text);

struct AnalysisOptions {
  bool stems = true;
  bool pairs = true;
  std::size_t word_bytes_max = 64;               // what is longer is filed by its beginning
  std::size_t remembered_words_max = 1U << 17U;  // of the cache of stems; then it starts anew
};

// Not thread-safe: one a thread, kept for many texts, because it remembers words with their stems
// and allocates nothing for words that it knows.
class Analysis {
 public:
  explicit Analysis(AnalysisOptions options = {});
  Analysis(Analysis&&) noexcept;
  Analysis& operator=(Analysis&&) noexcept;
  ~Analysis();

  // The terms of a field in order of position. They stay until the next call. Ill-formed bytes part
  // words.
  std::span<const Term> terms(std::string_view text);

  // Words of the last field: its length as scoring counts it.
  std::uint32_t words() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lexical
