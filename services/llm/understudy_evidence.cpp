#include "llm/understudy_evidence.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/utf8.h"
#include "lexical/sentences.h"
#include "llm/understudy_kinds.h"
#include "llm/understudy_words.h"

namespace llm::understudy {
namespace {

constexpr std::size_t kLineBytesMax = 1024;
constexpr std::size_t kCluesMax = 24;
constexpr std::size_t kMatchesMax = 4;

// Two logistic regressions on what the best sentence is like: whether it answers, and whether it or
// the second does. Fitted to the tuning questions, with and without an answer; on the half that was
// left out they part the two with an area under the curve of .83, the score alone with .73.
struct Gate {
  double constant, score, cover, margin, told, unfit;
  double at;  // log odds from which it opens
};
constexpr Gate kSure{-3.12, 2.12, -1.97, 4.0, 1.18, -3.13, 0.1};
constexpr Gate kHalf{-1.95, 3.07, -2.77, 1.58, 0.86, -3.01, -1.39};

// The same where the meaning of whole sentences is known: whether the best answers, and whether one
// of the three best does. Fitted to both sets of tuning questions; in five parts, each left out
// once, area under the curve .84.
struct MeaningGate {
  double constant, score, margin, told, unfit;
};
constexpr MeaningGate kBest{-1.95, 0.80, 1.56, 1.39, -2.33};
constexpr MeaningGate kOfThree{-0.75, 0.75, 0.30, 1.52, -2.47};
constexpr double kSureAt = 1.73;   // log odds of .85
constexpr double kLikelyAt = 0.7;  // of two thirds
constexpr double kHalfAt = -1.73;  // of .15
constexpr double kMeaningMarginMax = 0.6;
constexpr std::size_t kOffered = 3;
constexpr double kCoverMin = 0.15;  // of the question, for anything to be near it
constexpr double kMarginMax = 0.5;
constexpr double kMarginAlone = 0.2;  // of a sentence that is the only one
constexpr double kTold = 0.1;         // more than to name anybody or any place
constexpr double kUnfit = -0.1;       // a wish that is denied, not only open

constexpr double kSoftWeight = 0.4;   // of a generic word
constexpr double kAsideWeight = 0.5;  // of a word beside the sentence that asks
constexpr double kIntroduced = 0.6;   // "the dog" for a Brian whom the prompt calls one

bool related(std::uint64_t a, std::uint64_t b) {
  const auto& of_a = topics_of(a);
  const auto& of_b = topics_of(b);
  return std::find_first_of(of_a.begin(), of_a.end(), of_b.begin(), of_b.end()) != of_a.end();
}

// Whether it names somebody or something that the question does not.
bool names_new(const Fact& fact, const std::vector<std::uint64_t>& asked) {
  return std::any_of(fact.named.begin(), fact.named.end(), [&](std::uint64_t name) {
    return std::find(asked.begin(), asked.end(), name) == asked.end();
  });
}

// "... full name is ...", "... has named it ...": its own noun stands elsewhere.
bool speaks_of_name(const Fact& fact) {
  return fact.text.find(" name is ") != std::string_view::npos ||
         fact.text.find(" named it ") != std::string_view::npos ||
         fact.text.find(" called it ") != std::string_view::npos;
}

// Whether the name that it tells is that of a thing asked for, or of himself.
bool names_one_of(const Fact& fact, const std::vector<std::uint64_t>& asked) {
  if (speaks_of_name(fact)) return true;
  return std::any_of(fact.named_things.begin(), fact.named_things.end(), [&](std::uint64_t thing) {
    return std::any_of(asked.begin(), asked.end(), [&](std::uint64_t question) {
      return question == thing || related(question, thing);
    });
  });
}

bool speaks_of(const Fact& fact, std::uint64_t thing) {
  return std::any_of(fact.said.begin(), fact.said.end(), [&](const auto& said) {
    return said.second == 1.0 && (said.first == thing || related(said.first, thing));
  });
}

bool tells(const Fact& fact, const Wish& wish, const std::vector<std::uint64_t>& asked) {
  if ((fact.kinds & wish.kinds) == 0) return false;
  const bool name = (wish.kinds & (kTellsName | kTellsFullName)) != 0;
  if (name && !names_new(fact, asked)) return false;
  const bool somebody = (fact.kinds & kTellsPeople) != 0 || names_new(fact, asked);
  if (wish.kinds == kTellsWho && !somebody) return false;
  if (name && !names_one_of(fact, asked)) return false;
  return wish.measured == 0 || speaks_of(fact, wish.measured);
}

constexpr std::string_view kAskingWords =
    "what whats which who whos whom whose where wheres when whens why whys how hows age";

// The clauses of a line: its sentences, cut at commas.
std::vector<std::string_view> clauses(std::string_view line) {
  std::vector<std::string_view> parts;
  for (std::string_view sentence : lexical::sentences(line)) {
    for (std::size_t comma = sentence.find(", "); comma != std::string_view::npos;
         comma = sentence.find(", ")) {
      parts.push_back(sentence.substr(0, comma));
      sentence.remove_prefix(comma + 2);
    }
    parts.push_back(sentence);
  }
  return parts;
}

// The part of a line that asks: the last with an asking word, else the last with a question mark.
std::size_t asking_part(const std::vector<std::string_view>& parts) {
  for (std::size_t i = parts.size(); i > 0; --i) {
    const std::vector<Token> tokens = read_words(parts[i - 1]);
    const bool asks = std::any_of(tokens.begin(), tokens.end(), [](const Token& token) {
      return listed(kAskingWords, token.text);
    });
    if (asks && tokens.size() > 1) return i - 1;
  }
  for (std::size_t i = parts.size(); i > 0; --i) {
    if (parts[i - 1].ends_with('?')) return i - 1;
  }
  return parts.empty() ? 0 : parts.size() - 1;
}

// How near a clue and a known word are, in each way.
struct Pair {
  float same = 0;
  float kind = 0;
  float topic = 0;
};

// A word of the question.
struct Clue {
  std::uint64_t meaning = 0;
  std::string text;
  double weight = 1;
  bool focus = false;       // of the noun behind "which" or "what"
  bool name = false;        // of somebody or something known: no other will do
  std::vector<Pair> pairs;  // with each known word
};

bool own_name(const Scene& scene, std::string_view word) {
  return !scene.name.empty() && same(word, scene.name.substr(0, scene.name.find(' ')));
}

// What a line asks: its clues, and the kind of answer that it wishes.
struct Asked {
  Wish wish;
  std::size_t words = 0;
  bool favourite = false;
  bool best = false;  // asks for what he likes best
  bool self = false;  // asks about him
  std::vector<Clue> clues;
  std::vector<std::uint64_t> meanings;
};

class QuestionReader {
 public:
  QuestionReader(const Scene& scene, std::string_view line) : scene_(scene) {
    const std::vector<std::string_view> parts = clauses(line);
    const std::size_t asking = asking_part(parts);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::vector<Token> tokens = read_words(parts[i]);
      if (i == asking) asked_.wish = wish_of(tokens);
      asked_.words += tokens.size();
      for (const Token& token : tokens) {
        asked_.best = asked_.best ||
                      listed("most best favourite favorite prefer first love like", token.text);
        asked_.self = asked_.self || listed("you your yours youre u ur", token.text) ||
                      own_name(scene_, token.text);
      }
      read_clues(tokens, i == asking ? 1.0 : kAsideWeight);
    }
  }

