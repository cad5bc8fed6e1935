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

// The services of a stack, in the order of their start.
inline constexpr auto kStackServices = std::to_array<std::string_view>(
    {"characters", "retriever", "crawler", "llm", "quality", "coordinator", "tuning", "router",
     "hub", "peter", "brian", "stewie"});
// Of them the characters' bots, which share one program.
inline constexpr auto kStackBots = std::to_array<std::string_view>({"peter", "brian", "stewie"});

// The name of a service's program, and what it is told beside the settings of all.
inline std::vector<std::string> command_of(std::string_view service) {
  for (const std::string_view bot : kStackBots) {
    if (bot == service) return {"troupe-bot", "--character", std::string(bot)};
  }
  return {"troupe-" + std::string(service)};
}

// What the watchdog knows of a process. CrashLoop: it ends so often that it is restarted only
// every few seconds. Refused: it does not start with its settings (exit 2), which is tried again
// ever more rarely. Stopped: ended, and meant to be; where the watchdog only watches: silent.
enum class ProcessState { Running, BackingOff, CrashLoop, Refused, Draining, Stopped };
constexpr auto enum_names(ProcessState) {
  return EnumNames<ProcessState, 6>{{{ProcessState::Running, "running"},
                                     {ProcessState::BackingOff, "backing_off"},
                                     {ProcessState::CrashLoop, "crash_loop"},
                                     {ProcessState::Refused, "refused"},
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
  std::optional<std::string> last_line;  // the last that the process wrote that ended so

  static void fields(auto& self, auto&& visit) {
    visit("name", self.name, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("pid", self.pid, Field{.min = 0});
    visit("state", self.state);
    visit("ready", self.ready);
    visit("restarts", self.restarts, Field{.min = 0});
    visit("since_ms", self.since_ms);
    visit("http", self.http, Field{.bytes_max = 256, .defaulted = true});
    visit("last_exit", self.last_exit, Field{.bytes_max = 512});
    visit("last_line", self.last_line, Field{.bytes_max = 1000});
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

// Something that went wrong with a process. Fell: it ended by itself. Frozen: it gave no answer for
// too long and was killed. Killed: it did not end when asked. Left: not even that ended it. Orphan:
// an earlier watchdog had left it behind. Lost: the watchdog only watches, and it gives no answer.
enum class IncidentKind { Fell, CrashLoop, Refused, Frozen, Killed, Left, Orphan, Lost };
constexpr auto enum_names(IncidentKind) {
  return EnumNames<IncidentKind, 8>{{{IncidentKind::Fell, "fell"},
                                     {IncidentKind::CrashLoop, "crash_loop"},
                                     {IncidentKind::Refused, "refused"},
                                     {IncidentKind::Frozen, "frozen"},
                                     {IncidentKind::Killed, "killed"},
                                     {IncidentKind::Left, "left"},
                                     {IncidentKind::Orphan, "orphan"},
                                     {IncidentKind::Lost, "lost"}}};
}

struct Incident {
  static constexpr std::string_view kName = "incident";
  std::string service;
  IncidentKind kind = IncidentKind::Fell;
  std::string detail;         // "signal 9 (Killed)"
  std::string last_line;      // that the process wrote
  std::int64_t first_ms = 0;  // wall time; the same again is counted, not listed again
  std::int64_t last_ms = 0;
  std::int64_t count = 1;

  static void fields(auto& self, auto&& visit) {
    visit("service", self.service, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("kind", self.kind);
    visit("detail", self.detail, Field{.bytes_max = 512, .defaulted = true});
    visit("last_line", self.last_line, Field{.bytes_max = 1000, .defaulted = true});
    visit("first_ms", self.first_ms);
    visit("last_ms", self.last_ms);
    visit("count", self.count, Field{.min = 1, .defaulted = true});
  }
};

// watchdog.incidents, GET /incidents?service=&limit=: the latest first.
struct IncidentsRequest {
  static constexpr std::string_view kName = "incidents_request";
  std::optional<std::string> service;
  int limit = 50;
  static void fields(auto& self, auto&& visit) {
    visit("service", self.service, Field{.bytes_max = limits::kIdBytes});
    visit("limit", self.limit, Field{.min = 1, .max = 1000, .defaulted = true});
  }
};

struct IncidentsReply {
  static constexpr std::string_view kName = "incidents_reply";
  std::vector<Incident> incidents;
  static void fields(auto& self, auto&& visit) { visit("incidents", self.incidents); }
};

}  // namespace contracts
