#include "llm/wording.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <utility>

#include "base/utf8.h"
#include "lexical/analyser.h"

namespace llm {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

// Spelled-out numbers.
constexpr std::array kNumbers{
    Pair{"zero", "0"},      Pair{"one", "1"},        Pair{"two", "2"},       Pair{"three", "3"},
    Pair{"four", "4"},      Pair{"five", "5"},       Pair{"six", "6"},       Pair{"seven", "7"},
    Pair{"eight", "8"},     Pair{"nine", "9"},       Pair{"ten", "10"},      Pair{"eleven", "11"},
    Pair{"twelve", "12"},   Pair{"thirteen", "13"},  Pair{"fourteen", "14"}, Pair{"fifteen", "15"},
    Pair{"sixteen", "16"},  Pair{"seventeen", "17"}, Pair{"eighteen", "18"}, Pair{"nineteen", "19"},
    Pair{"twenty", "20"},   Pair{"thirty", "30"},    Pair{"forty", "40"},    Pair{"fifty", "50"},
    Pair{"sixty", "60"},    Pair{"seventy", "70"},   Pair{"eighty", "80"},   Pair{"ninety", "90"},
    Pair{"hundred", "100"}, Pair{"first", "1st"},    Pair{"second", "2nd"},  Pair{"third", "3rd"},
    Pair{"fourth", "4th"},  Pair{"fifth", "5th"},    Pair{"sixth", "6th"},   Pair{"seventh", "7th"},
    Pair{"eighth", "8th"},  Pair{"ninth", "9th"},    Pair{"tenth", "10th"},
};

// Units, by their singular. "c" and "f" are units only behind a degree sign.
constexpr std::array kUnits{
    Pair{"kilometre", "km"},  Pair{"kilometer", "km"}, Pair{"km", "km"},
    Pair{"metre", "m"},       Pair{"meter", "m"},      Pair{"centimetre", "cm"},
    Pair{"centimeter", "cm"}, Pair{"cm", "cm"},        Pair{"mm", "mm"},
    Pair{"millimetre", "mm"}, Pair{"mile", "mi"},      Pair{"inch", "in"},
    Pair{"inche", "in"},      Pair{"foot", "ft"},      Pair{"feet", "ft"},
    Pair{"ft", "ft"},         Pair{"yard", "yd"},      Pair{"kilogram", "kg"},
    Pair{"kilo", "kg"},       Pair{"kg", "kg"},        Pair{"gram", "g"},
    Pair{"milligram", "mg"},  Pair{"mg", "mg"},        Pair{"pound", "lb"},
    Pair{"lb", "lb"},         Pair{"ounce", "oz"},     Pair{"oz", "oz"},
    Pair{"litre", "l"},       Pair{"liter", "l"},      Pair{"millilitre", "ml"},
    Pair{"ml", "ml"},         Pair{"gallon", "gal"},   Pair{"cup", "cup"},
    Pair{"teaspoon", "tsp"},  Pair{"tsp", "tsp"},      Pair{"tablespoon", "tbsp"},
    Pair{"tbsp", "tbsp"},     Pair{"celsiu", "C"},     Pair{"celsius", "C"},
    Pair{"centigrade", "C"},  Pair{"fahrenheit", "F"}, Pair{"kelvin", "K"},
    Pair{"percent", "%"},     Pair{"euro", "eur"},     Pair{"eur", "eur"},
    Pair{"dollar", "usd"},    Pair{"usd", "usd"},      Pair{"minute", "min"},
    Pair{"min", "min"},       Pair{"hour", "h"},       Pair{"hr", "h"},
    Pair{"sec", "s"},         Pair{"day", "d"},        Pair{"week", "wk"},
    Pair{"month", "mo"},      Pair{"year", "yr"},      Pair{"degree", "deg"},
};

// Signs that are units.
constexpr std::array kSigns{Pair{"\u00b0C", "C"},  Pair{"\u00b0c", "C"},  Pair{"\u00b0F", "F"},
                            Pair{"\u00b0f", "F"},  Pair{"\u00b0 C", "C"}, Pair{"\u00b0 F", "F"},
                            Pair{"\u00b0", "deg"}, Pair{"%", "%"},        Pair{"\u20ac", "eur"},
                            Pair{"$", "usd"},      Pair{"\u00a3", "gbp"}};

// Words that stand for one another wherever they stand, by their singular.
constexpr std::array kSame{
    Pair{"highest", "tallest"},
    Pair{"peak", "mountain"},
    Pair{"movie", "film"},
    Pair{"picture", "photo"},
    Pair{"bike", "bicycle"},
    Pair{"tire", "tyre"},
    Pair{"mum", "mother"},
    Pair{"mom", "mother"},
    Pair{"dad", "father"},
    Pair{"kid", "child"},
    Pair{"children", "child"},
    Pair{"js", "javascript"},
    Pair{"antonym", "opposite"},
    Pair{"benefit", "advantage"},
    Pair{"pro", "advantage"},
    Pair{"con", "drawback"},
    Pair{"disadvantage", "drawback"},
    Pair{"big", "large"},
    Pair{"biggest", "largest"},
    Pair{"fast", "quick"},
    Pair{"begin", "start"},
    Pair{"buy", "purchase"},
    Pair{"suggest", "recommend"},
    Pair{"summarise", "summarize"},
    Pair{"summary", "summarize"},
    Pair{"color", "colour"},
    Pair{"define", "meaning"},
    Pair{"definition", "meaning"},
    Pair{"mean", "meaning"},
    Pair{"lasagna", "lasagne"},
    Pair{"usa", "US"},
    Pair{"writer", "author"},
    Pair{"temp", "temperature"},
    Pair{"whom", "who"},
    Pair{"his", "he"},
    Pair{"him", "he"},
    Pair{"her", "she"},
    Pair{"hers", "she"},
    Pair{"them", "they"},
    Pair{"their", "they"},
    Pair{"mine", "my"},
    Pair{"me", "i"},
    Pair{"were", "was"},
    Pair{"did", "was"},
    Pair{"whos", "who"},
    Pair{"illegal", "unlawful"},
};

// What stands on either side of its thing without a change of meaning.
constexpr std::string_view kAttributes =
    " meaning population capital height length depth age author price synonym opposite formula "
    "recipe plural abbreviation currency distance definition spelling number how when where why "
    "who was synopsis lifespan area translate ";

// Ways to ask, by what they mean; the longest match counts. Applied to lower-case words.
constexpr std::array kPhrases{
    Pair{"how do you say", "translate"},
    Pair{"how do you spell", "spell"},
    Pair{"in which year", "when"},
    Pair{"in what year", "when"},
    Pair{"what year", "when"},
    Pair{"how many people live in", "population"},
    Pair{"how do i", "how"},
    Pair{"how do you", "how"},
    Pair{"how can i", "how"},
    Pair{"how to", "how"},
    Pair{"how should i", "how"},
    Pair{"what is the way to", "how"},
    Pair{"can you tell me", ""},
    Pair{"could you tell me", ""},
    Pair{"do you know", ""},
    Pair{"can you", ""},
    Pair{"could you", ""},
    Pair{"would you", ""},
    Pair{"i would like", ""},
    Pair{"id like", ""},
    Pair{"i need", ""},
    Pair{"i want", ""},
    Pair{"tell me", ""},
    Pair{"give me", ""},
    Pair{"show me", ""},
    Pair{"write me", "write"},
    Pair{"list the", ""},
    Pair{"name the", ""},
    Pair{"is it true that", ""},
    Pair{"is it ok to", ""},
    Pair{"is it fine to", ""},
    Pair{"is it safe to", "safe"},
    Pair{"can i", ""},
    Pair{"can i use", ""},
    Pair{"number of", "how many"},
    Pair{"reason for", "why"},
    Pair{"the reason for", "why"},
    Pair{"what causes", "why"},
    Pair{"how come", "why"},
    Pair{"who wrote", "author"},
    Pair{"what time", "time"},
    Pair{"another word that means", "synonym"},
};

// Words that carry nothing between the others. What turns a meaning round is not among them: from,
// than, before, after, without, against, off, out, only, all, more.
constexpr std::string_view kFillers =
    " a an the is are am be of in into at for on with do does there that this it its please pls "
    "what which whats and have has so just some any hi hey hello thanks kindly exactly actually "
    "really ok s can could would will way tip tips named called whether good kind about "
    "theme topic subject ";
// An order may be left out, but one is not another: "explain" is not "calculate".
constexpr std::string_view kOrders =
    " list name tell explain describe show calculate compute find give get write say help convert "
    "recommend draft ";
constexpr std::string_view kArticles = " a an the please pls ";

// In their company a change of order is a change of meaning.
constexpr std::string_view kDirections =
    " from to than before after if when into by versus vs over under between owe beat divid "
    "minus ";

constexpr std::string_view kNegations =
    " no not never none nobody nothing neither nor without dont doesnt didnt isnt arent wasnt "
    "werent cant cannot couldnt wont wouldnt shouldnt havent hasnt hadnt aint ";

struct Language {
  std::string_view name;
  std::string_view words;
};
constexpr std::array kLanguages{
    Language{"en", " the is are of and to what how in a do does can i you for with who why my it "},
    Language{"de",
             " der die das ist und ich wie was ein eine nicht zu mit auf wer warum mein den "},
    Language{"fr", " le la les est et je comment quel quelle un une des du pour avec qui mon que "},
    Language{"es", " el los las es y yo como cual un una del para con quien por mi que cuantos "},
    Language{"it", " il lo gli e che come quale un una di per con chi mio sono quanti della "},
    Language{"nl", " de het een is en ik hoe wat niet van met voor wie waarom mijn zijn "},
};

bool among(std::string_view family, std::string_view word) {
  for (std::size_t at = family.find(word); at != std::string_view::npos;
       at = family.find(word, at + 1)) {
    if (at > 0 && family[at - 1] == ' ' && family[at + word.size()] == ' ') return true;
  }
  return false;
}

std::string_view mapped(std::span<const Pair> table, std::string_view word) {
  const auto row = std::find_if(table.begin(), table.end(),
                                [&](const Pair& pair) { return pair.first == word; });
  return row == table.end() ? std::string_view() : row->second;
}

bool digit(char c) { return c >= '0' && c <= '9'; }

// Without the s of a plural. Only what surely is one: stems would make one of "police" and
// "policy".
std::string singular(std::string word) {
  const auto ends = [&](std::string_view tail) { return word.ends_with(tail); };
  if (word.size() < 4 || !ends("s") || ends("ss") || ends("us") || ends("is")) return word;
  if (ends("ies") && word.size() > 4) return word.substr(0, word.size() - 3) + "y";
  if (ends("xes") || ends("ches") || ends("shes")) return word.substr(0, word.size() - 2);
  word.pop_back();
  return word;
}

// Without the ending of a verb and its final e: "making", "make" -> "mak", "purring" -> "pur".
std::string bare(std::string word) {
  if (word.size() >= 6 && word.ends_with("ing")) word.resize(word.size() - 3);
  if (word.size() >= 6 && word.ends_with("ed")) word.resize(word.size() - 2);
  if (word.size() >= 4 && word.ends_with("e")) word.pop_back();
  if (word.size() >= 4 && word[word.size() - 1] == word[word.size() - 2]) word.pop_back();
  return word;
}

// A word, number or unit where it stands.
struct Token {
  enum class Kind { Word, Number, Unit };
  Kind kind = Kind::Word;
  std::string text;
};

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Wording run() {
    while (at_ < text_.size()) {
      if (!quote() && !number() && !sign() && !symbol() && !word()) ++at_;
    }
    wording_.language = language();
    join_phrases();
    keep();
    return std::move(wording_);
  }

