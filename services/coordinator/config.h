#pragma once

#include <optional>

#include "base/fields.h"
#include "coordinator/delays.h"
#include "coordinator/selector.h"

namespace coordinator {

struct Config {
  static constexpr int kPort = 6002;

  Weights weights;
  DelayOptions delays;
  std::optional<double> delays_scale;
  int quiet_asked_minutes = 2;
  int retention_days = 30;
  int cache_kib = 8 * 1024;
  int cast_refresh_ms = 10'000;

  static void fields(auto& self, auto&& visit) {
    visit("weights", self.weights,
          Field{.help = "of the terms, the threshold and the energy of bots, as an object"});
    visit("delays", self.delays, Field{.help = "of follow-ups, as an object"});
    visit("delays_scale", self.delays_scale,
          Field{.min = 0, .max = 100, .help = "delays.scale; 0: bots answer bots at once"});
    visit("quiet_asked_minutes", self.quiet_asked_minutes,
          Field{.min = 0, .max = 1440, .help = "how long \"be quiet, guys\" lasts; 0: that line"});
    visit("retention_days", self.retention_days,
          Field{.min = 1, .max = 3650, .help = "how long lines are kept"});
    visit("cache_kib", self.cache_kib,
          Field{.min = 0, .max = 1024 * 1024, .help = "memory for recent conversations"});
    visit("cast_refresh_ms", self.cast_refresh_ms,
          Field{.min = 10, .max = 600'000, .help = "how often the cast is asked for"});
  }

  DelayOptions scaled_delays() const {
    DelayOptions options = delays;
    options.scale = delays_scale.value_or(delays.scale);
    return options;
  }
};

}  // namespace coordinator
