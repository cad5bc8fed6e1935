#pragma once

#include <string>
#include <string_view>
#include <vector>

// What must agree in two questions before one may have the other's answer. An embedding puts
// "10 miles to km" beside "10 km to miles" and "boiling point of ethanol" beside "methanol"; these
// are told apart here, word by word. A miss costs a call to a model, a false hit is a wrong answer:
// in doubt they disagree. Pure; thread-safe.
namespace llm {

struct Wording {
  std::string language;              // of the function words: "en", ...; empty: cannot be told
  std::vector<std::string> numbers;  // in order, words as digits: "15", "1.5", "0x1f", "3rd"
  std::vector<std::string> units;    // in order, in their shortest form: "km", "%", "eur"
  std::vector<std::string> quotes;   // what stands in quotation marks or backticks, as it is
  std::string symbols;               // + - * / = < >, brackets and signs beyond ASCII, in order
  int negations = 0;
  // All words but those that only ask, with numbers, names and units, in order, without their
  // endings; what may stand on either side of its thing ("the height of X", "X height") comes
  // first.
  std::vector<std::string> words;
  std::string order;      // what is to be done, where that goes without saying: explain, list, find
  std::string frame;      // the words that only ask, in order, without articles
  bool directed = false;  // has a word that makes the order count: from, than, before, if
};

Wording wording_of(std::string_view text);

// What two wordings first disagree in.
enum class Disagreement { None, Language, Numbers, Units, Quotes, Symbols, Negation, Words };

// Agree: the words must be the same. MayDiffer: they may also differ in more than half, where only
// a model's embedding can tell; few words exchanged in an equal text are a contrast and still
// refused.
enum class WordRule { Agree, MayDiffer };

Disagreement disagreement(const Wording& a, const Wording& b, WordRule rule = WordRule::Agree);

}  // namespace llm
