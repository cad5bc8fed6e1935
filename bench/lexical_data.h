#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

// Text for measuring search: chunks of about 2 KB from a vocabulary of Zipf's law, with topics, so
// that words come in bursts and some pairs of words come again and again. Everything follows from
// the seed; a chunk from its number alone.
namespace bench {

struct TextShape {
  std::size_t words = 200'000;     // of the vocabulary
  std::size_t topics = 500;        // each with words and phrases of its own
  std::size_t chunk_bytes = 2000;  // and up to a tenth more or less
  double topic_share = 0.3;        // of a chunk's words
};

struct Chunk {
  std::uint64_t id = 0;
  std::string title;
  std::string text;
};

class Text {
 public:
  explicit Text(std::uint64_t seed, TextShape shape = {});

  Chunk chunk(std::uint64_t number) const;
  // `words` words, each of which stands in more than half of the chunks.
  std::string common_query(std::uint64_t number, std::size_t words) const;
  // Words that a few dozen of a hundred thousand chunks have.
  std::string rare_query(std::uint64_t number, std::size_t words) const;
  // Some of either, as people ask.
  std::string mixed_query(std::uint64_t number, std::size_t words) const;
  const std::string& word(std::size_t rank) const { return words_[rank]; }

 private:
  using Random = std::mt19937_64;
  Random random(std::uint64_t stream, std::uint64_t number) const;
  std::size_t rank(Random& random) const;
  std::size_t topic_word(Random& random, std::size_t topic) const;

  std::uint64_t seed_;
  TextShape shape_;
  std::vector<std::string> words_;   // by rank
  std::vector<double> cumulated_;    // of their frequencies, the last is 1
  std::vector<std::uint32_t> near_;  // for each 1/65536 of 1 where to begin in cumulated_
};

}  // namespace bench
