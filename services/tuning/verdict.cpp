#include "tuning/verdict.h"

#include <algorithm>
#include <cmath>

namespace tuning {
namespace {

constexpr double kEvidenceMax = 1e12;

// log B(1 + s, 1 + n - s)
double log_mixture(const Share& share) {
  const auto hits = static_cast<double>(share.hits);
  const auto of = static_cast<double>(share.of);
  return std::lgamma(1 + hits) + std::lgamma(1 + of - hits) - std::lgamma(2 + of);
}

// log p^s (1 - p)^(n - s)
double log_likelihood(const Share& share, double rate) {
  const auto hits = static_cast<double>(share.hits);
  const auto misses = static_cast<double>(share.of) - hits;
  return (hits > 0 ? hits * std::log(rate) : 0) + (misses > 0 ? misses * std::log1p(-rate) : 0);
}

double e_value(double log_evidence) {
  return std::min(kEvidenceMax, std::exp(std::min(log_evidence, 100.0)));
}

}  // namespace

double evidence_of_difference(const Share& a, const Share& b) {
  const Share both{a.hits + b.hits, a.of + b.of};
  // The common rate that explains the two best is where the product is least. On the side of the
  // difference that was seen, it is also the least over "not above" and "not below".
  return e_value(log_mixture(a) + log_mixture(b) - log_likelihood(both, both.rate()));
}

double evidence_of_majority(const Share& share) {
  return e_value(log_mixture(share) - log_likelihood(share, std::min(0.5, share.rate())));
}

bool credibly_above(const Share& variant, const Share& baseline, std::size_t comparisons) {
  const double needed = static_cast<double>(std::max<std::size_t>(comparisons, 1)) / kAlpha;
  return variant.rate() > baseline.rate() && evidence_of_difference(variant, baseline) >= needed;
}

contracts::Verdict compare(const Share& variant, const Share& baseline, std::size_t comparisons) {
  // Each of the two directions is a hypothesis of its own, so it gets half of alpha.
  if (credibly_above(variant, baseline, 2 * comparisons)) return contracts::Verdict::Better;
  if (credibly_above(baseline, variant, 2 * comparisons)) return contracts::Verdict::Worse;
  return contracts::Verdict::NoDifferenceShown;
}

Interval interval_of(const Share& share) {
  if (share.of == 0) return {};
  constexpr double kZ = 1.959964;
  const auto n = static_cast<double>(share.of);
  const double p = share.rate();
  const double middle = (p + kZ * kZ / (2 * n)) / (1 + kZ * kZ / n);
  const double half = kZ / (1 + kZ * kZ / n) * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n));
  return {std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

}  // namespace tuning
