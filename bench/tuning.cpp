// How much tuning loses to somebody who knows the variants' rates, and whether it ever says of
// equal variants that one is better. Prints one JSON object a scenario.
//
//   bench/tuning [--seeds 50] [--turns 5000]
//
// Each turn draws its variant by the weights that were last told, as the router does, and its
// hidden rate decides whether the first draft passes; the verdicts are looked at after every turn.
// Regret is the sum of what the best variant's rate was above that of the variant played.

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "tuning/rotation.h"

namespace {

using Rates = std::vector<double>;

struct Scenario {
  std::string_view name;
  std::function<Rates(Random&)> rates;
};

struct Run {
  double regret = 0;
  double uniform = 0;
  int equals_declared = 0;  // an equal variant was called better or worse, at any look
  int wrongly_declared = 0;
  int found = 0;  // at the end every difference from the baseline is told, and rightly
  int told = 0;   // generations
};

std::vector<contracts::Variant> variants_of(const std::vector<double>& weights) {
  std::vector<contracts::Variant> variants(weights.size());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    variants[i].id = std::to_string(i);
    variants[i].weight = weights[i];
  }
  return variants;
}

// Counts what is said wrongly of the variants; whether all that could be said is said.
bool look(const tuning::Rotation& rotation, const Rates& rates, Run& run) {
  bool all = true;
  for (std::size_t i = 1; i < rates.size(); ++i) {
    const auto verdict = rotation.verdict(i);
    const auto truth = rates[i] > rates[0]   ? contracts::Verdict::Better
                       : rates[i] < rates[0] ? contracts::Verdict::Worse
                                             : contracts::Verdict::NoDifferenceShown;
    all = all && verdict == truth;
    if (verdict == contracts::Verdict::NoDifferenceShown || verdict == truth) continue;
    const bool equal = truth == contracts::Verdict::NoDifferenceShown;
    (equal ? run.equals_declared : run.wrongly_declared) = 1;
  }
  return all;
}

Run play(const Rates& rates, std::uint64_t seed, int turns) {
  Run run;
  tuning::Rotation rotation({}, rates.size());
  auto variants = variants_of(rotation.weights());
  Random luck(hash64("luck", seed));
  const double best = *std::max_element(rates.begin(), rates.end());
  double mean = 0;
  for (const double rate : rates) mean += rate / static_cast<double>(rates.size());
  for (int turn = 0; turn < turns; ++turn) {
    const auto hash = hash64(fmt::format("turn_{}_{}", seed, turn));
    const auto* variant = contracts::draw(variants, hash);
    const auto played = static_cast<std::size_t>(variant - variants.data());
    run.regret += best - rates[played];
    run.uniform += best - mean;
    tuning::Lesson lesson;
    lesson.first_passed = luck.uniform() < rates[played];
    rotation.add(played, lesson);
    if (rotation.due() && rotation.refresh()) {
      variants = variants_of(rotation.weights());
      ++run.told;
    }
    run.found = look(rotation, rates, run) ? 1 : 0;
  }
  return run;
}

void report(const Scenario& scenario, int seeds, int turns) {
  Run sum;
  for (int seed = 1; seed <= seeds; ++seed) {
    Random rates(hash64("rates", static_cast<std::uint64_t>(seed)));
    const Run run = play(scenario.rates(rates), static_cast<std::uint64_t>(seed), turns);
    sum.regret += run.regret / seeds;
    sum.uniform += run.uniform / seeds;
    sum.equals_declared += run.equals_declared;
    sum.wrongly_declared += run.wrongly_declared;
    sum.found += run.found;
    sum.told += run.told;
  }
  fmt::print(
      "{{\"scenario\":\"{}\",\"seeds\":{},\"turns\":{},\"regret\":{:.1f},\"regret_uniform\":{:.1f},"
      "\"regret_oracle\":0,\"of_uniform\":{:.3f},\"runs_with_equals_declared\":{},"
      "\"runs_with_wrong_verdicts\":{},\"runs_with_all_found\":{},\"generations\":{}}}\n",
      scenario.name, seeds, turns, sum.regret, sum.uniform,
      sum.uniform > 0 ? sum.regret / sum.uniform : 0, sum.equals_declared, sum.wrongly_declared,
      sum.found, sum.told / seeds);
}

int number(int argc, char** argv, std::string_view flag, int fallback) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (argv[i] == flag) return std::max(1, std::atoi(argv[i + 1]));
  }
  return fallback;
}

}  // namespace

int main(int argc, char** argv) {
  const int seeds = number(argc, argv, "--seeds", 50);
  const int turns = number(argc, argv, "--turns", 5000);
  const auto fixed = [](Rates rates) { return [rates](Random&) { return rates; }; };
  const std::vector<Scenario> scenarios{
      {"equal", fixed({0.80, 0.80, 0.80, 0.80})},
      {"equal and good", fixed({0.98, 0.98, 0.98, 0.98})},
      {"one better", fixed({0.70, 0.70, 0.70, 0.85})},
      {"one a little better", fixed({0.75, 0.75, 0.80, 0.75})},
      {"baseline best", fixed({0.85, 0.75, 0.75, 0.75})},
      {"a ladder", fixed({0.60, 0.70, 0.80, 0.90})},
      {"one is bad", fixed({0.85, 0.85, 0.85, 0.40})},
      {"drawn at random",
       [](Random& random) {
         Rates rates(4);
         for (double& rate : rates) rate = 0.4 + 0.55 * random.uniform();
         return rates;
       }},
  };
  for (const Scenario& scenario : scenarios) report(scenario, seeds, turns);
}
