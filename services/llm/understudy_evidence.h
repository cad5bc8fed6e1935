#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "lexical/relatedness.h"
#include "llm/understudy_answer.h"

// Answers to questions whose words no sentence repeats: "how sweet do you like your morning cup?"
// meets "puts 5 sugars in his coffee". Every word of the question is a clue, worth the more the
// fewer sentences come near it; each is met by the nearest word of a sentence (soft alignment).
// Words are near by meaning, by everyday topic, and by the database of words where there is one. A
// sentence that tells the kind of thing asked for (money, a name, a time) gains. Pure; thread-safe.
namespace llm::understudy {

// What makes evidence, found by bench/understudy on the tuning questions.
struct Weights {
  double kind = 0.8;        // "martini" for "drink"
  double topic = 0.45;      // a shared topic
  double synsets = 0.85;    // a way between two words in the database
  double gloss = 1.0;       // explanations that share words
  double faint = 0.06;      // nearness below this is chance
  double prior = 0.5;       // how much the rarity of a word in English counts
  double flat = 0.7;        // two words that are not rare tell more than one that is
  double again = 0.4;       // a word that met another clue already
  double found = 0.12;      // evidence in all, beside the share that is met
  double length = 0.004;    // a word of the sentence
  double wish = 1.0;        // to tell what is asked for
  double unfit = 0.6;       // to be unable to tell it
  double favourite = 0.12;  // the favourite, where the best is asked for
  double focus = 0.25;      // the thing behind "which" is not met
  double name = 0.6;        // somebody named in the question is not met
  double self = 0.05;       // a sentence about him, where he is asked about himself
  double full = 0.3;        // every word that matters is met
};

// How a sentence answers.
struct Finding {
  std::size_t fact = 0;
  double score = 0;
  double cover = 0;  // the share of the question that is met
  double wish = 0;   // for telling what is asked for
  bool full = false;
};

// The best that is known about a question, and how sure that is.
enum class Confidence { None, Half, Sure };
struct Evidence {
  Confidence confidence = Confidence::None;
  std::vector<Match> matches;  // best first, at most four
};

// A question held against the known sentences.
class Search {
 public:
  // `full` meet every word that matters, which counts for them. Without `words` the meanings and
  // topics must do. All must outlive the search.
  Search(const Scene& scene, const std::vector<Fact>& facts, std::string_view line,
         const std::vector<Match>& full, const lexical::Relatedness* words);
  ~Search();

  // All sentences, best first.
  std::vector<Finding> findings(const Weights& weights = {}) const;
  Evidence evidence(const Weights& weights = {}) const;

 private:
  struct State;
  std::unique_ptr<const State> state_;
};

// Takes out of `matches` what cannot be the kind of answer that `line` asks for.
void keep_fitting(const std::vector<Fact>& facts, std::string_view line,
                  std::vector<Match>& matches);

}  // namespace llm::understudy
