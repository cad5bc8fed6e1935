#include "coordinator/selector.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/ids.h"
#include "coordinator/attention.h"
#include "coordinator/thesaurus.h"
#include "coordinator/vocabulary.h"
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
constexpr std::size_t kReply = 10;          // words of what is still said to who spoke last
constexpr double kCalled = 0.75;            // what all owe to a question, greeting or lone remark
constexpr double kImplied = 0.6;            // of a topic that a word belongs to but does not name
constexpr int kTiredLines = 2;              // own lines since a person spoke that tire fully

// A candidate's shares of the terms, each 0 to 1; who is let out is addressed less than not at all.
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

// What a line says by itself, whatever came before it.
struct LineReading {
  Attention attention;
  bool greeting = false;
  Vocabulary::Stems stems;
  Vocabulary::Stems implied;  // topics that it does not name
};
using ReadLine = std::shared_ptr<const LineReading>;

ReadLine read_line(const Line& line, const Roster& roster) {
  auto reading = std::make_shared<LineReading>();
  reading->attention = attention(line, roster);
  reading->greeting = is_greeting(line.text);
  for (std::string& stem : lexical::content_stems(line.text)) {
    const auto& topics = topics_of_word(stem);
    reading->implied.insert(topics.begin(), topics.end());
    reading->stems.insert(std::move(stem));
  }
  return reading;
}

// About what a reading takes, with the nodes of its sets: twelve times the line's own bytes.
std::size_t memory_of(const LineReading& reading) {
  constexpr std::size_t kNode = 96;
  std::size_t sum = sizeof(LineReading) + reading.attention.strength.size() * sizeof(double);
  for (const auto* stems : {&reading.stems, &reading.implied}) {
    for (const std::string& stem : *stems) sum += kNode + stem.size();
  }
  return sum;
}

// A line is looked at with each of the lines that follow it, so each thread keeps what it has read,
// up to so many bytes. `among` tells the scenes apart in which the same words may mean something
// else; what was read for a cast that is gone leaves with the rest.
ReadLine known_line(const Line& line, const Roster& roster, std::uint64_t among) {
  constexpr std::size_t kKeptBytes = 1024 * 1024;
  thread_local std::unordered_map<std::uint64_t, ReadLine> kept;
  thread_local std::size_t kept_bytes = 0;
  std::uint64_t key = hash64(line.text, among + (line.kind == contracts::Kind::Bot ? 1 : 0));
  key = hash64(line.author, key);
  if (line.reply_to) key = hash64(*line.reply_to, key);
  const auto found = kept.find(key);
  if (found != kept.end()) return found->second;
  ReadLine reading = read_line(line, roster);
  const std::size_t bytes = memory_of(*reading);
  if (kept_bytes + bytes > kKeptBytes) {
    kept.clear();
    kept_bytes = 0;
  }
  kept_bytes += bytes;
  kept.emplace(key, reading);
  return reading;
}

// All that is derived from the scene once, for all candidates.
class Reader {
 public:
  Reader(const Company& company, const Scene& scene) : company_(company), scene_(scene) {
    const auto& ids = company.names().ids;
    ids_.insert(ids.begin(), ids.end());
    const Roster roster(company.names(), names_of_people());
    std::uint64_t among = company.id();
    for (const std::string& name : roster.people()) among = hash64(name, among);
    read_topics(roster, among);
    for (std::size_t back = 0; back < std::min(kPendingLines, scene.history.size()); ++back) {
      const ReadLine read = known_line(line(back), roster, among);
      attentions_.push_back(read->attention);
      questions_.push_back(read->attention.question);
      calls_.push_back(questions_.back() || read->greeting);
    }
    hear_people_out();
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

  // Whether a person asked for quiet a few lines ago, and nobody has been called by name since.
  bool quiet_asked() const {
    for (std::size_t back = 0; back < attentions_.size(); ++back) {
      if (by_bot(line(back))) continue;
      if (attentions_[back].by_name) return false;
      if (attentions_[back].quiet_all) return true;
    }
    return false;
  }

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
    if (last().quiet) return false;
    if (lexical::tokens(line(0).text).size() < kWorthAWord) return false;
    for (std::size_t back = 1; back < scene_.history.size(); ++back) {
      if (!by_bot(line(back)) && line(back).author != line(0).author) return false;
    }
    return true;
  }

  Shares shares(std::size_t who) const {
    const Character& character = company_.cast()[who];
    return {.addressed = addressed(who),
            .topic = topic(who),
            .pending = pending(who),
            .talkativeness = std::clamp(character.talkativeness, 0.0, 1.0),
            .fairness = fairness(character.id),
            .repetition = repetition(character.id),
            .fatigue = fatigue(character.id)};
  }

