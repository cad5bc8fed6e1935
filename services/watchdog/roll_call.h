#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "contracts/watchdog.h"
#include "messaging/node.h"

namespace watchdog {

// Asks every service again and again whether it is ready, by its RPC method "ping": twice a second,
// and every 50 ms while one is missing. Thread-safe.
class RollCall {
 public:
  // `node` must outlive it. `all_ready` is called once, on the node's thread, when all first are.
  RollCall(messaging::Node& node, std::vector<std::string> names, std::function<void()> all_ready);
  ~RollCall();
  RollCall(const RollCall&) = delete;

  bool ready(const std::string& name) const;

 private:
  struct State;
  static void ask(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
};

// Adds to the supervisor's view what only the services know: their doors, which they have announced
// in `run_dir`, and whether they are ready.
std::vector<contracts::ServiceStatus> with_doors(std::vector<contracts::ServiceStatus> services,
                                                 const std::string& run_dir, const RollCall& roll);

}  // namespace watchdog
