#include "llm/understudy_evidence.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "base/utf8.h"
#include "lexical/sentences.h"
#include "llm/understudy_kinds.h"
#include "llm/understudy_words.h"

namespace llm::understudy {
namespace {

constexpr std::size_t kLineBytesMax = 1024;
constexpr std::size_t kCluesMax = 24;
constexpr std::size_t kMatchesMax = 4;
constexpr double kSoftWeight = 0.4;   // of a generic word
constexpr double kAsideWeight = 0.5;  // of a word beside the sentence that asks
constexpr double kRelated = 0.7;      // a shared topic, against the word itself
constexpr double kOfKind = 0.8;       // "martini" for "drink"
constexpr double kOfBest = 0.12;      // "favourite" where the best is asked for
constexpr double kIntroduced = 0.6;   // "the dog" for a Brian whom the prompt calls one
constexpr double kAgain = 0.35;       // a word that met another clue already
constexpr double kConvincing = 0.8;
constexpr std::size_t kWordsMax = 22;
constexpr double kFullMatch = 0.3;  // for meeting every word that matters
constexpr double kEvidenceMin = 0.85;

struct Clue {
  std::uint64_t meaning = 0;
  double weight = 1;
  bool focus = false;  // of the noun behind "which" or "what"
  bool name = false;   // of somebody or something known: no other will do
  double most = 0;     // what meeting it can be worth
  double exact = 0;    // what the word itself is worth
};

// A topic that the word at `at` of a sentence speaks of.
struct Mention {
  std::uint16_t topic = 0;
  std::uint16_t at = 0;
  double directness = 0;
};

struct Sentence {
  std::vector<Mention> mentions;  // by topic
};

// How a sentence answers; no answer while the score is 0.
struct Finding {
  std::size_t fact = 0;
  double score = 0;
  double cover = 0;  // the share of the question that is met
  double wish = 0;   // for telling what is asked for
  bool full = false;
};

// How a clue is met, and by which word of the sentence.
struct Meeting {
  double worth = 0;
  std::size_t at = 0;
};

// Flattened, so that two words that are not rare tell more than one that is.
double rarity(std::size_t count, std::size_t all) {
  return std::pow(std::log(1.0 + static_cast<double>(all) / (1.0 + static_cast<double>(count))),
                  0.7);
}

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

class Search {
 public:
  Search(const Scene& scene, const std::vector<Fact>& facts, std::string_view line)
      : scene_(scene), facts_(facts) {
    read_question(utf8_prefix(line, kLineBytesMax));
    read_facts();
    for (Clue& clue : clues_) weigh(clue);
  }

  std::vector<Match> run(const std::vector<Match>& full) const {
    std::vector<Finding> findings;
    for (std::size_t i = 0; i < facts_.size(); ++i) {
      Finding finding = finding_of(i);
      finding.full = std::any_of(full.begin(), full.end(),
                                 [&](const Match& match) { return match.fact == i; });
      if (finding.full) finding.score = std::max(finding.score, 0.5) + kFullMatch;
      if (finding.score > 0) findings.push_back(finding);
    }
    std::stable_sort(findings.begin(), findings.end(),
                     [](const Finding& a, const Finding& b) { return a.score > b.score; });
    std::vector<Match> matches;
    if (findings.empty() || (!findings[0].full && !convincing(findings))) return matches;
    if (findings.size() > kMatchesMax) findings.resize(kMatchesMax);
    for (const Finding& finding : findings) matches.push_back({finding.fact, finding.score});
    return matches;
  }

 private:
  bool own_name(std::string_view word) const {
    return !scene_.name.empty() && same(word, scene_.name.substr(0, scene_.name.find(' ')));
  }

  void read_question(std::string_view line) {
    const std::vector<std::string_view> parts = clauses(line);
    const std::size_t asking = asking_part(parts);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::vector<Token> tokens = read_words(parts[i]);
      if (i == asking) wish_ = wish_of(tokens);
      words_ += tokens.size();
      for (const Token& token : tokens) {
        best_ = best_ || listed("most best favourite favorite prefer first love like", token.text);
      }
      read_clues(tokens, i == asking ? 1.0 : kAsideWeight);
    }
  }

  // "Which days ...?": what is asked for is no clue to where it stands.
  bool wished(const Token& token) const {
    if (wish_.kinds == 0) return false;
    if (token.text == "time") return (wish_.kinds & kTellsClock) != 0;
    if ((wish_.kinds & kTellsMoney) != 0 &&
        listed("cost costs pay paid earn earns much", token.text)) {
      return true;
    }
    return listed("day days month year years yrs colour color number price weekday date",
                  token.text);
  }