 private:
  struct TopicLine {
    std::size_t back;
    double fade;
    ReadLine read;
  };

  static bool all_in(const Vocabulary::Stems& said, const std::vector<std::string>& topic) {
    return std::all_of(topic.begin(), topic.end(),
                       [&](const std::string& stem) { return said.contains(stem); });
  }

  // What the talk is about: the last three lines, and what a person said before them all.
  void read_topics(const Roster& roster, std::uint64_t among) {
    constexpr std::array<double, kTopicLines> kFade{1.0, 0.5, 0.25};
    const std::size_t size = scene_.history.size();
    const auto read = [&](std::size_t back, double fade) {
      const ReadLine known = known_line(line(back), roster, among);
      mentioned_.insert(known->stems.begin(), known->stems.end());
      mentioned_.insert(known->implied.begin(), known->implied.end());
      topics_.push_back({back, fade, known});
    };
    std::size_t back = 0;
    for (; back < std::min(kTopicLines, size); ++back) read(back, kFade[back]);
    if (back == 0 || by_bot(line(0)) || !by_bot(line(back - 1))) return;
    while (back < size && by_bot(line(back))) ++back;
    if (back < size) read(back, kFade.back());
  }

  // Those who are no characters, in lower case.
  std::vector<std::string> names_of_people() const {
    std::vector<std::string> names;
    const auto add = [&](const std::string& name) {
      for (std::string& word : lexical::tokens(name)) {
        if (!lexical::stopword(word) && !ids_.contains(word)) names.push_back(std::move(word));
      }
    };
    std::set<std::string_view> seen;
    for (const Line& line : scene_.history) {
      if (!by_bot(line) && seen.insert(line.author).second) add(line.author);
      if (!line.reply_to || ids_.contains(*line.reply_to)) continue;
      if (seen.insert(*line.reply_to).second) add(*line.reply_to);
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
  }

  // A person's line right after another one's that was not for the cast goes on with their talk.
  void hear_people_out() {
    for (std::size_t back = attentions_.size(); back-- > 0;) {
      if (back + 1 >= attentions_.size() || by_bot(line(back)) || by_bot(line(back + 1))) continue;
      Attention& here = attentions_[back];
      const bool ours = here.by_name || here.room || here.quiet;
      const bool another = line(back).author != line(back + 1).author;
      const Attention& before = attentions_[back + 1];
      const bool asked = questions_[back + 1] && !before.by_name && !before.room;
      const std::string& text = line(back).text;
      const bool answer =
          another && (answers(text) || is_farewell(text) || (asked && !questions_[back]));
      if (!ours && (attentions_[back + 1].elsewhere || answer)) here.elsewhere = true;
    }
  }

  double addressed(std::size_t who) const {
    const double strength = last().strength[who];
    if (strength == kNotYou || strength == kSpokenTo) return strength;
    const std::string& id = company_.cast()[who].id;
    if (last().others) {
      for (std::size_t back = 1; back < scene_.history.size() && by_bot(line(back)); ++back) {
        if (line(back).author == id) return kNotYou;
      }
    }
    return std::max(strength, partner(id));
  }

  // What a person says right after a character goes to him when it goes on with what he said.
  double partner(const std::string& id) const {
    return scene_.history.size() > 1 && line(1).author == id ? to_partner() : 0;
  }
  double to_partner() const {
    if (scene_.history.size() < 2 || by_bot(line(0)) || !by_bot(line(1))) return 0;
    const Attention& here = last();
    if (here.by_name || here.elsewhere || here.others || here.room || here.quiet) return 0;
    const std::string& text = line(0).text;
    // Somebody else's answer is what is waited for.
    if (std::any_of(scene_.pending.begin(), scene_.pending.end(),
                    [&](const std::string& id) { return id != line(1).author; })) {
      return 0;
    }
    if (goes_on(text) || is_farewell(text) || shares_a_word()) return kGoesOn;
    // What is no question of its own is said to him with whom the person talks.
    const bool remark = !questions_[0] && !is_nod(text) && talks_with_last();
    return remark && lexical::tokens(text).size() <= kReply ? kSaidTo : 0;
  }
  bool talks_with_last() const {
    for (std::size_t back = 2; back < scene_.history.size(); ++back) {
      if (!by_bot(line(back))) return line(back).author == line(0).author;
    }
    return false;
  }
  bool shares_a_word() const {
    const auto& said = topics_[1].read->stems;
    const auto& asked = topics_[0].read->stems;
    return questions_[0] && std::any_of(asked.begin(), asked.end(),
                                        [&](const auto& stem) { return said.contains(stem); });
  }

  // Several matching topics add up as independent chances do (noisy or), so the sum stays below 1.
  // What is only implied is one more chance, however many topics it may imply.
  double topic(std::size_t who) const {
    double indifference = 1;
    double implied = 0;
    for (const Company::Topic& wanted : company_.topics(who)) {
      if (wanted.stems.empty() || !mentioned_.contains(wanted.stems.front())) continue;
      double named = 0;
      for (const TopicLine& said : topics_) {
        if (line(said.back).author == company_.cast()[who].id) continue;
        if (all_in(said.read->stems, wanted.stems)) named = std::max(named, said.fade);
        if (all_in(said.read->implied, wanted.stems)) {
          implied = std::max(implied, said.fade * wanted.affinity);
        }
      }
      indifference *= 1 - named * wanted.affinity;
    }
    indifference *= 1 - kImplied * implied;
    if (!topics_.empty()) {
      indifference *= 1 - company_.vocabulary().interest(who, topics_.front().read->stems);
    }
    return 1 - indifference;
  }

  double pending(std::size_t who) const {
    const std::string& id = company_.cast()[who].id;
    if (std::find(scene_.pending.begin(), scene_.pending.end(), id) != scene_.pending.end()) {
      return 1;
    }
    if (remark_to_us() && to_partner() == 0) return kCalled;
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

  const Company& company_;
  const Scene& scene_;
  std::set<std::string_view> ids_;
  std::vector<TopicLine> topics_;
  std::unordered_set<std::string_view> mentioned_;  // all stems of these lines
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
  const bool named = reader.last().by_name;
  if (reader.last().elsewhere && !named) return settle(selection, {}, weights, "not_addressed");
  if (const auto able = at_least(weights.threshold, ranked); !able.empty()) {
    return settle(selection, able, weights, reason_of(able.front(), weights));
  }
  const std::string& text = reader.line(0).text;
  if (is_question(text) || is_greeting(text)) {
    return settle(selection, {ranked.front()}, weights, "open_question");
  }
  settle(selection, {}, weights, "below_threshold");
}

void answer_bot(Selection& selection, const Reader& reader, const std::vector<Candidate>& ranked,
                const Weights& weights) {
  const double energy = reader.energy(weights.energy_budget);
  if (energy < 1) return settle(selection, {}, weights, "out_of_energy");
  if (reader.last().elsewhere && !reader.last().by_name) {
    return settle(selection, {}, weights, "not_addressed");
  }
  const double budget = std::max(1.0, weights.energy_budget);
  const double left = std::clamp(energy / budget, 0.0, 1.0);
  const double bar = weights.threshold + weights.threshold_rise * budget * (1 - left);
  bool able = false;
  std::vector<Candidate> willing;
  for (const Candidate& candidate : ranked) {
    const bool named = candidate.shares.addressed == kSpokenTo || candidate.shares.pending == 1;
    if (candidate.total < (named ? weights.threshold : bar)) continue;
    able = true;
    const double chance = 0.3 + 0.6 * left + 0.3 * (candidate.shares.talkativeness - 0.5);
    if (named || candidate.draw < chance) willing.push_back(candidate);
  }
  if (!willing.empty()) {
    return settle(selection, willing, weights, reason_of(willing.front(), weights));
  }
  settle(selection, {}, weights, able ? "at_rest" : "below_threshold");
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

Selection select(const Company& company, const Scene& scene, const Weights& weights) {
  const std::vector<Character>& cast = company.cast();
  Selection selection;
  selection.nobody = true;
  if (cast.empty() || scene.history.empty()) {
    selection.reason = cast.empty() ? "no_participants" : "empty_history";
    return selection;
  }
  const Reader reader(company, scene);
  std::vector<Candidate> ranked = score(cast, scene, reader, weights, selection);
  if (ranked.empty()) {
    selection.reason = "no_participants";
    return selection;
  }
  const bool quiet = scene.quiet.value_or(reader.quiet_asked()) || reader.last().quiet;
  if (quiet && !reader.last().by_name) {
    selection.reason = "quiet";
    return selection;
  }
  // Who is spoken to by name answers; the others let him. Who is let out says nothing.
  std::erase_if(ranked, [](const Candidate& c) { return c.shares.addressed < 0; });
  const auto others = [](const Candidate& c) { return c.shares.addressed < kSpokenTo; };
  if (!std::all_of(ranked.begin(), ranked.end(), others)) std::erase_if(ranked, others);
  if (ranked.empty()) {
    selection.reason = "not_addressed";
    return selection;
  }
  if (reader.by_bot(reader.line(0))) {
    answer_bot(selection, reader, ranked, weights);
  } else {
    answer_person(selection, reader, ranked, weights);
  }
  return selection;
}

double line_cost(int bot_lines, const Weights& weights) {
  return 1 + weights.long_talk_cost * std::max(0, bot_lines - 3);
}

}  // namespace coordinator
