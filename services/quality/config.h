#pragma once

#include "base/fields.h"
#include "quality/reviewer.h"

namespace quality {

struct Config {
  static constexpr int kPort = 6003;

  Reviewer::Options review;
  int cache_kib = 4 * 1024;
  int cache_ttl_ms = 30 * 60 * 1000;
  int cast_refresh_ms = 10'000;

  static void fields(auto& self, auto&& visit) {
    visit("weights", self.review.weights, Field{.help = "of the five components, as an object"});
    visit("parts", self.review.parts,
          Field{.help = "of the parts in each component, as an object"});
    visit("thresholds", self.review.thresholds,
          Field{.help = "the score a line needs by lines of the last 24 h, as an object"});
    visit("major_cap", self.review.major_cap,
          Field{.min = 0, .max = 100, .help = "the most a line with a major finding scores"});
    visit("critical_cap", self.review.critical_cap,
          Field{.min = 0, .max = 100, .help = "the most a line with a critical finding scores"});
    visit("cache_kib", self.cache_kib,
          Field{.min = 0, .max = 1024 * 1024, .help = "memory for assessments"});
    visit("cache_ttl_ms", self.cache_ttl_ms,
          Field{.min = 1, .max = 86'400'000, .help = "how long an assessment is kept"});
    visit("cast_refresh_ms", self.cast_refresh_ms,
          Field{.min = 10, .max = 600'000, .help = "how often the cast is asked for"});
  }
};

}  // namespace quality