 private:
  // "...", `...` and their typographic kin. Its words count as words too.
  bool quote() {
    constexpr std::array kMarks{Pair{"```", "```"},
                                Pair{"`", "`"},
                                Pair{"\"", "\""},
                                Pair{"\xE2\x80\x9C", "\xE2\x80\x9D"},
                                Pair{"\xE2\x80\x9E", "\xE2\x80\x9C"},
                                Pair{"\xC2\xAB", "\xC2\xBB"}};
    if (at_ < quoted_until_) return false;
    for (const auto& [open, close] : kMarks) {
      if (!text_.substr(at_).starts_with(open)) continue;
      const std::size_t from = at_ + open.size();
      const std::size_t end = text_.find(close, from);
      if (end == std::string_view::npos) continue;
      wording_.quotes.emplace_back(text_.substr(from, end - from));
      quoted_until_ = end + close.size();
      at_ = from;
      return true;
    }
    return false;
  }

  // Digits with what belongs to them: "1.5", "2,000", "0x1f", "3rd". A unit may follow: "3kg".
  bool number() {
    if (!digit(text_[at_])) return false;
    const bool hex = text_.substr(at_).starts_with("0x") || text_.substr(at_).starts_with("0X");
    std::string found;
    if (at_ > 0 && text_[at_ - 1] == '-' && (at_ == 1 || text_[at_ - 2] == ' ')) found = "-";
    if (at_ > 0 && text_[at_ - 1] == '.' && (at_ == 1 || text_[at_ - 2] == ' ')) found = "0.";
    const auto belongs = [&](std::size_t i) {
      const char c = text_[i];
      if (digit(c) || (hex && among(" a b c d e f x A B C D E F X ", std::string_view(&c, 1)))) {
        return true;
      }
      return (c == '.' || c == ',') && i + 1 < text_.size() && digit(text_[i + 1]);
    };
    for (; at_ < text_.size() && belongs(at_); ++at_) {
      if (text_[at_] != ',') found += text_[at_];
    }
    for (const std::string_view tail : {"st", "nd", "rd", "th"}) {
      if (text_.substr(at_).starts_with(tail)) {
        found += tail;
        at_ += tail.size();
        break;
      }
    }
    add(Token::Kind::Number, ascii_lower(found));
    return true;
  }