  void read_clues(const std::vector<Token>& tokens, double weight) {
    bool focus = false;
    for (std::size_t i = 0; i < tokens.size() && clues_.size() < kCluesMax; ++i) {
      const Token& token = tokens[i];
      const bool opens = listed("what whats which", token.text) && i + 1 < tokens.size();
      if (opens) focus = !tokens[i + 1].stop || listed("the your", tokens[i + 1].text);
      if (token.stop) focus = focus && (opens || listed("the your is", token.text));
      if (token.text.ends_with("ly")) focus = false;
      if (token.stop || own_name(token.text) || token.text == "you" || wished(token)) continue;
      const bool known = std::any_of(clues_.begin(), clues_.end(), [&](const Clue& clue) {
        return clue.meaning == token.meaning;
      });
      if (known) continue;
      Clue clue;
      clue.meaning = token.meaning;
      const bool generic = token.soft || (token.sorts & kNumber) != 0 ||
                           listed("first last next second", token.text);
      clue.weight = weight * (generic ? kSoftWeight : 1.0);
      // "When did you visit Paris?": Paris itself, or nothing.
      clue.name = token.capital && i > 0;
      favourite_ = favourite_ || listed("favourite favorite fave", token.text);
      clue.focus = focus && !token.soft && wish_.kinds == 0;
      asked_.push_back(token.meaning);
      clues_.push_back(clue);
    }
  }

