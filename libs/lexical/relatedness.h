#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lexical/wordnet.h"

namespace lexical {

// How near two words are, after WordNet: over the synsets that both reach (synonyms, derived words,
// wholes and parts, what both are kinds of), and over the words that explain them (gloss vectors,
// Patwardhan and Pedersen 2006, of one order). What a word reaches is computed once and kept for
// the last few thousand words. Thread-safe; the bytes of the database must outlive it.
class Relatedness {
 public:
  using Weighted = std::vector<std::pair<std::uint64_t, float>>;  // ascending by the first
  struct Profile {
    Weighted synsets;   // reached, 1 for the word's own first sense
    Weighted gloss;     // words of its explanations, of unit length
    double rarity = 1;  // of the word in explanations, 0 to 1
  };
  // Each from 0 to 1.
  struct Nearness {
    double synsets = 0;
    double gloss = 0;
  };

  explicit Relatedness(WordNet wordnet) : wordnet_(std::move(wordnet)) {}

  // Of a lower-case word; empty for one that the database does not have, never null.
  std::shared_ptr<const Profile> profile(std::string_view word) const;

  static Nearness nearness(const Profile& a, const Profile& b);

 private:
  Profile make_profile(std::string_view word) const;
  double rarity(std::uint64_t term) const;
  void sample_glosses() const;

  const WordNet wordnet_;
  mutable std::once_flag sampled_;
  mutable std::unordered_map<std::uint64_t, std::uint32_t> counts_;  // of terms in the sample
  mutable double glosses_ = 1;                                       // in the sample

  using Cache = std::unordered_map<std::string, std::shared_ptr<const Profile>>;
  mutable std::mutex mutex_;
  mutable Cache young_;  // when it is full, it takes the place of the old one
  mutable Cache old_;
};

}  // namespace lexical