  bool sign() {
    for (const auto& [text, unit] : kSigns) {
      if (!text_.substr(at_).starts_with(text)) continue;
      add(Token::Kind::Unit, std::string(unit));
      at_ += text.size();
      return true;
    }
    return false;
  }

  bool symbol() {
    const char c = text_[at_];
    const char last = at_ > 0 ? text_[at_ - 1] : ' ';
    const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : ' ';
    // A shout and a hyphen are no operators, but "!=", "5!" and "-5" are.
    const bool shout = c == '!' && next != '=' && !digit(last);
    const bool hyphen = c == '-' && !digit(next) && !(last == ' ' && next == ' ');
    if (shout || hyphen) return false;
    if (std::string_view("+-*/=<>()[]{}^|&\\~_@#!").find(c) == std::string_view::npos) return false;
    wording_.symbols += c;
    ++at_;
    return true;
  }

  bool word() {
    const auto part = [&](std::size_t i) {
      const char c = text_[i];
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80) != 0 ||
             (i > at_ && (digit(c) || c == '\''));
    };
    std::size_t end = at_;
    while (end < text_.size() && part(end)) ++end;
    if (end == at_) return false;
    const std::string_view raw = text_.substr(at_, end - at_);
    at_ = end;
    keep_signs(raw);
    const bool shouted =
        raw.size() >= 2 && raw.size() <= 5 &&
        std::all_of(raw.begin(), raw.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    for (lexical::Word& found : lexical::words(raw)) {
      // US is a country and WHO an organisation, where "us" and "who" are neither.
      const bool name =
          shouted && (among(kFillers, found.text) || found.text == "us" || found.text == "who");
      add(Token::Kind::Word, name ? std::string(raw) : std::move(found.text));
    }
    return true;
  }

