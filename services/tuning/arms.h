#pragma once

#include <vector>

#include "base/ids.h"

// Thompson sampling over a handful of yes-or-no arms. Pure functions.
namespace tuning {

// A Beta distribution: what is believed of a rate.
struct Beta {
  double wins = 1;
  double losses = 1;
};

// For each arm the probability that its rate is the highest. By numeric integration, so it is the
// same on every run; rates finer than a two-thousandth are not told apart.
std::vector<double> chances_of_best(const std::vector<Beta>& arms);

struct WeightOptions {
  double prior_wins = 1;
  double prior_losses = 1;
  double floor = 0.02;     // the share that every arm keeps, so that a change of its luck shows
  double memory = 10'000;  // a belief gets no sharper than this many turns make it
};

struct Arm {
  double wins = 0;
  double trials = 0;
  bool held_back = false;  // gets the floor, whatever it wins
};

// The share of turns that each arm should get, in sum 1: Thompson sampling by its probabilities
// (Thompson 1933; "probability matching" in Scott 2010, A modern Bayesian look at the multi-armed
// bandit), so that whoever draws by these shares samples without asking for each draw.
std::vector<double> weights_of(const std::vector<Arm>& arms, const WeightOptions& options);

// A draw from the belief; the gammas of Marsaglia and Tsang (2000).
double draw(const Beta& belief, Random& random);

}  // namespace tuning
