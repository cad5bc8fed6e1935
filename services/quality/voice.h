#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "contracts/characters.h"
#include "quality/text.h"

// Who said it: the voices of a cast, learnt from their cards, compared on one line.
namespace quality {

// A character's marks in a line.
struct Marks {
  int phrases = 0;  // distinct places where one of its phrases stands
  int words = 0;    // its characteristic words
};

// How one line sounds. The vectors follow the order of the cast.
struct Voice {
  std::vector<double> scores;  // probabilities, sum 1; empty for an empty cast
  std::vector<Marks> marks;
  std::vector<double> shape_fits;  // 0 to 1: word length, sentence length, ! and ? as usual
};

// A naive Bayes model over words (Dirichlet-smoothed towards the cast's common language, Zhai and
// Lafferty 2004), plus marks, plus the habits and the
// shape of sentences. Immutable after construction and then
// thread-safe.
class VoiceModel {
 public:
  explicit VoiceModel(const std::vector<contracts::Character>& cast);

  // `sentences` are those of the same line. Words whose stems are in `brought_up` tell nothing:
  // whoever is asked about beer says beer.
  Voice listen(const Text& line, const std::vector<std::string_view>& sentences,
               const HashSet& brought_up = {}) const;

  std::vector<Marks> marks(const Text& line, const HashSet& brought_up = {}) const;

 private:
  static constexpr std::size_t kFeatures = 4;
  using Features = std::array<double, kFeatures>;
  struct Shape {
    Features mean{};
    Features deviation{};
  };
  // What a sentence may do: end in !, end in ?, hold a contraction ("don't", "I'm").
  static constexpr std::size_t kHabits = 3;
  using Habits = std::array<double, kHabits>;  // shares of sentences
  struct Weight {
    std::size_t character;
    double gain;  // nats on top of the character's weight for a word that it never uses
  };

  static Features features(const Text& line, const std::vector<std::string_view>& sentences);
  static Shape shape_of(const contracts::Character& character);
  static Habits habits(const std::vector<std::string_view>& sentences);
  static Habits habits_of(const contracts::Character& character);
  void learn_words(const std::vector<contracts::Character>& cast);

  std::size_t size_;
  PhraseSet marks_{PhraseSet::Match::Stems};
  PhraseSet names_;
  std::vector<Shape> shapes_;
  std::vector<Habits> habits_;
  std::vector<double> unused_;  // nats for a word of the cast's that this character never uses
  std::unordered_map<std::uint64_t, std::vector<Weight>> gains_;
};

}  // namespace quality
