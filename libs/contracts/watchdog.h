#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fields.h"
#include "base/limits.h"

namespace contracts {

// What the watchdog knows of a process. CrashLoop: it ends so often that it is restarted only
// every few seconds. Stopped: ended, and meant to be.
enum class ProcessState { Running, BackingOff, CrashLoop, Draining, Stopped };
constexpr auto enum_names(ProcessState) {
  return EnumNames<ProcessState, 5>{{{ProcessState::Running, "running"},
                                     {ProcessState::BackingOff, "backing_off"},
                                     {ProcessState::CrashLoop, "crash_loop"},
                                     {ProcessState::Draining, "draining"},
                                     {ProcessState::Stopped, "stopped"}}};
}

struct ServiceStatus {
  static constexpr std::string_view kName = "service_status";
  std::string name;
  std::int64_t pid = 0;  // 0: there is no process now
  ProcessState state = ProcessState::Stopped;
  bool ready = false;  // its own /ready says so
  std::int64_t restarts = 0;
  std::int64_t since_ms = 0;  // wall time at which this state began
  std::string http;           // "http://127.0.0.1:6005"; empty until the service has told
  std::optional<std::string> last_exit;  // such as "exit 1", "signal 9"

  static void fields(auto& self, auto&& visit) {
    visit("name", self.name, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("pid", self.pid, Field{.min = 0});
    visit("state", self.state);
    visit("ready", self.ready);
    visit("restarts", self.restarts, Field{.min = 0});
    visit("since_ms", self.since_ms);
    visit("http", self.http, Field{.bytes_max = 256, .defaulted = true});
    visit("last_exit", self.last_exit, Field{.bytes_max = 512});
  }
};

// watchdog.services, GET /services: every process of the stack, in start order.
struct ServicesRequest {
  static constexpr std::string_view kName = "services_request";
  static void fields(auto&, auto&&) {}
};

struct ServicesReply {
  static constexpr std::string_view kName = "services_reply";
  std::vector<ServiceStatus> services;
  static void fields(auto& self, auto&& visit) { visit("services", self.services); }
};

}  // namespace contracts