  Asked take() { return std::move(asked_); }

 private:
  // "Which days ...?": what is asked for is no clue to where it stands.
  bool wished(const Token& token) const {
    const unsigned kinds = asked_.wish.kinds;
    if (kinds == 0) return false;
    if (token.text == "time") return (kinds & kTellsClock) != 0;
    if ((kinds & kTellsMoney) != 0 && listed("cost costs pay paid earn earns much", token.text)) {
      return true;
    }
    return listed("day days month year years yrs colour color number price weekday date",
                  token.text);
  }

  void read_clues(const std::vector<Token>& tokens, double weight) {
    bool focus = false;
    for (std::size_t i = 0; i < tokens.size() && asked_.clues.size() < kCluesMax; ++i) {
      const Token& token = tokens[i];
      const bool opens = listed("what whats which", token.text) && i + 1 < tokens.size();
      if (opens) focus = !tokens[i + 1].stop || listed("the your", tokens[i + 1].text);
      if (token.stop) focus = focus && (opens || listed("the your is", token.text));
      if (token.text.ends_with("ly")) focus = false;
      if (token.stop || own_name(scene_, token.text) || token.text == "you" || wished(token)) {
        continue;
      }
      const bool known =
          std::any_of(asked_.clues.begin(), asked_.clues.end(),
                      [&](const Clue& clue) { return clue.meaning == token.meaning; });
      if (known) continue;
      Clue clue;
      clue.meaning = token.meaning;
      clue.text = token.text;
      const bool generic = token.soft || (token.sorts & kNumber) != 0 ||
                           listed("first last next second", token.text);
      clue.weight = weight * (generic ? kSoftWeight : 1.0);
      // "When did you visit Paris?": Paris itself, or nothing.
      clue.name = token.capital && i > 0;
      asked_.favourite = asked_.favourite || listed("favourite favorite fave", token.text);
      clue.focus = focus && !token.soft && asked_.wish.kinds == 0;
      asked_.meanings.push_back(token.meaning);
      asked_.clues.push_back(std::move(clue));
    }
  }

