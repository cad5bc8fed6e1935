#include "lexical_data.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <unordered_set>

namespace bench {
namespace {

constexpr double kZipfShift = 2.7;  // Mandelbrot's: the first few words are less extreme
constexpr std::size_t kTopicWords = 400;
constexpr std::size_t kNear = 65536;
constexpr std::size_t kTopicsBegin = 100;  // no topic has the most frequent words for itself
constexpr std::size_t kCommonWords = 20;

// Uniform in [0, 1): the standard's distributions differ from library to library.
double uniform(std::mt19937_64& random) { return static_cast<double>(random() >> 11U) * 0x1.0p-53; }

std::size_t below(std::mt19937_64& random, std::size_t limit) { return random() % limit; }

std::string syllables(std::mt19937_64& random, std::size_t count) {
  constexpr std::array<std::string_view, 24> kFirst{"b",  "c",  "d",  "f",  "g",  "h",  "l",  "m",
                                                    "n",  "p",  "r",  "s",  "t",  "v",  "w",  "st",
                                                    "tr", "pl", "gr", "ch", "sh", "br", "cl", "sp"};
  constexpr std::array<std::string_view, 8> kVowels{"a", "e", "i", "o", "u", "ea", "y", "ou"};
  constexpr std::array<std::string_view, 10> kLast{"", "", "", "n", "r", "l", "s", "t", "nd", "ck"};
  std::string word;
  for (std::size_t i = 0; i < count; ++i) {
    word += kFirst[below(random, kFirst.size())];
    word += kVowels[below(random, kVowels.size())];
    if (i + 1 == count) word += kLast[below(random, kLast.size())];
  }
  return word;
}

// Endings, so that stems have something to join.
std::string inflected(std::mt19937_64& random, const std::string& word) {
  constexpr std::array<std::string_view, 6> kEndings{"s", "ed", "ing", "er", "ly", "ation"};
  return word + std::string(kEndings[below(random, kEndings.size())]);
}

}  // namespace

Text::Text(std::uint64_t seed, TextShape shape) : seed_(seed), shape_(shape) {
  Random source = random(0, 0);
  std::unordered_set<std::string> known;
  while (words_.size() < shape_.words) {
    const std::size_t rank = words_.size();
    // Frequent words are short; taken as they come, a word has five letters on average.
    const std::size_t length = rank < 800 ? 1 : rank < 20'000 ? 2 : 3;
    std::string made = rank > 300 && uniform(source) < 0.3
                           ? inflected(source, words_[below(source, rank)])
                           : syllables(source, length);
    if (made.size() < 24 && known.insert(made).second) words_.push_back(std::move(made));
  }
  double sum = 0;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    sum += 1 / (static_cast<double>(i) + kZipfShift);
    cumulated_.push_back(sum);
  }
  for (double& value : cumulated_) value /= sum;
  std::uint32_t at = 0;
  for (std::size_t i = 0; i < kNear; ++i) {
    while (cumulated_[at] < static_cast<double>(i) / kNear) ++at;
    near_.push_back(at);
  }
}

Text::Random Text::random(std::uint64_t stream, std::uint64_t number) const {
  std::seed_seq sequence{seed_, seed_ >> 32U, stream, number, number >> 32U};
  return Random(sequence);
}

std::size_t Text::rank(Random& random) const {
  const double value = uniform(random);
  std::size_t at = near_[static_cast<std::size_t>(value * kNear)];
  while (cumulated_[at] < value) ++at;
  return at;
}

// A topic's words are spread over the vocabulary; its first ones come most often.
std::size_t Text::topic_word(Random& random, std::size_t topic) const {
  const double value = uniform(random);
  const auto place = static_cast<std::size_t>(value * value * kTopicWords);
  const std::uint64_t mixed = (topic * kTopicWords + place + 1) * 0x9E3779B97F4A7C15U;
  const std::size_t words = std::min<std::size_t>(words_.size(), 50'000) - kTopicsBegin;
  return kTopicsBegin + (mixed >> 20U) % words;
}

Chunk Text::chunk(std::uint64_t number) const {
  Random source = random(1, number);
  Chunk chunk{number + 1, {}, {}};
  const std::size_t topic = below(source, shape_.topics);
  const std::size_t title_words = 2 + below(source, 6);
  for (std::size_t i = 0; i < title_words; ++i) {
    if (i > 0) chunk.title += ' ';
    chunk.title += words_[i % 3 == 2 ? rank(source) : topic_word(source, topic)];
  }
  const std::size_t tenth = shape_.chunk_bytes / 10;
  const std::size_t bytes = shape_.chunk_bytes - tenth + below(source, 2 * tenth + 1);
  std::size_t sentence = 0;
  while (chunk.text.size() < bytes) {
    const bool of_topic = uniform(source) < shape_.topic_share;
    std::string next = words_[of_topic ? topic_word(source, topic) : rank(source)];
    if (sentence == 0) next[0] = static_cast<char>(next[0] - 'a' + 'A');
    chunk.text += next;
    if (++sentence > 6 && below(source, 8) == 0) {
      chunk.text += '.';
      sentence = 0;
    }
    chunk.text += ' ';
  }
  return chunk;
}

std::string Text::common_query(std::uint64_t number, std::size_t words) const {
  Random source = random(2, number);
  std::string query;
  for (std::size_t i = 0; i < words; ++i) {
    query += (i > 0 ? " " : "") + words_[below(source, kCommonWords)];
  }
  return query;
}

std::string Text::rare_query(std::uint64_t number, std::size_t words) const {
  Random source = random(3, number);
  std::string query;
  for (std::size_t i = 0; i < words; ++i) {
    query += (i > 0 ? " " : "") + words_[words_.size() / 3 + below(source, words_.size() / 3)];
  }
  return query;
}

std::string Text::mixed_query(std::uint64_t number, std::size_t words) const {
  Random source = random(4, number);
  std::string query;
  for (std::size_t i = 0; i < words; ++i) {
    const std::size_t chosen = i % 2 == 0 ? below(source, kCommonWords) : rank(source);
    query += (i > 0 ? " " : "") + words_[chosen];
  }
  return query;
}

}  // namespace bench
