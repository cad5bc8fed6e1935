#pragma once

#include <cstddef>

#include "vector/flat.h"
#include "vector/graph.h"

// Chooses how a search is answered: by a walk of the graph, or by a scan of the rows that may be
// found at all. A walk under a filter keeps 1 / selectivity times as many rows in mind to be left
// with the same number, so its cost grows as the filter closes while that of the scan falls: recall
// does not depend on the filter, and the dearest filter costs what both cost where they meet. Pure.
namespace vector {

inline constexpr double kRecallDefault = 0.98;

struct Facts {
  std::size_t dimension = 0;
  std::size_t rows = 0;     // that are live
  std::size_t matches = 0;  // of them, by the filter; at most that many
  std::size_t k = 10;
  double recall = kRecallDefault;
  bool u4 = false;  // codes that there are
  bool b1 = false;
  GraphOutlook outlook;
  double widening = 1;  // of walks, because queries are missed that rows were not
};

struct Plan {
  bool walk = false;
  Effort effort;         // of the walk
  Scan scan = Scan::I8;  // or in place of a walk that found too little
  double cost_ns = 0;    // estimated
  double scan_ns = 0;    // what the scan would cost
};

Plan plan_search(const Facts& facts);

}  // namespace vector