  const Scene& scene_;
  Asked asked_;
};

// A sentence that names Brian also speaks of the dog that the prompt says he is.
void introduce(Fact& fact,
               const std::vector<std::pair<std::uint64_t, std::vector<Token>>>& others) {
  const std::size_t own = fact.own_said;
  for (const auto& [name, about] : others) {
    const bool named =
        std::any_of(fact.said.begin(), fact.said.begin() + static_cast<std::ptrdiff_t>(own),
                    [name = name](const auto& said) { return said.first == name; });
    for (const Token& token : about) {
      const bool kind = (token.sorts & kPerson) != 0 || listed("man baby fat big", token.text);
      if (named && kind) fact.said.emplace_back(token.meaning, kIntroduced);
    }
  }
}

double nearness(const Pair& pair, const Weights& weights) {
  if (pair.same > 0) return 1;
  const double near = std::max(weights.kind * static_cast<double>(pair.kind),
                               weights.topic * static_cast<double>(pair.topic));
  return near < weights.faint ? 0 : std::min(near, 0.95);
}

}  // namespace

struct Search::State {
  State(const Scene& scene, const std::vector<Fact>& known, std::string_view line,
        const std::vector<Match>& full_matches, std::vector<float> nearness_of_facts)
      : facts(known), full(full_matches), meant(std::move(nearness_of_facts)) {
    asked = QuestionReader(scene, utf8_prefix(line, kLineBytesMax)).take();
    read_facts(scene);
    read_words_known();
    for (Clue& clue : asked.clues) pair(clue);
  }

  void read_facts(const Scene& scene) {
    std::vector<std::pair<std::uint64_t, std::vector<Token>>> others;
    for (const Other& other : scene.others) {
      const std::string_view first = other.name.substr(0, other.name.find(' '));
      others.emplace_back(meaning(ascii_lower(first)), read_words(other.about));
    }
    for (Fact& fact : facts) introduce(fact, others);
  }

  void read_words_known() {
    std::unordered_map<std::uint64_t, std::size_t> numbers;
    for (const Fact& fact : facts) {
      auto& sentence = sentences.emplace_back();
      for (const auto& [said, directness] : fact.said) {
        const auto [found, fresh] = numbers.try_emplace(said, words.size());
        if (fresh) words.push_back(said);
        sentence.emplace_back(found->second, directness);
      }
    }
  }

  void pair(Clue& clue) {
    const auto& kinds = kinds_of(clue.meaning);
    const auto& topics = topics_of(clue.meaning);
    for (const std::uint64_t word : words) {
      Pair& near = clue.pairs.emplace_back();
      near.same = word == clue.meaning ? 1.0F : 0.0F;
      near.kind = std::find(kinds.begin(), kinds.end(), word) != kinds.end() ? 1.0F : 0.0F;
      const auto& others = topics_of(word);
      const bool topic = std::find_first_of(topics.begin(), topics.end(), others.begin(),
                                            others.end()) != topics.end();
      near.topic = topic ? 1.0F : 0.0F;
    }
    clue.name =
        clue.name || std::any_of(facts.begin(), facts.end(), [&](const Fact& fact) {
          return std::find(fact.named.begin(), fact.named.end(), clue.meaning) != fact.named.end();
        });
  }

