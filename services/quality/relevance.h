#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "quality/draft.h"

// What ties a line to the talk before it, in numbers, and how sure they make it that there is no
// tie. Pure; thread-safe.
namespace quality {

// One number of a line, mostly 0 or 1, with the weight that it has in the sum. The weights are
// fitted by bench/fit_relevance.py on the tuning lines of bench/data.
struct Tie {
  std::string_view name;
  double weight;
};

constexpr std::size_t kTies = 37;
using TieValues = std::array<double, kTies>;

const std::array<Tie, kTies>& ties();
TieValues tie_values(const Draft& draft);

struct Relevance {
  double off_topic_odds = 0;    // their logarithm, that the line has nothing to do with the talk
  double recital = 0;           // the share of what the line is about that one passage has
  bool better_passage = false;  // another passage fits the talk better, and the line leaves it out
};
Relevance relevance(const Draft& draft);

}  // namespace quality
