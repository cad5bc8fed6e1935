#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lexical/analysis.h"

// From a term to where its postings are. Terms are known by 47 bits of their hash and whether
// their positions are kept: a million words and tens of millions of pairs need no text, and
// their keys spread evenly, so that the first bits choose a bucket of a few keys: a search
// touches two cache lines. Two terms out of ten million are taken for one another with a
// probability of one in three; then either finds the other's documents. The texts of words are
// kept besides, for prefixes and spelling: see vocabulary.h.
namespace lexical {

using TermKey = std::uint64_t;
inline constexpr unsigned kKeyBits = 48;

// The last bit tells the words whose positions are kept.
inline TermKey term_key(TermKind kind, std::uint64_t hash) {
  return (hash >> (64 - kKeyBits) & ~TermKey{1}) | TermKey{kind == TermKind::Exact};
}
inline bool has_positions(TermKey key) { return (key & 1U) != 0; }

// What a dictionary consists of, in memory; in a file each is a block.
struct DictionaryArrays {
  std::vector<std::uint32_t> starts;  // of each bucket, and the end
  std::vector<std::uint32_t> low;     // of each key the last 32 bits
  std::vector<std::uint16_t> middle;  // the 16 before them; empty where the buckets tell them
  std::vector<std::uint32_t> values;
};

// Takes keys in ascending order.
class DictionaryBuilder {
 public:
  void add(TermKey key, std::uint32_t value) {
    keys_.push_back(key);
    values_.push_back(value);
  }
  DictionaryArrays finish();

 private:
  std::vector<TermKey> keys_;
  std::vector<std::uint32_t> values_;
};

// A view of such arrays. Immutable; thread-safe.
class Dictionary {
 public:
  Dictionary() = default;
  Dictionary(std::span<const std::uint32_t> starts, std::span<const std::uint32_t> low,
             std::span<const std::uint16_t> middle, std::span<const std::uint32_t> values);

  std::size_t size() const { return low_.size(); }
  std::optional<std::uint32_t> find(TermKey key) const;

  // Goes through all keys in ascending order.
  class Reader {
   public:
    explicit Reader(const Dictionary& dictionary) : dictionary_(&dictionary) { settle(); }
    bool done() const { return at_ == dictionary_->size(); }
    TermKey key() const { return key_; }
    std::uint32_t value() const { return dictionary_->values_[at_]; }
    void next() {
      ++at_;
      settle();
    }

   private:
    void settle();

    const Dictionary* dictionary_;
    std::size_t bucket_ = 0;
    std::size_t at_ = 0;
    TermKey key_ = 0;
  };

 private:
  std::span<const std::uint32_t> starts_;
  std::span<const std::uint32_t> low_;
  std::span<const std::uint16_t> middle_;
  std::span<const std::uint32_t> values_;
  unsigned shift_ = kKeyBits;  // a key without its bucket
};

}  // namespace lexical
