#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "contracts/watchdog.h"
#include "messaging/node.h"
#include "watchdog/attendance.h"

namespace watchdog {

// Asks every service again and again whether it is ready, by its RPC method "ping": twice a second,
// and every 50 ms while one is missing. Thread-safe.
class RollCall {
 public:
  struct Options {
    std::vector<std::string> names;
    Attendance::Options attendance;
    // What runs, as whoever runs it says; empty where the services are only watched.
    std::function<std::vector<contracts::ServiceStatus>()> running;
    // Both on the node's thread: once, when all first are ready; and of each process that has been
    // silent for too long.
    std::function<void()> all_ready;
    std::function<void(const Attendance::Silent&)> silent;
  };
  // `node` must outlive it.
  RollCall(messaging::Node& node, Options options);
  ~RollCall();
  RollCall(const RollCall&) = delete;

  // What runs, with what only the services know: their doors, which they have announced in
  // `run_dir`, and whether they are ready.
  std::vector<contracts::ServiceStatus> services(const std::string& run_dir) const;

 private:
  struct State;
  static void ask(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
};

}  // namespace watchdog