  // A sentence that names Brian also speaks of the dog that the prompt says he is.
  static void introduce(Fact& fact,
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

  void read_facts() {
    sentences_.reserve(facts_.size());
    std::vector<std::pair<std::uint64_t, std::vector<Token>>> others;
    for (const Other& other : scene_.others) {
      const std::string_view first = other.name.substr(0, other.name.find(' '));
      others.emplace_back(meaning(ascii_lower(first)), read_words(other.about));
    }
    for (Fact& fact : facts_) {
      Sentence sentence;
      introduce(fact, others);
      for (std::size_t at = 0; at < fact.said.size(); ++at) {
        for (const std::uint16_t topic : topics_of(fact.said[at].first)) {
          sentence.mentions.push_back(
              {topic, static_cast<std::uint16_t>(at), fact.said[at].second});
        }
      }
      std::sort(sentence.mentions.begin(), sentence.mentions.end(),
                [](const Mention& a, const Mention& b) { return a.topic < b.topic; });
      for (std::size_t i = 0; i < sentence.mentions.size(); ++i) {
        const std::uint16_t topic = sentence.mentions[i].topic;
        if (i > 0 && sentence.mentions[i - 1].topic == topic) continue;
        if (topic >= topic_counts_.size()) topic_counts_.resize(topic + 1UL);
        ++topic_counts_[topic];
      }
      sentences_.push_back(std::move(sentence));
    }
  }

  static double how_said(std::uint64_t said, std::uint64_t asked,
                         const std::vector<std::uint64_t>& kinds) {
    if (said == asked) return 1;
    return std::find(kinds.begin(), kinds.end(), said) != kinds.end() ? kOfKind : 0;
  }

  void weigh(Clue& clue) {
    const auto& kinds = kinds_of(clue.meaning);
    const auto count = std::count_if(facts_.begin(), facts_.end(), [&](const Fact& fact) {
      return std::any_of(fact.said.begin(), fact.said.end(), [&](const auto& said) {
        return how_said(said.first, clue.meaning, kinds) > 0;
      });
    });
    clue.name =
        clue.name || std::any_of(facts_.begin(), facts_.end(), [&](const Fact& fact) {
          return std::find(fact.named.begin(), fact.named.end(), clue.meaning) != fact.named.end();
        });
    clue.exact = rarity(static_cast<std::size_t>(count), facts_.size());
    clue.most = count > 0 ? clue.exact : 0;
    for (const std::uint16_t topic : topics_of(clue.meaning)) {
      clue.most = std::max(clue.most, worth_of(topic));
    }
    // What nothing known speaks of speaks against everything.
    if (clue.most == 0) clue.most = 0.75 * rarity(0, facts_.size());
  }

  double worth_of(std::uint16_t topic) const {
    const std::size_t count = topic < topic_counts_.size() ? topic_counts_[topic] : 0;
    return count == 0 ? 0 : kRelated * rarity(count, facts_.size());
  }

  // The best way to meet `clue`. A word that met another clue before tells little more: one "life"
  // is no sign of a start, a state and a world.
  Meeting met(const Clue& clue, std::size_t i, std::uint64_t used) const {
    Meeting best;
    const auto offer = [&](double worth, std::size_t at) {
      if (at < 64 && ((used >> at) & 1U) != 0) worth *= kAgain;
      if (worth > best.worth) best = {worth, at};
    };
    const Fact& fact = facts_[i];
    const auto& kinds = kinds_of(clue.meaning);
    for (std::size_t at = 0; at < fact.said.size(); ++at) {
      const auto& [said, directness] = fact.said[at];
      offer(clue.exact * directness * how_said(said, clue.meaning, kinds), at);
    }
    const auto& mentions = sentences_[i].mentions;
    for (const std::uint16_t topic : topics_of(clue.meaning)) {
      auto found = std::lower_bound(mentions.begin(), mentions.end(), topic,
                                    [](const Mention& a, auto b) { return a.topic < b; });
      for (; found != mentions.end() && found->topic == topic; ++found) {
        offer(found->directness * worth_of(topic), found->at);
      }
    }
    return best;
  }

  double wish_score(const Fact& fact) const {
    if (wish_.kinds == 0) return 0;
    const bool told = tells(fact, wish_, asked_);
    const bool open = (wish_.kinds & (kTellsWho | kTellsPlace | kTellsReason)) != 0;
    const bool who = wish_.kinds == kTellsWho;
    if (!told) return wish_.strict ? -10 : open && !who ? 0 : -0.1;
    if (open) return wish_.kinds == kTellsReason ? 0.15 : 0.08;
    if (wish_.counted == 0) return wish_.strict ? 0.25 : 0.15;
    const bool of_them = fact.text.find(" of them") != std::string_view::npos ||
                         fact.text.find(" of which") != std::string_view::npos;
    const bool beside =
        std::any_of(fact.counted.begin(), fact.counted.end(), [&](std::uint64_t thing) {
          return thing == wish_.counted || related(thing, wish_.counted);
        });
    return beside ? 0.3 : of_them ? 0.1 : -0.3;
  }

  // Whether the best finding may be said. Fitted on bench/data/questions_tuning.jsonl: a long
  // question says much beside its point, and what stands alone is likelier meant.
  bool convincing(const std::vector<Finding>& findings) const {
    const Finding& best = findings[0];
    const double margin = best.score - (findings.size() > 1 ? findings[1].score : 0.2);
    const double words = static_cast<double>(std::min(words_, kWordsMax));
    return best.cover + 0.8 * best.wish + 0.22 * margin + 0.034 * words >= kConvincing;
  }

  Finding finding_of(std::size_t i) const {
    double found = 0;
    double possible = 1e-9;
    std::uint64_t used = 0;
    bool focus = false;
    bool focus_met = false;
    for (const Clue& clue : clues_) {
      const Meeting meeting = met(clue, i, used);
      const double worth = meeting.worth;
      if (worth > 0 && meeting.at < 64) used |= std::uint64_t{1} << meeting.at;
      if (clue.name && worth == 0) return {};
      found += clue.weight * worth;
      possible += clue.weight * clue.most;
      focus = focus || clue.focus;
      focus_met = focus_met || (clue.focus && worth > 0);
    }
    Finding finding;
    finding.fact = i;
    if (found < kEvidenceMin || (focus && !focus_met)) return finding;
    finding.cover = found / possible;
    finding.wish = wish_score(facts_[i]);
    finding.score =
        finding.cover + 0.12 * found + finding.wish - 0.004 * static_cast<double>(facts_[i].words);
    if (best_ && facts_[i].favourite > 0) finding.score += kOfBest;
    // A thing that he has is not a thing that he likes.
    const bool liked =
        speaks_of(facts_[i], meaning("favourite")) || speaks_of(facts_[i], meaning("love"));
    if (favourite_ && !liked) finding.score = 0;
    return finding;
  }

  const Scene& scene_;
  std::vector<Fact> facts_;  // a copy, for what it is told beside them
  Wish wish_;
  std::size_t words_ = 0;
  bool favourite_ = false;
  bool best_ = false;  // asks for what he likes best
  std::vector<Clue> clues_;
  std::vector<std::uint64_t> asked_;
  std::vector<Sentence> sentences_;
  std::vector<std::size_t> topic_counts_;
};

}  // namespace

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

std::vector<Match> by_evidence(const Scene& scene, const std::vector<Fact>& facts,
                               std::string_view line, const std::vector<Match>& full) {
  return Search(scene, facts, line).run(full);
}

}  // namespace llm::understudy