  // What is beyond ASCII and no letter, such as a root, an exponent or a smile, is a symbol too.
  // Dashes and typographic quotation marks (U+2010 to U+201F) are not.
  void keep_signs(std::string_view raw) {
    for (std::size_t at = 0; at < raw.size();) {
      std::size_t end = at + 1;
      while (end < raw.size() && (raw[end] & 0xC0) == 0x80) ++end;
      const std::string_view point = raw.substr(at, end - at);
      const bool mark = point.size() == 3 && point >= "\u2010" && point <= "\u201f";
      if ((point[0] & 0x80) != 0 && !mark && lexical::words(point).empty()) {
        wording_.symbols += point;
      }
      at = end;
    }
  }

  void add(Token::Kind kind, std::string text) { tokens_.push_back({kind, std::move(text)}); }

  std::string language() const {
    std::array<int, kLanguages.size()> counts{};
    for (const Token& token : tokens_) {
      for (std::size_t i = 0; i < kLanguages.size(); ++i) {
        counts[i] += among(kLanguages[i].words, token.text) ? 1 : 0;
      }
    }
    const auto most = std::max_element(counts.begin(), counts.end());
    if (*most < 2 || std::count(counts.begin(), counts.end(), *most) > 1) return {};
    return std::string(kLanguages[static_cast<std::size_t>(most - counts.begin())].name);
  }

