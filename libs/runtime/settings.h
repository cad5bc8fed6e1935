#pragma once

#include <string>

#include "base/fields.h"
#include "telemetry/log.h"

namespace runtime {

// How the processes of a stack speak: ipc sockets of one machine, or tcp with CURVE keys.
enum class Transport { Ipc, Tcp };
constexpr auto enum_names(Transport) {
  return EnumNames<Transport, 2>{{{Transport::Ipc, "ipc"}, {Transport::Tcp, "tcp"}}};
}

// How they find each other: files in the run directory, or the services' names in DNS.
enum class Discovery { Files, Dns };
constexpr auto enum_names(Discovery) {
  return EnumNames<Discovery, 2>{{{Discovery::Files, "files"}, {Discovery::Dns, "dns"}}};
}

// The settings that every service has beside its own.
struct Settings {
  int port = 0;
  std::string bind = "127.0.0.1";
  std::string hosts;
  std::string data = "data";
  std::string run;
  Transport rpc = Transport::Ipc;
  Discovery discovery = Discovery::Files;
  std::string keys;
  telemetry::Level log_level = telemetry::Level::Info;
  int workers = 4;
  int queue = 1024;
  int request_timeout_ms = 30'000;
  int drain_timeout_ms = 5'000;
  std::string redis_url;
  int redis_timeout_ms = 50;
  int redis_connect_timeout_ms = 100;

  static void fields(auto& self, auto&& visit) {
    visit("port", self.port,
          Field{.min = 0, .max = 65535, .help = "HTTP door; 0 picks a free port"});
    visit("bind", self.bind,
          Field{.bytes_max = 64, .help = "address of the HTTP door", .variable = "TROUPE_BIND"});
    visit("hosts", self.hosts,
          Field{.bytes_max = 2000,
                .help = "more names that a Host header may carry, with commas",
                .variable = "TROUPE_HOSTS"});
    visit("data", self.data,
          Field{.bytes_min = 1,
                .bytes_max = 1000,
                .help = "data directory",
                .variable = "TROUPE_DATA"});
    visit("run", self.run,
          Field{.bytes_max = 60,
                .help = "directory of the stack's sockets; empty: derived from data"});
    visit("rpc", self.rpc,
          Field{.help = "ipc, or tcp: at the door's address and port + 1000, events + 2000",
                .variable = "TROUPE_RPC"});
    visit("discovery", self.discovery,
          Field{.help = "files of the run directory, or dns: the services' names",
                .variable = "TROUPE_DISCOVERY"});
    visit("keys", self.keys,
          Field{.bytes_max = 1000,
                .help = "directory of the CURVE keys of tcp, which all services share",
                .variable = "TROUPE_KEYS"});
    visit("log_level", self.log_level, Field{.help = "debug, info, warn, error or off"});
    visit("workers", self.workers, Field{.min = 1, .max = 64, .help = "threads that serve calls"});
    visit("queue", self.queue,
          Field{.min = 1, .max = 65536, .help = "calls that may wait for a worker"});
    visit("request_timeout_ms", self.request_timeout_ms,
          Field{.min = 1, .max = 600'000, .help = "deadline of a request that brings none"});
    visit(
        "drain_timeout_ms", self.drain_timeout_ms,
        Field{.min = 0, .max = 600'000, .help = "how long requests under way may take at the end"});
    visit("redis_url", self.redis_url,
          Field{.bytes_max = 1000,
                .secret = true,
                .help = "Redis or KeyDB behind the caches: redis://host:6379, unix:///path",
                .variable = "REDIS_URL TROUPE_REDIS_URL"});
    visit("redis_timeout_ms", self.redis_timeout_ms,
          Field{.min = 1, .max = 10'000, .help = "how long a call may wait for a cached value"});
    visit("redis_connect_timeout_ms", self.redis_connect_timeout_ms,
          Field{.min = 1, .max = 60'000, .help = "for connecting to Redis, and for its writes"});
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
