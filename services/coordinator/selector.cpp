#include "coordinator/selector.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/ids.h"
#include "coordinator/attention.h"
#include "lexical/analyser.h"

namespace coordinator {
namespace {

using contracts::Character;
using contracts::Line;
using contracts::Selection;

constexpr std::size_t kTopicLines = 3;      // the last line and the two before it
constexpr std::size_t kPendingLines = 6;    // a question older than that has lapsed
constexpr std::size_t kFairnessLines = 10;  // bot lines over which shares are compared
constexpr std::size_t kWorthAWord = 3;      // words of a lone person's remark that gets an answer
constexpr double kCalled = 0.75;            // what all owe to a question, greeting or lone remark
constexpr int kTiredLines = 2;              // own lines since a person spoke that tire fully

// A candidate's shares of the terms, each 0 to 1.
struct Shares {
  double addressed = 0;
  double topic = 0;
  double pending = 0;
  double talkativeness = 0;
  double fairness = 0;
  double repetition = 0;
  double fatigue = 0;
};

struct Candidate {
  const Character* character = nullptr;
  Shares shares;
  double total = 0;
  double draw = 0;  // 0 to 1, by seed and id
};

// The stems of a card's topic. Cards change rarely and are asked about with every line, so each
// thread keeps what it has stemmed.
const std::vector<std::string>& topic_stems(const std::string& topic) {
  constexpr std::size_t kKeptMax = 4096;
  thread_local std::unordered_map<std::string, std::vector<std::string>> kept;
  const auto found = kept.find(topic);
  if (found != kept.end()) return found->second;
  if (kept.size() >= kKeptMax) kept.clear();
  return kept.emplace(topic, lexical::content_stems(topic)).first->second;
}

// All that is derived from the scene once, for all candidates.
class Reader {
 public:
  Reader(const std::vector<Character>& cast, const Scene& scene) : cast_(cast), scene_(scene) {
    for (const Character& character : cast) ids_.insert(character.id);
    const auto& history = scene.history;
    for (std::size_t back = 0; back < std::min(kTopicLines, history.size()); ++back) {
      const auto stems = lexical::content_stems(line(back).text);
      stems_.emplace_back(stems.begin(), stems.end());
    }
    for (std::size_t back = 0; back < std::min(kPendingLines, history.size()); ++back) {
      attentions_.push_back(attention(line(back), cast));
      questions_.push_back(is_question(line(back).text));
      calls_.push_back(questions_.back() || is_greeting(line(back).text));
    }
  }

  // Line 0 is the last one.
  const Line& line(std::size_t back) const {
    return scene_.history[scene_.history.size() - 1 - back];
  }
  // A character's line is a bot's whatever it says of itself: it must never refill the energy.
  bool by_bot(const Line& line) const {
    return line.kind == contracts::Kind::Bot || ids_.contains(line.author);
  }
  const Attention& last() const { return attentions_.front(); }

  double energy(double budget) const {
    if (scene_.energy) return *scene_.energy;
    double left = budget;
    for (std::size_t back = 0; back < scene_.history.size() && by_bot(line(back)); ++back)
      left -= 1;
    return std::max(0.0, left);
  }

  // Whether the last line is a remark by the only person here: all owe it an answer.
  bool remark_to_us() const {
    if (by_bot(line(0)) || calls_[0] || last().by_name || last().elsewhere) return false;
    if (lexical::tokens(line(0).text).size() < kWorthAWord) return false;
    for (std::size_t back = 1; back < scene_.history.size(); ++back) {
      if (!by_bot(line(back)) && line(back).author != line(0).author) return false;
    }
    return true;
  }

  Shares shares(std::size_t who) const {
    const Character& character = cast_[who];
    return {.addressed = std::max(last().strength[who], partner(character.id)),
            .topic = topic(character),
            .pending = pending(who),
            .talkativeness = std::clamp(character.talkativeness, 0.0, 1.0),
            .fairness = fairness(character.id),
            .repetition = repetition(character.id),
            .fatigue = fatigue(character.id)};
  }

 private:
  // A short question about what was just said goes to who said it.
  double partner(const std::string& id) const {
    const bool unaddressed = !by_bot(line(0)) && !last().by_name && !last().elsewhere;
    const bool spoke_last = scene_.history.size() > 1 && line(1).author == id;
    return unaddressed && spoke_last && goes_on(line(0).text) ? kGoesOn : 0;
  }

