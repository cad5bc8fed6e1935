#include "tuning/arms.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace tuning {
namespace {

constexpr std::size_t kCells = 2000;

// The mass of the belief in each cell of the unit interval.
std::vector<double> masses(const Beta& belief) {
  std::vector<double> logs(kCells);
  double top = -HUGE_VAL;
  for (std::size_t i = 0; i < kCells; ++i) {
    const double rate = (static_cast<double>(i) + 0.5) / kCells;
    logs[i] = (belief.wins - 1) * std::log(rate) + (belief.losses - 1) * std::log1p(-rate);
    top = std::max(top, logs[i]);
  }
  double sum = 0;
  for (double& value : logs) sum += value = std::exp(value - top);
  for (double& value : logs) value /= sum;
  return logs;
}

double normal(Random& random) {
  const double radius = std::sqrt(-2 * std::log(1 - random.uniform()));
  return radius * std::cos(2 * std::numbers::pi * random.uniform());
}

double gamma(double shape, Random& random) {
  if (shape < 1) return gamma(shape + 1, random) * std::pow(1 - random.uniform(), 1 / shape);
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = normal(random);
    const double v = std::pow(1 + c * x, 3);
    if (v <= 0) continue;
    if (std::log(1 - random.uniform()) < x * x / 2 + d - d * v + d * std::log(v)) return d * v;
  }
}

}  // namespace

std::vector<double> chances_of_best(const std::vector<Beta>& arms) {
  std::vector<std::vector<double>> mass;
  std::vector<std::vector<double>> below;  // the mass under the middle of each cell
  for (const Beta& arm : arms) {
    mass.push_back(masses(arm));
    below.emplace_back(kCells);
    double sum = 0;
    for (std::size_t i = 0; i < kCells; ++i) {
      below.back()[i] = sum + mass.back()[i] / 2;
      sum += mass.back()[i];
    }
  }
  std::vector<double> chances(arms.size(), 0);
  double total = 0;
  for (std::size_t arm = 0; arm < arms.size(); ++arm) {
    for (std::size_t i = 0; i < kCells; ++i) {
      double product = mass[arm][i];
      for (std::size_t other = 0; other < arms.size(); ++other) {
        if (other != arm) product *= below[other][i];
      }
      chances[arm] += product;
    }
    total += chances[arm];
  }
  // Two arms in one cell are a draw that nobody wins: it is shared out.
  for (double& chance : chances) chance /= total;
  return chances;
}

std::vector<double> weights_of(const std::vector<Arm>& arms, const WeightOptions& options) {
  std::vector<Beta> free;
  for (const Arm& arm : arms) {
    if (arm.held_back) continue;
    const double scale = arm.trials > options.memory ? options.memory / arm.trials : 1;
    free.push_back({options.prior_wins + arm.wins * scale,
                    options.prior_losses + (arm.trials - arm.wins) * scale});
  }
  const double count = static_cast<double>(arms.size());
  const double floor = free.empty() ? 1 / count : std::min(options.floor, 0.5 / count);
  const double shared = 1 - floor * count;
  const auto chances = chances_of_best(free);
  std::vector<double> weights;
  std::size_t next = 0;
  for (const Arm& arm : arms) {
    weights.push_back(arm.held_back ? floor : floor + shared * chances[next++]);
  }
  return weights;
}

double draw(const Beta& belief, Random& random) {
  const double wins = gamma(belief.wins, random);
  const double losses = gamma(belief.losses, random);
  return wins / (wins + losses);
}

}  // namespace tuning