  // How many tokens from `at` spell the phrase, 0 when they do not.
  std::size_t phrase_at(std::size_t at, std::string_view phrase) const {
    std::size_t count = 0;
    while (!phrase.empty()) {
      const std::size_t end = std::min(phrase.find(' '), phrase.size());
      if (at + count >= tokens_.size() || tokens_[at + count].text != phrase.substr(0, end)) {
        return 0;
      }
      phrase.remove_prefix(std::min(end + 1, phrase.size()));
      ++count;
    }
    return count;
  }

  void join_phrases() {
    std::vector<Token> joined;
    for (std::size_t at = 0; at < tokens_.size();) {
      std::size_t longest = 0;
      std::string_view meaning;
      for (const auto& [phrase, means] : kPhrases) {
        const std::size_t count = phrase_at(at, phrase);
        if (count > longest) {
          longest = count;
          meaning = means;
        }
      }
      if (longest == 0) {
        joined.push_back(std::move(tokens_[at]));
      } else if (!meaning.empty()) {
        joined.push_back({Token::Kind::Word, std::string(meaning)});
      }
      at += std::max<std::size_t>(longest, 1);
    }
    tokens_ = std::move(joined);
  }

  // The tokens' meanings into the lists that must agree.
  void keep() {
    std::vector<std::string> attributes;
    std::vector<std::string> others;
    for (std::size_t at = 0; at < tokens_.size(); ++at) {
      Token& token = tokens_[at];
      if (token.kind == Token::Kind::Word) classify(token, at);
      if (token.text.empty()) continue;
      if (token.kind == Token::Kind::Word && !among(kAttributes, token.text)) {
        token.text = bare(std::move(token.text));
      }
      if (among(kDirections, token.text)) wording_.directed = true;
      if (token.kind == Token::Kind::Number) wording_.numbers.push_back(token.text);
      if (token.kind == Token::Kind::Unit) wording_.units.push_back(token.text);
      auto& into = among(kAttributes, token.text) ? attributes : others;
      into.push_back(std::move(token.text));
    }
    wording_.words = std::move(attributes);
    wording_.words.insert(wording_.words.end(), std::make_move_iterator(others.begin()),
                          std::make_move_iterator(others.end()));
  }