  // Several matching topics add up as independent chances do (noisy or), so the sum stays below 1.
  double topic(const Character& character) const {
    constexpr std::array<double, kTopicLines> kFade{1.0, 0.5, 0.25};
    double indifference = 1;
    for (const auto& [words, affinity] : character.topics) {
      const std::vector<std::string>& wanted = topic_stems(words);
      if (wanted.empty()) continue;
      double best = 0;
      for (std::size_t back = 0; back < stems_.size(); ++back) {
        const bool said = std::all_of(wanted.begin(), wanted.end(), [&](const std::string& stem) {
          return stems_[back].contains(stem);
        });
        if (said && line(back).author != character.id) best = std::max(best, kFade[back]);
      }
      indifference *= 1 - best * std::clamp(affinity, 0.0, 1.0);
    }
    return 1 - indifference;
  }

  double pending(std::size_t who) const {
    const std::string& id = cast_[who].id;
    if (std::find(scene_.pending.begin(), scene_.pending.end(), id) != scene_.pending.end()) {
      return 1;
    }
    if (remark_to_us()) return kCalled;
    bool person_since = false;  // a person's line after a call to all: it has lapsed
    for (std::size_t back = 0; back < attentions_.size() && line(back).author != id; ++back) {
      const bool bot = by_bot(line(back));
      const double strength = attentions_[back].strength[who];
      // The last line's own question to somebody is the term "addressed", a person's call to all
      // the rule of the open question.
      if (back > 0 && questions_[back] && strength == kSpokenTo) return 1;
      const bool to_all = !attentions_[back].by_name && !attentions_[back].elsewhere;
      if ((back > 0 || bot) && !person_since && calls_[back] && to_all) return kCalled;
      person_since = person_since || !bot;
    }
    return 0;
  }

  double fairness(const std::string& id) const {
    double own = 0;
    double all = 0;
    for (std::size_t back = 0; back < scene_.history.size() && all < kFairnessLines; ++back) {
      if (!by_bot(line(back))) continue;
      all += 1;
      if (line(back).author == id) own += 1;
    }
    return all == 0 ? 1 : 1 - own / all;
  }

  double repetition(const std::string& id) const {
    int own = 0;
    for (std::size_t back = 0; back < std::min<std::size_t>(3, scene_.history.size()); ++back) {
      if (line(back).author == id) ++own;
    }
    if (own >= 2 || line(0).author == id) return 1;
    // Somebody else spoke in between: going on is half as repetitive.
    return scene_.history.size() > 1 && line(1).author == id ? 0.5 : 0;
  }

  double fatigue(const std::string& id) const {
    int own = 0;
    for (std::size_t back = 0; back < scene_.history.size() && by_bot(line(back)); ++back) {
      if (line(back).author == id) ++own;
    }
    return static_cast<double>(std::min(own, kTiredLines)) / kTiredLines;
  }

