#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// The WordNet 3.0 database (Fellbaum 1998; files as wndb(5WN) describes them), read in place: the
// index files are sorted lines and searched by halving, a synset is the line at its offset. Nothing
// is kept, so a mapped database costs only the pages that are touched. Whatever the bytes are,
// reading stays inside them and ends; a line that is not understood is as good as absent. Pure;
// thread-safe; the bytes must outlive it.
namespace lexical {

class WordNet {
 public:
  enum class Part : std::uint8_t { Noun, Verb, Adjective, Adverb };
  static constexpr std::size_t kParts = 4;

  // The bytes of one part of speech: index.noun, data.noun, noun.exc.
  struct Files {
    std::string_view index;
    std::string_view data;
    std::string_view exceptions;
  };

  // One sense of a word: the synset, and which sense of the word it is in that part of speech,
  // 0 the most frequent.
  struct Sense {
    Part part = Part::Noun;
    std::uint32_t offset = 0;
    std::size_t rank = 0;
    std::size_t tagged = 0;  // how many senses of the word in that part occur in tagged texts
  };

  struct Pointer {
    std::string_view symbol;  // "@" hypernym, "+" derivationally related, ... (wninput(5WN))
    Part part = Part::Noun;
    std::uint32_t offset = 0;
  };

  struct Synset {
    std::vector<std::string_view> words;  // as the file has them: "hot_dog", "galore(ip)"
    std::vector<Pointer> pointers;
    std::string_view gloss;  // definition and examples
  };

  WordNet() = default;  // knows nothing
  explicit WordNet(const std::array<Files, kParts>& files) : files_(files) {}

  bool empty() const { return files_[0].index.empty(); }

  // The senses of a lower-case word or of what it is an inflection of ("mice", "baking"), of each
  // part of speech the first `each`.
  std::vector<Sense> senses(std::string_view word, std::size_t each) const;

  // What stands at a sense's offset; empty when that is no synset. At most 64 words and 256
  // pointers are read.
  Synset synset(Part part, std::uint32_t offset) const;

  // A stretch of a data file, cut at line ends: a sample of the language of glosses.
  std::string_view sample(Part part, double where, std::size_t bytes) const;

 private:
  std::vector<std::string> bases(Part part, std::string_view word) const;
  bool add_senses(Part part, std::string_view base, std::size_t each,
                  std::vector<Sense>& found) const;
  const Files& files(Part part) const { return files_[static_cast<std::size_t>(part)]; }

  std::array<Files, kParts> files_;
};

}  // namespace lexical
