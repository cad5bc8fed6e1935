#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lexical/analysis.h"
#include "lexical/bm25.h"
#include "lexical/segment.h"

// Gathers documents until they are worth a segment. A document's occurrences become one record per
// term and go to the end of a list; the list is sorted once, when it is sealed: tens of millions of
// pairs never meet a hash table. Not thread-safe.
namespace lexical {

// Words, with what a whole segment must remember of a text: where in an arena it is.
class WordTable {
 public:
  WordTable();
  // Says that the word will soon be added: its entry comes from memory meanwhile.
  void expect(TermKey key) const {
    __builtin_prefetch(&entries_[key >> 1U & (entries_.size() - 1)]);
  }
  void add(TermKey key, std::string_view word);
  std::vector<std::string_view> sorted() const;
  void clear();
  std::size_t bytes() const { return texts_.size(); }

 private:
  struct Entry {
    TermKey key = 0;  // 0 is free: the keys of words are odd
    std::uint32_t offset = 0;
    std::uint32_t length = 0;
  };
  void grow();

  std::vector<Entry> entries_;
  std::size_t used_ = 0;
  std::vector<char> texts_;
};

class Builder {
 public:
  explicit Builder(const Bm25& scoring);

  // A document: begin, each field's terms in order of position, title first, end.
  void begin(std::uint64_t id);
  void title(std::span<const Term> terms, std::uint32_t words);
  void body(std::span<const Term> terms, std::uint32_t words);
  void end();

  // Forgets the document; false when it is not here.
  bool remove(std::uint64_t id);
  bool contains(std::uint64_t id) const { return slots_.contains(id); }

  std::size_t documents() const { return slots_.size(); }
  // Whether what follows may no longer fit: seal it.
  bool full() const;
  // The mean length of each field of the documents at hand that have it; 0 where none has.
  std::array<float, kFields> mean_lengths() const;

  // Everything as a segment, weighed by `scoring`; then begins anew.
  SegmentArrays seal(const Bm25& scoring);
  // Forgets everything.
  void clear();

 private:
  using Lengths = std::array<std::uint32_t, kFields>;

  // One term in one document. The word is the key above the occurrences: 4 bits for those in the
  // title, 5 in the lead, 7 in the body: kOccurrencesMax.
  struct Record {
    std::uint64_t word;
    std::uint32_t slot;
    std::uint32_t positions;
    TermKey key() const { return word >> (64 - kKeyBits); }
  };
  // A term of the document at hand.
  struct Seen {
    TermKey key;
    std::array<std::uint8_t, kFields> occurrences;  // up to kOccurrencesMax
    std::uint32_t places;
  };
  struct Cell {
    std::uint64_t key = 0;
    std::uint32_t document = 0;
    std::uint32_t seen = 0;
  };
  struct Place {
    std::uint32_t seen;
    std::uint32_t position;
  };

  void count(const Term& term, Field field, std::uint32_t base);
  void remember_words();
  std::uint32_t seen(const Term& term, TermKey key);
  void grow_cells();
  void file_positions();
  void sort_records();
  std::vector<std::uint32_t> order_slots(std::vector<std::uint64_t>& ids) const;
  std::vector<std::array<float, kFields>> worth_by_slot(const Bm25& scoring) const;
  void release_document();

  Bm25 scoring_;
  std::vector<Record> records_;
  std::vector<std::byte> positions_;
  WordTable words_;
  std::vector<std::uint64_t> ids_;  // by order of arrival
  std::vector<Lengths> lengths_;
  std::unordered_map<std::uint64_t, std::uint32_t> slots_;  // of documents that were not removed

  std::vector<std::pair<TermKey, std::string_view>> new_words_;  // first seen in this field
  std::vector<Cell> cells_;
  std::vector<Seen> terms_;
  std::vector<Place> places_;
  std::vector<std::uint32_t> place_ends_;
  std::vector<std::uint32_t> sorted_places_;
  std::uint32_t document_ = 0;
  std::uint32_t body_begins_ = 0;
};

}  // namespace lexical
