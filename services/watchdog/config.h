#pragma once

#include <string>

#include "base/fields.h"

namespace watchdog {

struct Config {
  static constexpr int kPort = 6018;

  std::string only;
  std::string bin;
  bool watch_only = false;
  int frozen_after_ms = 20'000;
  int stop_timeout_ms = 10'000;
  int log_megabytes = 8;
  int log_hours = 24;
  int logs_kept = 5;
  int logs_megabytes = 256;
  int incidents_kept = 200;

  static void fields(auto& self, auto&& visit) {
    visit("only", self.only,
          Field{.bytes_max = 1000, .help = "services to run, with commas; empty: all"});
    visit("bin", self.bin,
          Field{.bytes_max = 1000, .help = "directory of the programs; empty: this one's own"});
    visit("watch_only", self.watch_only,
          Field{.help = "start nothing, only watch: something else runs the services"});
    visit("frozen_after_ms", self.frozen_after_ms,
          Field{.min = 0,
                .max = 3'600'000,
                .help = "silence after which a service is killed and restarted; 0: never"});
    visit("stop_timeout_ms", self.stop_timeout_ms,
          Field{.min = 1, .max = 600'000, .help = "from asking a service to end to killing it"});
    visit("log_megabytes", self.log_megabytes,
          Field{.min = 1, .max = 1024, .help = "a service's log is rotated at this size"});
    visit("log_hours", self.log_hours,
          Field{.min = 1, .max = 8760, .help = "a service's log is rotated at this age"});
    visit("logs_kept", self.logs_kept,
          Field{.min = 1, .max = 100, .help = "rotated logs kept of each service"});
    visit("logs_megabytes", self.logs_megabytes,
          Field{.min = 1, .max = 1024 * 1024, .help = "rotated logs kept of all services"});
    visit("incidents_kept", self.incidents_kept,
          Field{.min = 1, .max = 1000, .help = "incidents that are remembered"});
  }
};

}  // namespace watchdog
