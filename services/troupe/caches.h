#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "troupe/transcript.h"

namespace troupe {

// One cache of a service, as its metrics tell since the service's start.
struct CacheRow {
  std::string service;
  std::string name;
  double hits = 0;
  double misses = 0;
  double evictions = 0;
  double bytes = 0;
};

// The caches in a Prometheus text of a service: troupe_<service>_cache_<name>_hits_total,
// ..._misses_ total, ..._evictions_total, ..._bytes (labels are summed up). Other lines are passed
// over.
std::vector<CacheRow> caches_in(const std::string& service, std::string_view metrics);

// Empty when there are none.
std::string cache_table(const std::vector<CacheRow>& rows, Style style);

}  // namespace troupe