  const std::vector<Character>& cast_;
  const Scene& scene_;
  std::set<std::string, std::less<>> ids_;
  std::vector<std::set<std::string, std::less<>>> stems_;  // by lines back
  std::vector<Attention> attentions_;
  std::vector<bool> questions_;
  std::vector<bool> calls_;  // questions and greetings
};

// The weighted terms and their sum, rounded so that equal scores are equal.
std::map<std::string, double> terms(const Shares& shares, const Weights& weights) {
  std::map<std::string, double> table{
      {"addressed", weights.addressed * shares.addressed},
      {"topic", weights.topic * shares.topic},
      {"pending", weights.pending * shares.pending},
      {"talkativeness", weights.talkativeness * shares.talkativeness},
      {"fairness", weights.fairness * shares.fairness},
      {"repetition", weights.repetition * shares.repetition},
      {"fatigue", weights.fatigue * shares.fatigue}};
  double total = 0;
  for (auto& [term, value] : table) {
    value = std::round(value * 1000) / 1000 + 0.0;  // no -0
    total += value;
  }
  table["total"] = std::round(total * 1000) / 1000;
  return table;
}

std::string reason_of(const Candidate& best, const Weights& weights) {
  const double addressed = weights.addressed * best.shares.addressed;
  const double topic = weights.topic * best.shares.topic;
  const double pending = weights.pending * best.shares.pending;
  const double most = std::max({addressed, topic, pending});
  if (most <= 0) return "best_score";
  if (addressed == most) return "addressed";
  return topic == most ? "topic" : "pending";
}

void settle(Selection& selection, const std::vector<Candidate>& speakers, const Weights& weights,
            std::string reason) {
  for (const Candidate& speaker : speakers) {
    if (std::cmp_greater_equal(selection.speakers.size(), weights.speakers_max)) break;
    selection.speakers.push_back(speaker.character->id);
  }
  selection.nobody = selection.speakers.empty();
  selection.reason = std::move(reason);
}

std::vector<Candidate> at_least(double score, const std::vector<Candidate>& ranked) {
  std::vector<Candidate> kept;
  for (const Candidate& candidate : ranked) {
    if (candidate.total >= score) kept.push_back(candidate);
  }
  return kept;
}

void answer_person(Selection& selection, const Reader& reader, const std::vector<Candidate>& ranked,
                   const Weights& weights) {
  if (const auto able = at_least(weights.threshold, ranked); !able.empty()) {
    return settle(selection, able, weights, reason_of(able.front(), weights));
  }
  const std::string& text = reader.line(0).text;
  if (reader.last().elsewhere) return settle(selection, {}, weights, "not_addressed");
  if (is_question(text) || is_greeting(text)) {
    return settle(selection, {ranked.front()}, weights, "open_question");
  }
  settle(selection, {}, weights, "below_threshold");
}

void answer_bot(Selection& selection, double energy, const std::vector<Candidate>& ranked,
                const Weights& weights) {
  if (energy < 1) return settle(selection, {}, weights, "out_of_energy");
  const double budget = std::max(1.0, weights.energy_budget);
  const double left = std::clamp(energy / budget, 0.0, 1.0);
  const double bar = weights.threshold + weights.threshold_rise * budget * (1 - left);
  bool able = false;
  std::vector<Candidate> willing;
  for (const Candidate& candidate : ranked) {
    const bool named = candidate.shares.addressed == kSpokenTo;
    if (candidate.total < (named ? weights.threshold : bar)) continue;
    able = true;
    const double chance = 0.3 + 0.6 * left + 0.3 * (candidate.shares.talkativeness - 0.5);
    if (named || candidate.draw < chance) willing.push_back(candidate);
  }
  if (!willing.empty()) {
    return settle(selection, willing, weights, reason_of(willing.front(), weights));
  }
  settle(selection, {}, weights, able ? "quiet" : "below_threshold");
}

std::vector<Candidate> score(const std::vector<Character>& cast, const Scene& scene,
                             const Reader& reader, const Weights& weights, Selection& selection) {
  std::vector<Candidate> ranked;
  for (std::size_t who = 0; who < cast.size(); ++who) {
    const Character& character = cast[who];
    if (character.id == reader.line(0).author) continue;    // nobody answers himself
    if (selection.scores.contains(character.id)) continue;  // named twice
    const Shares shares = reader.shares(who);
    auto table = terms(shares, weights);
    // A draw by id, so that the order of the participants does not matter.
    Random random(hash64(character.id, scene.seed));
    ranked.push_back({&character, shares, table.at("total"), random.uniform()});
    selection.scores.emplace(character.id, std::move(table));
  }
  std::sort(ranked.begin(), ranked.end(), [](const Candidate& a, const Candidate& b) {
    return std::tie(b.total, b.draw) < std::tie(a.total, a.draw);
  });
  return ranked;
}

}  // namespace

Selection select(const std::vector<Character>& cast, const Scene& scene, const Weights& weights) {
  Selection selection;
  selection.nobody = true;
  if (cast.empty() || scene.history.empty()) {
    selection.reason = cast.empty() ? "no_participants" : "empty_history";
    return selection;
  }
  const Reader reader(cast, scene);
  std::vector<Candidate> ranked = score(cast, scene, reader, weights, selection);
  if (ranked.empty()) {
    selection.reason = "no_participants";
    return selection;
  }
  // Who is spoken to by name answers; the others let him.
  const auto others = [](const Candidate& c) { return c.shares.addressed < kSpokenTo; };
  if (!std::all_of(ranked.begin(), ranked.end(), others)) std::erase_if(ranked, others);
  if (reader.by_bot(reader.line(0))) {
    answer_bot(selection, reader.energy(weights.energy_budget), ranked, weights);
  } else {
    answer_person(selection, reader, ranked, weights);
  }
  return selection;
}

double line_cost(int bot_lines, const Weights& weights) {
  return 1 + weights.long_talk_cost * std::max(0, bot_lines - 3);
}

}  // namespace coordinator