  bool unit_at(std::size_t at) const {
    return at < tokens_.size() && (tokens_[at].kind == Token::Kind::Unit ||
                                   !mapped(kUnits, singular(tokens_[at].text)).empty());
  }

  void classify(Token& token, std::size_t at) {
    if (among(kNegations, token.text)) ++wording_.negations;
    const bool after_number = at > 0 && tokens_[at - 1].kind == Token::Kind::Number;
    if (const auto number = mapped(kNumbers, token.text); !number.empty()) {
      token = {Token::Kind::Number, std::string(number)};
    } else if (among(kOrders, token.text)) {
      if (wording_.order.empty()) wording_.order = std::move(token.text);
      token.text.clear();
    } else if (among(kFillers, token.text) || (token.text == "to" && unit_at(at + 1))) {
      // "10 miles to km" is "10 miles in km".
      if (!among(kArticles, token.text)) wording_.frame += token.text + ' ';
      token.text.clear();
    } else if (after_number && among(" m g l h s c f k ", token.text)) {
      const bool degrees = among(" c f k ", token.text);
      const char c = token.text.front();
      token = {Token::Kind::Unit, std::string(1, degrees ? static_cast<char>(c - 32) : c)};
    } else {
      token.text = singular(std::move(token.text));
      if (const auto unit = mapped(kUnits, token.text); !unit.empty()) {
        token = {Token::Kind::Unit, std::string(unit)};
      } else if (const auto same = mapped(kSame, token.text); !same.empty()) {
        token.text = same;
      }
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t quoted_until_ = 0;
  std::vector<Token> tokens_;
  Wording wording_;
};

std::vector<std::string> sorted(std::vector<std::string> words) {
  std::sort(words.begin(), words.end());
  return words;
}

}  // namespace

Wording wording_of(std::string_view text) { return Reader(text).run(); }

Disagreement disagreement(const Wording& a, const Wording& b, WordRule rule) {
  if (!a.language.empty() && !b.language.empty() && a.language != b.language) {
    return Disagreement::Language;
  }
  if (a.numbers != b.numbers) return Disagreement::Numbers;
  // "10 miles to km": which unit has the number is told by the order.
  const bool any_order = a.numbers.empty() && !a.directed && !b.directed;
  if (any_order ? sorted(a.units) != sorted(b.units) : a.units != b.units) {
    return Disagreement::Units;
  }
  // What only one of them quotes, the other may say without the marks: the words decide.
  if (a.quotes != b.quotes && !a.quotes.empty() && !b.quotes.empty()) return Disagreement::Quotes;
  if (a.symbols != b.symbols) return Disagreement::Symbols;
  if (a.negations != b.negations) return Disagreement::Negation;
  if (a.order != b.order && !a.order.empty() && !b.order.empty()) return Disagreement::Words;
  // Without any word that says something ("what is this?") no two texts are known to be the same.
  if (a.words.empty() || b.words.empty()) return Disagreement::Words;
  if (a.words == b.words) return Disagreement::None;
  const auto of_a = sorted(a.words);
  const auto of_b = sorted(b.words);
  if (of_a != of_b) {
    std::vector<std::string> common;
    std::set_intersection(of_a.begin(), of_a.end(), of_b.begin(), of_b.end(),
                          std::back_inserter(common));
    const bool restated = 2 * common.size() < std::min(of_a.size(), of_b.size());
    const bool allowed = rule == WordRule::MayDiffer && restated;
    return allowed ? Disagreement::None : Disagreement::Words;
  }
  // "Are all squares rectangles?" has the words of its converse in the same frame; who asks in
  // another way chooses another frame ("a violin has how many strings?").
  const bool may_move = a.frame != b.frame && !a.directed && !b.directed;
  return may_move ? Disagreement::None : Disagreement::Words;
}

}  // namespace llm
