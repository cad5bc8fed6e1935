#include "vector/planner.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace vector {
namespace {

// Nanoseconds a row and a byte of its code, of rows that lie apart or in blocks, and for each row
// that a walk keeps in mind. Measured on a busy machine; only what they are to each other matters.
constexpr double kGatheredRow = 8, kGatheredByte = 0.035;
constexpr double kBlockByte = 0.055;
constexpr double kWalkedRow = 40, kWalkedByte = 0.1;
constexpr double kKeptRow = 200;
constexpr std::size_t kLong = 256;
constexpr double kWalk = 4'000, kScan = 4'000;  // whatever the number of rows

// An outlook is made of some tens of rows as they came, from when there were fewer: what is asked
// of it is that part of the misses that the caller allows.
constexpr double kMissesAllowed = 0.33;

double scan_cost(const Facts& facts, Scan scan) {
  const auto dimension = static_cast<double>(facts.dimension);
  const auto matches = static_cast<double>(facts.matches);
  switch (scan) {
    case Scan::F32:
      return kScan + matches * (kGatheredRow + kGatheredByte * 4 * dimension);
    case Scan::I8:
      return kScan + matches * (kGatheredRow + kGatheredByte * dimension);
    case Scan::U4:
      // Sketches rule nearly all rows out.
      return kScan + matches * (kGatheredRow + kGatheredByte * (dimension / 8 + 16));
    case Scan::B1:
      return kScan + static_cast<double>(facts.rows) * kBlockByte * dimension / 6;
  }
  return kScan;
}

Scan choose_scan(const Facts& facts) {
  constexpr double kNearlyAll = 0.9995;
  const auto& [bytes, nibbles] = facts.outlook.codes;
  constexpr std::size_t kUnmeasured = 128;  // rows, of whose codes nothing is known yet
  if (facts.recall >= kNearlyAll || bytes < facts.recall || facts.rows <= kUnmeasured) {
    return Scan::F32;
  }
  Scan best = Scan::I8;
  if (facts.recall > 0.99) return best;
  const std::size_t few = 4000;  // the second rescoring must pay for itself
  if (facts.matches <= few || nibbles < facts.recall) return best;
  if (facts.u4) best = Scan::U4;
  if (facts.b1 && scan_cost(facts, Scan::B1) < scan_cost(facts, best)) best = Scan::B1;
  return best;
}

// The share of the nearest that a walk of the i-th measured breadth misses, on the careful side: a
// miss more than were seen, and doubling the breadth is taken to save no more than 4 of 5.
std::array<double, GraphOutlook::kBreadths.size()> misses(const GraphOutlook& outlook) {
  std::array<double, GraphOutlook::kBreadths.size()> all = {};
  const double seen = 10 * static_cast<double>(outlook.samples);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i] = ((1 - outlook.recall[i]) * seen + 1) / (seen + 2);
    if (i > 0) all[i] = std::clamp(all[i], all[i - 1] / 5, all[i - 1]);
  }
  return all;
}

// The breadth whose walks miss this share; 0 when none is known to. Misses are taken to fall by a
// power of the breadth between those that were measured, and by its square beyond the last.
double breadth_for(const GraphOutlook& outlook, double allowed) {
  const auto& breadths = GraphOutlook::kBreadths;
  const auto missed = misses(outlook);
  if (missed[0] <= allowed) return static_cast<double>(breadths[0]);
  for (std::size_t i = 1; i < breadths.size(); ++i) {
    if (missed[i] > allowed) continue;
    const double part = std::log(missed[i - 1] / allowed) / std::log(missed[i - 1] / missed[i]);
    return static_cast<double>(breadths[i - 1]) * std::pow(2, part);
  }
  // Where even the last misses much, the data has no near and far that a walk could follow.
  const double far = missed.back() / allowed;
  return missed.back() > 0.05 ? 0 : static_cast<double>(breadths.back()) * std::sqrt(far);
}

// Rows that a walk of this breadth scores, between and beyond the breadths that were measured.
double scored(const GraphOutlook& outlook, double breadth) {
  const auto& breadths = GraphOutlook::kBreadths;
  std::size_t i = 1;
  while (i + 1 < breadths.size() && breadth > static_cast<double>(breadths[i])) ++i;
  const auto low = static_cast<double>(breadths[i - 1]);
  const auto high = static_cast<double>(breadths[i]);
  const double slope = (outlook.scored[i] - outlook.scored[i - 1]) / (high - low);
  return std::max(breadth, outlook.scored[i] + slope * (breadth - high));
}

}  // namespace

Plan plan_search(const Facts& facts) {
  Plan plan;
  plan.scan = choose_scan(facts);
  plan.cost_ns = plan.scan_ns = scan_cost(facts, plan.scan);
  if (facts.recall >= 1 || facts.matches == 0) return plan;
  if (plan.scan == Scan::F32) return plan;  // no codes to walk by
  if (facts.outlook.samples < GraphOutlook::kSamplesMin) return plan;
  const double breadth = breadth_for(facts.outlook, (1 - facts.recall) * kMissesAllowed);
  if (breadth == 0) return plan;
  const double open = static_cast<double>(facts.matches) / static_cast<double>(facts.rows);
  // Measured for 10 nearest; more of them need that many more in mind.
  const auto more = static_cast<double>(std::max<std::size_t>(facts.k, 10) - 10);
  const double kept = std::ceil((breadth * facts.widening + 2 * more) / std::min(open, 1.0));
  if (kept > static_cast<double>(Graph::kBreadthMax)) return plan;
  // Sketches, and one row's nibbles in three.
  const double code = static_cast<double>(facts.dimension) * (facts.u4 ? 0.3 : 1);
  const double cost =
      kWalk + kept * kKeptRow + scored(facts.outlook, kept) * (kWalkedRow + kWalkedByte * code);
  if (cost >= plan.cost_ns) return plan;
  plan.walk = true;
  plan.cost_ns = cost;
  plan.effort.breadth = static_cast<std::size_t>(kept);
  // The longer the rows, the nearer to the originals' is the order that nibbles put them in.
  const bool is_long = facts.dimension >= kLong;
  plan.effort.rescored = is_long ? 2 * facts.k + 4 : 3 * facts.k + 2;
  return plan;
}

}  // namespace vector
