#pragma once

#include <cstdint>

#include "contracts/tuning.h"

// Comparisons that may be looked at after every single outcome and stopped whenever one likes.
// Pure functions.
//
// Of an arm with s hits in n, M(p) = B(1 + s, 1 + n - s) / (p^s (1 - p)^(n - s)) is a martingale
// from 1 when p is its rate (the prior-posterior ratio: Waudby-Smith and Ramdas 2020, Confidence
// sequences for sampling without replacement; with a beta mixture: Robbins 1970, Statistical
// methods related to the law of the iterated logarithm). So is the product over two arms, however
// the turns are dealt out between them. The least of it over all rates that a hypothesis allows is
// at most its value at the true ones: an e-process, which passes 1/alpha with a probability of at
// most alpha, ever (Ville 1939; Ramdas et al. 2023, Game-theoretic statistics and safe
// anytime-valid inference). It needs the counts alone, so it survives a restart. An opinion that
// comes late changes a reward in hindsight; that is outside of what the theorem promises.
namespace tuning {

inline constexpr double kAlpha = 0.05;

struct Share {
  std::int64_t hits = 0;
  std::int64_t of = 0;

  double rate() const { return of == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(of); }
  void add(bool hit, int sign) {
    hits += hit ? sign : 0;
    of += sign;
  }
  friend bool operator==(const Share&, const Share&) = default;
};

// The e-value against "these two have the same rate"; at most 1e12.
double evidence_of_difference(const Share& a, const Share& b);

// The e-value against "the rate is at most a half".
double evidence_of_majority(const Share& share);

// What can be said of the variant when `comparisons` variants are compared with the baseline: with
// probability 1 - alpha no variant of these is ever called better or worse that is not.
contracts::Verdict compare(const Share& variant, const Share& baseline, std::size_t comparisons);

// Whether `variant` is credibly above `baseline`, by the same rule.
bool credibly_above(const Share& variant, const Share& baseline, std::size_t comparisons);

// The 95 % score interval of Wilson (1927): of one look, for orientation.
struct Interval {
  double low = 0;
  double high = 1;
};
Interval interval_of(const Share& share);

}  // namespace tuning
