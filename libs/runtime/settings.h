#pragma once

#include <string>

#include "base/fields.h"
#include "telemetry/log.h"

namespace runtime {

// The settings that every service has beside its own.
struct Settings {
  int port = 0;
  std::string bind = "127.0.0.1";
  std::string hosts;
  std::string data = "data";
  std::string run;
  telemetry::Level log_level = telemetry::Level::Info;
  int workers = 4;
  int queue = 1024;
  int request_timeout_ms = 30'000;
  int drain_timeout_ms = 5'000;

  static void fields(auto& self, auto&& visit) {
    visit("port", self.port,
          Field{.min = 0, .max = 65535, .help = "HTTP door; 0 picks a free port"});
    visit("bind", self.bind, Field{.bytes_max = 64, .help = "address of the HTTP door"});
    visit("hosts", self.hosts,
          Field{.bytes_max = 2000, .help = "more names that a Host header may carry, with commas"});
    visit("data", self.data, Field{.bytes_min = 1, .bytes_max = 1000, .help = "data directory"});
    visit("run", self.run,
          Field{.bytes_max = 60,
                .help = "directory of the stack's sockets; empty: derived from data"});
    visit("log_level", self.log_level, Field{.help = "debug, info, warn, error or off"});
    visit("workers", self.workers, Field{.min = 1, .max = 64, .help = "threads that serve calls"});
    visit("queue", self.queue,
          Field{.min = 1, .max = 65536, .help = "calls that may wait for a worker"});
    visit("request_timeout_ms", self.request_timeout_ms,
          Field{.min = 1, .max = 600'000, .help = "deadline of a request that brings none"});
    visit(
        "drain_timeout_ms", self.drain_timeout_ms,
        Field{.min = 0, .max = 600'000, .help = "how long requests under way may take at the end"});
  }
};

// A service's whole configuration: the common settings, then its own.
template <class Own>
struct Combined {
  Settings common;
  Own own;

  Combined() { common.port = Own::kPort; }

  static void fields(auto& self, auto&& visit) {
    Settings::fields(self.common, visit);
    Own::fields(self.own, visit);
  }
};

}  // namespace runtime
