#include "watchdog/roll_call.h"

#include <algorithm>
#include <map>
#include <mutex>
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

}  // namespace

// Shared with the calls under way, which may end after the roll call.
struct RollCall::State {
  messaging::Node& node;
  std::function<void()> all_ready;

  struct Member {
    bool ready = false;
    bool asked = false;
  };
  std::mutex mutex{};
  std::map<std::string, Member> members{};
  bool announced = false;
  bool over = false;
};

RollCall::RollCall(messaging::Node& node, std::vector<std::string> names,
                   std::function<void()> all_ready)
    : state_(new State{node, std::move(all_ready)}) {
  for (auto& name : names) state_->members[std::move(name)];
  node.post([state = state_] { ask(state); });
}

RollCall::~RollCall() {
  const std::lock_guard lock(state_->mutex);
  state_->over = true;
}

bool RollCall::ready(const std::string& name) const {
  const std::lock_guard lock(state_->mutex);
  const auto member = state_->members.find(name);
  return member != state_->members.end() && member->second.ready;
}

void RollCall::ask(const std::shared_ptr<State>& state) {
  std::vector<std::string> names;
  bool all_ready = true;
  bool first = false;
  {
    const std::lock_guard lock(state->mutex);
    if (state->over) return;
    for (auto& [name, member] : state->members) {
      all_ready = all_ready && member.ready;
      if (!std::exchange(member.asked, true)) names.push_back(name);
    }
    first = all_ready && !std::exchange(state->announced, state->announced || all_ready);
  }
  if (first) state->all_ready();
  for (const auto& name : names) {
    state->node.call(
        name, "ping", "{}",
        {.deadline = SystemClock::instance().now() + kAnswerTimeout, .idempotent = false},
        [state, name](const Result<std::string>& body) {
          bool ready = false;
          if (body) {
            const auto pong = json::decode<runtime::Pong>(body.value());
            ready = pong && pong.value().ready;
          }
          const std::lock_guard lock(state->mutex);
          state->members[name] = {ready, false};
        });
  }
  state->node.after(all_ready ? kIntervalWhenReady : kIntervalWhenMissing, [state] { ask(state); });
}

std::vector<contracts::ServiceStatus> with_doors(std::vector<contracts::ServiceStatus> services,
                                                 const std::string& run_dir, const RollCall& roll) {
  const auto instances = messaging::instances(run_dir);
  for (auto& service : services) {
    service.ready = service.pid != 0 && roll.ready(service.name);
    const auto instance =
        std::find_if(instances.begin(), instances.end(),
                     [&](const messaging::Instance& i) { return i.pid == service.pid; });
    if (service.pid != 0 && instance != instances.end() && !instance->http.empty()) {
      service.http = "http://" + instance->http;
    }
  }
  return services;
}

}  // namespace watchdog
