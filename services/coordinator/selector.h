#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "contracts/coordinator.h"
#include "coordinator/company.h"

// Who speaks next: a sum of weighted terms (DESIGN, "Coordinator"). Pure: the same arguments give
// the same answer on every machine. Thread-safe.
namespace coordinator {

struct Weights {
  double addressed = 100;
  double topic = 30;
  double pending = 20;
  double talkativeness = 10;
  double fairness = 10;
  double repetition = -30;
  double fatigue = -20;
  double threshold = 25;  // nobody speaks below
  int speakers_max = 3;

  // Bots that talk to each other spend what only people refill, so their talk ends.
  double energy_budget = 4;      // after a person's line
  double threshold_rise = 1;     // for a bot that nobody named, each unit of energy spent
  double long_talk_cost = 0.25;  // more for each bot line after the third since a person spoke

  static void fields(auto& self, auto&& visit) {
    const Field weight{.min = -1000, .max = 1000, .defaulted = true};
    visit("addressed", self.addressed, weight);
    visit("topic", self.topic, weight);
    visit("pending", self.pending, weight);
    visit("talkativeness", self.talkativeness, weight);
    visit("fairness", self.fairness, weight);
    visit("repetition", self.repetition, weight);
    visit("fatigue", self.fatigue, weight);
    visit("threshold", self.threshold, weight);
    visit("speakers_max", self.speakers_max, Field{.min = 1, .max = 64, .defaulted = true});
    visit("energy_budget", self.energy_budget, Field{.min = 0, .max = 1000, .defaulted = true});
    visit("threshold_rise", self.threshold_rise, Field{.min = 0, .max = 100, .defaulted = true});
    visit("long_talk_cost", self.long_talk_cost, Field{.min = 0, .max = 100, .defaulted = true});
  }
  friend bool operator==(const Weights&, const Weights&) = default;
};

struct Scene {
  std::vector<contracts::Line> history;  // oldest first; the last line is reacted to
  std::vector<std::string> pending;      // characters that owe an answer
  std::optional<double> energy;  // absent: the budget less the bot lines since a person spoke
  std::uint64_t seed = 0;
  std::optional<bool> quiet{};  // the channel was asked to be; absent: as its last lines say
};

// Reasons of a choice: addressed, topic, pending, open_question, best_score; of a silence:
// no_participants, empty_history, out_of_energy, below_threshold, not_addressed (the line was for
// somebody else), quiet (asked for: only who is spoken to by name answers), at_rest (somebody could
// go on, but the draw let the talk rest).
contracts::Selection select(const Company& company, const Scene& scene, const Weights& weights);

// What the `bot_lines`-th line of bots since the last person's costs (from 1).
double line_cost(int bot_lines, const Weights& weights);

}  // namespace coordinator