  double wish_score(const Fact& fact, const Weights& weights) const {
    const Wish& wish = asked.wish;
    if (wish.kinds == 0) return 0;
    const bool told = tells(fact, wish, asked.meanings);
    const bool open = (wish.kinds & (kTellsWho | kTellsPlace | kTellsReason)) != 0;
    const bool who = wish.kinds == kTellsWho;
    if (!told) return wish.strict ? -weights.unfit : open && !who ? 0 : -0.1;
    if (open) return wish.kinds == kTellsReason ? 0.15 : 0.08;
    if (wish.counted == 0) return wish.strict ? 0.25 : 0.15;
    const bool of_them = fact.text.find(" of them") != std::string_view::npos ||
                         fact.text.find(" of which") != std::string_view::npos;
    const bool beside = std::any_of(
        fact.counted.begin(), fact.counted.end(),
        [&](std::uint64_t thing) { return thing == wish.counted || related(thing, wish.counted); });
    return beside ? 0.3 : of_them ? 0.1 : -0.3;
  }

  // How near each known word is to a clue.
  static std::vector<double> row_of(const Clue& clue, const Weights& weights) {
    std::vector<double> row;
    row.reserve(clue.pairs.size());
    for (const Pair& near : clue.pairs) row.push_back(nearness(near, weights));
    return row;
  }

  // What meeting each clue is worth: the less the more sentences come near it.
  std::vector<double> worths(const std::vector<std::vector<double>>& rows,
                             const Weights& weights) const {
    std::vector<double> worth;
    for (std::size_t c = 0; c < rows.size(); ++c) {
      double count = 0;
      for (const auto& sentence : sentences) {
        double best = 0;
        for (const auto& [word, directness] : sentence) {
          best = std::max(best, directness * rows[c][word]);
        }
        count += best * best;
      }
      const Clue& clue = asked.clues[c];
      const double rare = std::log(1.0 + static_cast<double>(sentences.size()) / (1.0 + count));
      worth.push_back(clue.weight * std::pow(rare, weights.flat));
    }
    return worth;
  }

  Finding finding_of(std::size_t i, const std::vector<std::vector<double>>& rows,
                     const std::vector<double>& worth, const Weights& weights) const {
    double found = 0;
    double possible = 1e-9;
    std::uint64_t used = 0;
    Finding finding;
    finding.fact = i;
    for (std::size_t c = 0; c < rows.size(); ++c) {
      double best = 0;
      std::size_t best_at = 64;
      for (std::size_t at = 0; at < sentences[i].size(); ++at) {
        const auto& [word, directness] = sentences[i][at];
        double near = directness * rows[c][word];
        if (at < 64 && ((used >> at) & 1U) != 0) near *= weights.again;
        if (near <= best) continue;
        best = near;
        best_at = at;
      }
      if (best_at < 64) used |= std::uint64_t{1} << best_at;
      found += worth[c] * best;
      possible += worth[c];
      const Clue& clue = asked.clues[c];
      if (clue.name && best < 0.5) {
        finding.score -= weights.name;
        finding.stranger = true;
      }
      if (clue.focus && best < 0.2) finding.score -= weights.focus;
    }
    finding.cover = found / possible;
    finding.wish = wish_score(facts[i], weights);
    return scored(finding, found, weights);
  }

  Finding scored(Finding finding, double found, const Weights& weights) const {
    const Fact& fact = facts[finding.fact];
    finding.score += finding.cover + weights.found * found + weights.wish * finding.wish -
                     weights.length * static_cast<double>(fact.words);
    if (asked.best && fact.favourite > 0) finding.score += weights.favourite;
    if (asked.self && fact.subject == Subject::Self) finding.score += weights.self;
    // A thing that he has is not a thing that he likes.
    const bool liked = speaks_of(fact, meaning("favourite")) || speaks_of(fact, meaning("love"));
    if (asked.favourite && !liked) finding.score -= weights.unfit;
    finding.full = std::any_of(full.begin(), full.end(),
                               [&](const Match& match) { return match.fact == finding.fact; });
    if (finding.full) finding.score = std::max(finding.score, 0.5) + weights.full;
    if (finding.fact < meant.size()) {
      finding.score += weights.meaning * static_cast<double>(meant[finding.fact]);
    }
    return finding;
  }

