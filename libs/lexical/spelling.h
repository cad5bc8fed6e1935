#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Repairs words that a collection does not know by those that it does. An edit is a letter lost,
// added or changed, or two swapped; words of up to kOneEditBytesMax bytes may differ by one, longer
// ones by two. Candidates are found by parts that stayed whole (Li, Deng, Wang, Feng: Pass-Join,
// VLDB 2011): of three parts of a word, two edits leave one as it was. So two swaps in one word may
// go unseen. They are ranked as a noisy channel: what the edits cost against how common the word
// is. Edits are counted in bytes. Immutable; thread-safe.
namespace lexical {

// What a word may have meant.
struct Correction {
  std::string word;
  std::uint64_t documents = 0;
  int edits = 0;
  double share = 0;  // of the likelihood of all that were given
};

struct SpellingOptions {
  std::size_t words_max = 1'000'000;  // the most common; what is beyond is not known
  std::uint64_t documents_min = 1;    // rarer words are not offered
  std::uint64_t known_documents = 3;  // a word of so many documents is right
  double rarer_by = 100;              // a rarer one is, unless others are so many times as common
  std::size_t corrections_max = 5;
  std::size_t candidates_max = 20'000;  // of one word and length that are compared with it
};

class Spelling {
 public:
  static constexpr std::size_t kBytesMin = 4;  // of a word that is looked after
  static constexpr std::size_t kBytesMax = 40;
  static constexpr std::size_t kOneEditBytesMax = 7;

  // Words and how many documents have each. Words with digits or signs are known, never offered.
  explicit Spelling(std::span<const std::pair<std::string_view, std::uint64_t>> words,
                    SpellingOptions options = {});

  // How many documents have the word, which is folded as the analysis folds.
  std::uint64_t documents(std::string_view word) const;

  // Best first; empty where the word is right, too short, or like none. `known` is how many
  // documents have the word as far as the caller knows, who may know later ones.
  std::vector<Correction> corrections(std::string_view word, std::uint64_t known = 0) const;

  // Two known words that somebody wrote as one; both empty where there are none.
  std::pair<std::string, std::string> parted(std::string_view word) const;

  std::size_t bytes() const;

 private:
  struct Entry {
    std::uint32_t offset = 0;  // in texts_
    std::uint32_t documents = 0;
    std::uint32_t letters = 0;  // which it has, a bit for each: most candidates fail by them alone
  };
  struct Part {
    std::uint32_t hash = 0;
    std::uint32_t entry = 0;
  };

  std::string_view text(std::size_t entry) const;
  void file_parts(std::uint32_t entry);
  std::vector<std::uint32_t> candidates(std::string_view word, int edits) const;
  double likelihood(std::string_view word, std::uint32_t entry, int edits) const;

  SpellingOptions options_;
  std::string texts_;
  std::vector<Entry> entries_;  // by text; one behind the last
  std::vector<Part> parts_;     // by hash
};

// The least number of edits between two words of up to Spelling::kBytesMax bytes (optimal string
// alignment), or most + 1 if there are more.
int edits_between(std::string_view a, std::string_view b, int most);

}  // namespace lexical
