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

constexpr std::size_t kTies = 32;
using TieValues = std::array<double, kTies>;

const std::array<Tie, kTies>& ties();
TieValues tie_values(const Draft& draft);

// The log-odds that the line has nothing to do with the talk.
double off_topic_odds(const Draft& draft);

}  // namespace quality
