#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lexical/analysis.h"
#include "lexical/bm25.h"
#include "lexical/dictionary.h"
#include "lexical/merge.h"

// Searching a snapshot: the best documents for a weighted sum of words, prefixes and phrases. What
// comes back is what scoring every document would give: the same ids, scores and order, ties by the
// smaller id; blocks that cannot reach the best are skipped (search.cpp). A phrase or prefix is a
// posting list that is made for the query, and scores as one term.
namespace lexical {

// Of a query; required terms come before others. What is beyond is not looked for, and if it is
// required, nothing is found.
inline constexpr std::size_t kQueryTermsMax = 64;
inline constexpr std::size_t kQueryPrefixesMax = 4;
inline constexpr std::size_t kQueryPhrasesMax = 8;
inline constexpr std::size_t kHitsMax = 1000;       // of one search
inline constexpr std::size_t kPrefixWordsMax = 64;  // that a prefix stands for: the most frequent
inline constexpr std::size_t kPhraseWordsMax = 16;

struct QueryTerm {
  enum class Form : std::uint8_t { Word, Prefix, Phrase };
  struct PhraseWord {
    TermKey key;
    std::uint32_t position;
  };

  Form form = Form::Word;
  TermKind kind = TermKind::Exact;
  std::string text;
  float weight = 1;       // up to kTermWeightMax; at 0 the term adds next to nothing
  bool required = false;  // no document without it
  TermKey key = 0;
  std::vector<PhraseWord> phrase;
};

QueryTerm word(const Term& term, float weight = 1);
// All words that begin with `beginning`, which is folded as the analysis folds words.
QueryTerm prefix(std::string_view beginning, float weight = 1);
// The exact words among `terms` at their distances; of them the first kPhraseWordsMax.
QueryTerm phrase(std::span<const Term> terms, float weight = 1);

// Which documents may be found. Cheap to copy where it holds no ids. Immutable.
class Filter {
 public:
  static Filter ids(std::vector<std::uint64_t> ids);
  // Bit i of word i / 64: whether id i may; ids beyond the end may not.
  static Filter bits(std::vector<std::uint64_t> words);
  // Asked of documents that would be scored; must not throw.
  static Filter where(std::function<bool(std::uint64_t)> predicate);

  // Clears the bits of those of `ids` (ascending; at most kRestrictMax) that are known not to
  // count.
  static constexpr std::size_t kRestrictMax = 512;
  void restrict(std::span<const std::uint64_t> ids, std::span<std::uint64_t> allowed) const;
  bool accepts(std::uint64_t id) const { return !predicate_ || predicate_(id); }

 private:
  std::function<bool(std::uint64_t)> predicate_;
  std::vector<std::uint64_t> ids_;
  std::vector<std::uint64_t> words_;
  bool by_ids_ = false;
  bool by_bits_ = false;
};

struct Query {
  std::vector<QueryTerm> terms;
  std::size_t k = 10;
  const Filter* filter = nullptr;
};

struct Hit {
  std::uint64_t id = 0;
  double score = 0;
  bool operator==(const Hit&) const = default;
};

// What one term adds to a document's score.
struct TermShare {
  std::string text;
  std::uint64_t documents = 0;  // that have the term
  double idf = 0;
  double weight = 0;  // x of bm25.h; 0 where the document lacks the term
  double score = 0;
};

struct Explanation {
  double score = 0;
  std::vector<TermShare> terms;  // in the query's order
};

struct WordCount {
  std::string word;
  std::uint64_t documents = 0;
};

// What one commit made visible. Immutable; thread-safe.
class Snapshot {
 public:
  Snapshot(std::vector<Part> parts, const Bm25& scoring);

  // Documents that can be found.
  std::uint64_t documents() const { return documents_; }
  const std::vector<Part>& parts() const { return parts_; }
  const Bm25& scoring() const { return scoring_; }
  bool contains(std::uint64_t id) const;

  std::vector<Hit> search(const Query& query) const;
  // NotFound when there is no such document.
  Result<Explanation> explain(const Query& query, std::uint64_t id) const;
  // Documents that have the term, those deleted since their segment was written included.
  std::uint64_t documents_with(TermKey key) const;
  // All words by name, with such counts: for spelling.
  std::vector<WordCount> words() const;
  std::size_t bytes() const;

 private:
  std::vector<Part> parts_;
  Bm25 scoring_;
  std::uint64_t documents_ = 0;  // that live
  std::uint64_t filed_ = 0;      // with those deleted since: what idf counts
};

}  // namespace lexical
