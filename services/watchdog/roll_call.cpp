#include "watchdog/roll_call.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "base/clock.h"
#include "json/codec.h"
#include "messaging/discovery.h"
#include "runtime/runtime.h"

namespace watchdog {
namespace {

constexpr Milliseconds kAnswerTimeout{1000};
constexpr Milliseconds kIntervalWhenReady{500};
constexpr Milliseconds kIntervalWhenMissing{50};

SteadyTime now() { return SystemClock::instance().now(); }

}  // namespace

// Shared with the calls under way, which may end after the roll call.
struct RollCall::State {
  messaging::Node& node;
  const Options options;

  std::mutex mutex{};
  Attendance attendance{options.attendance};
  std::set<std::string> asked{};
  // Where nobody else knows: what the answers show, and since when.
  std::map<std::string, contracts::ServiceStatus> watched{};
  bool announced = false;
  bool over = false;

  std::vector<contracts::ServiceStatus> current();
  void watch(const std::string& name);
  void answered(const std::string& name, const Result<std::string>& body);
};

// Of a service that somebody else runs, only the answers tell.
void RollCall::State::watch(const std::string& name) {
  auto& status = watched[name];
  const auto present = attendance.present(name, now());
  const auto state = present ? contracts::ProcessState::Running : contracts::ProcessState::Stopped;
  if (status.name.empty() || status.state != state) {
    status.since_ms = SystemClock::instance().wall_ms();
  }
  status.name = name;
  status.state = state;
  status.ready = present && present->ready;
  if (present) status.pid = present->pid;  // of a lost one too: it is silence that is measured
}

// With `mutex` held. Each is ready when the very process that runs has said so.
std::vector<contracts::ServiceStatus> RollCall::State::current() {
  std::vector<contracts::ServiceStatus> all;
  if (!options.running) {
    for (const auto& name : options.names) {
      watch(name);
      all.push_back(watched[name]);
    }
    return all;
  }
  all = options.running();
  for (auto& status : all) {
    status.ready = attendance.ready(status.name, static_cast<pid_t>(status.pid), now());
  }
  return all;
}

void RollCall::State::answered(const std::string& name, const Result<std::string>& body) {
  const auto pong =
      body ? json::decode<runtime::Pong>(body.value()) : Result<runtime::Pong>(body.error());
  const std::lock_guard lock(mutex);
  asked.erase(name);
  if (pong) {
    attendance.answered(name, static_cast<pid_t>(pong.value().pid), pong.value().ready, now());
  } else {
    attendance.missed(name);
  }
}

RollCall::RollCall(messaging::Node& node, Options options)
    : state_(new State{node, std::move(options)}) {
  node.post([state = state_] { ask(state); });
}

RollCall::~RollCall() {
  const std::lock_guard lock(state_->mutex);
  state_->over = true;
}

void RollCall::ask(const std::shared_ptr<State>& state) {
  std::vector<std::string> names;
  std::vector<Attendance::Silent> silent;
  bool all_ready = true;
  bool first = false;
  {
    const std::lock_guard lock(state->mutex);
    if (state->over) return;
    const auto current = state->current();
    for (const auto& status : current) all_ready = all_ready && status.ready;
    silent = state->attendance.silent(current, now());
    for (const auto& name : state->options.names) {
      if (state->asked.insert(name).second) names.push_back(name);
    }
    first = all_ready && !std::exchange(state->announced, state->announced || all_ready);
  }
  if (first) state->options.all_ready();
  for (const auto& one : silent) state->options.silent(one);
  for (const auto& name : names) {
    state->node.call(
        name, "ping", "{}", {.deadline = now() + kAnswerTimeout, .idempotent = false},
        [state, name](const Result<std::string>& body) { state->answered(name, body); });
  }
  state->node.after(all_ready ? kIntervalWhenReady : kIntervalWhenMissing, [state] { ask(state); });
}

std::vector<contracts::ServiceStatus> RollCall::services(const std::string& run_dir) const {
  std::vector<contracts::ServiceStatus> services;
  {
    const std::lock_guard lock(state_->mutex);
    services = state_->current();
  }
  const auto instances = messaging::instances(run_dir);
  for (auto& service : services) {
    const auto instance =
        std::find_if(instances.begin(), instances.end(), [&](const messaging::Instance& i) {
          return i.pid == service.pid && i.service == service.name;
        });
    if (service.pid != 0 && instance != instances.end() && !instance->http.empty()) {
      service.http = "http://" + instance->http;
    }
  }
  return services;
}

}  // namespace watchdog
