#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "llm/understudy_answer.h"

// Answers to questions whose words no sentence repeats: "how sweet do you like your morning cup?"
// meets "puts 5 sugars in his coffee". Every word of the question is a clue, worth the more the
// fewer sentences come near it; each is met by the nearest word of a sentence (soft alignment).
// Words are near by meaning and by everyday topic. A sentence that tells the kind of thing asked
// for (money, a name, a time) gains. What a sentence means as a whole counts beside its words.
// Pure; thread-safe.
namespace llm::understudy {

// What makes evidence, fitted to the tuning questions of bench/data.
struct Weights {
  double kind = 0.8;         // "martini" for "drink"
  double topic = 0.76;       // a shared topic
  double faint = 0.078;      // nearness below this is chance
  double flat = 0.91;        // two words that are not rare tell more than one that is
  double again = 0.4;        // a word that met another clue already
  double found = 0.203;      // evidence in all, beside the share that is met
  double length = 0.0114;    // a word of the sentence
  double wish = 0.592;       // to tell what is asked for
  double unfit = 0.462;      // to be unable to tell it
  double favourite = 0.071;  // the favourite, where the best is asked for
  double focus = 0.0307;     // the thing behind "which" is not met
  double name = 0.00902;     // somebody named in the question is not met
  double self = 0.0228;      // a sentence about him, where he is asked about himself
  double full = 0.137;       // every word that matters is met
  double meaning = 2.8;      // how near the sentence as a whole is, where an encoder tells
};

// How a sentence answers.
struct Finding {
  std::size_t fact = 0;
  double score = 0;
  double cover = 0;     // the share of the question that is met
  double wish = 0.592;  // for telling what is asked for
  bool full = false;
  bool stranger = false;  // somebody named in the question does not stand in it
};

// The best that is known about a question, and how sure that is: nothing is near; something is, and
// may be said as no more than that; an answer is, of which the second may be a part; an answer.
enum class Confidence { None, Half, Likely, Sure };
struct Evidence {
  Confidence confidence = Confidence::None;
  std::vector<Match> matches;  // best first, at most four
  double margin = 0;           // of the best over the second
};

// A question held against the known sentences.
class Search {
 public:
  // `full` meet every word that matters, which counts for them; `near` says how near each fact is
  // to the line as a whole (Meanings::nearness), empty where nobody knows. All must outlive the
  // search.
  Search(const Scene& scene, const std::vector<Fact>& facts, std::string_view line,
         const std::vector<Match>& full, std::vector<float> near = {});
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