  std::vector<Fact> facts;  // a copy, for what it is told beside them
  std::vector<Match> full;
  std::vector<float> meant;  // how near each fact is as a whole; empty where nobody knows
  Asked asked;
  std::vector<std::uint64_t> words;  // of the known sentences, by meaning
  // Of each sentence its words by number, and how directly it says them.
  std::vector<std::vector<std::pair<std::size_t, double>>> sentences;
};

Search::Search(const Scene& scene, const std::vector<Fact>& facts, std::string_view line,
               const std::vector<Match>& full, std::vector<float> near)
    : state_(std::make_unique<State>(scene, facts, line, full, std::move(near))) {}

Search::~Search() = default;

std::vector<Finding> Search::findings(const Weights& weights) const {
  std::vector<std::vector<double>> rows;
  for (const Clue& clue : state_->asked.clues) rows.push_back(State::row_of(clue, weights));
  const std::vector<double> worth = state_->worths(rows, weights);
  std::vector<Finding> findings;
  for (std::size_t i = 0; i < state_->facts.size(); ++i) {
    findings.push_back(state_->finding_of(i, rows, worth, weights));
  }
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding& a, const Finding& b) { return a.score > b.score; });
  return findings;
}

namespace {

bool opens(const Gate& gate, const Finding& best, double margin) {
  return gate.constant + gate.score * best.score + gate.cover * best.cover +
             gate.margin * std::min(margin, kMarginMax) + (best.wish > kTold ? gate.told : 0) +
             (best.wish < kUnfit || best.stranger ? gate.unfit : 0) >=
         gate.at;
}

double log_odds(const MeaningGate& gate, const Finding& best, double margin) {
  return gate.constant + gate.score * best.score +
         gate.margin * std::min(margin, kMeaningMarginMax) + (best.wish > kTold ? gate.told : 0) +
         (best.wish < kUnfit || best.stranger ? gate.unfit : 0);
}

Confidence by_meaning(const std::vector<Finding>& found, double margin) {
  const double answers = log_odds(kBest, found.front(), margin);
  if (answers >= kSureAt) return Confidence::Sure;
  if (answers >= kLikelyAt) return Confidence::Likely;
  for (std::size_t i = 0; i < std::min(found.size(), kOffered); ++i) {
    if (log_odds(kOfThree, found[i], margin) >= kHalfAt) return Confidence::Half;
  }
  return Confidence::None;
}

Confidence by_words(const Finding& best, double margin) {
  if (best.full || opens(kSure, best, margin)) return Confidence::Sure;
  const bool near = best.cover >= kCoverMin && opens(kHalf, best, margin);
  return near ? Confidence::Half : Confidence::None;
}

}  // namespace

Evidence Search::evidence(const Weights& weights) const {
  Evidence evidence;
  std::vector<Finding> found = findings(weights);
  const bool meant = !state_->meant.empty();
  if (found.empty() || (state_->asked.clues.empty() && !meant)) return evidence;
  const Finding& best = found[0];
  const double margin = found.size() > 1 ? best.score - found[1].score : kMarginAlone;
  evidence.margin = margin;
  evidence.confidence = meant ? by_meaning(found, margin) : by_words(best, margin);
  if (evidence.confidence == Confidence::None) return evidence;
  if (found.size() > kMatchesMax) found.resize(kMatchesMax);
  for (const Finding& finding : found) evidence.matches.push_back({finding.fact, finding.score});
  return evidence;
}

void keep_fitting(const std::vector<Fact>& facts, std::string_view line,
                  std::vector<Match>& matches) {
  const std::vector<std::string_view> parts = clauses(utf8_prefix(line, kLineBytesMax));
  if (parts.empty()) return;
  const std::vector<Token> tokens = read_words(parts[asking_part(parts)]);
  const Wish wish = wish_of(tokens);
  if (!wish.strict) return;
  std::vector<std::uint64_t> asked;
  for (const Token& token : tokens) asked.push_back(token.meaning);
  std::erase_if(matches,
                [&](const Match& match) { return !tells(facts[match.fact], wish, asked); });
}

}  // namespace llm::understudy
