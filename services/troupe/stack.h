#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "contracts/watchdog.h"
#include "messaging/node.h"
#include "troupe/options.h"
#include "troupe/transcript.h"
#include "troupe/world.h"

// Starting a stack, stopping it, and looking at it. Results are exit statuses.
namespace troupe {

// Becomes the watchdog that lies beside `program`; with --detach starts it in a session of its own
// and returns when the stack is ready (0), or not (1), or when the watchdog has ended (its status).
Result<int> up(const Options& options, const std::string& program);

// Asks the watchdog to end and waits until it has. 0 also when none was running.
Result<int> down(const Options& options);

// Prints what runs, how its caches do, and where Redis is used how that is. 0 when all services are
// ready, 1 otherwise.
Result<int> status(const Options& options, const World& world, Style style);

// A stack that was looked at; without one the watchdog's pid is 0 and all else is empty.
struct Running {
  std::int64_t watchdog_pid = 0;
  std::unique_ptr<messaging::Node> node;
  std::vector<contracts::ServiceStatus> services;
  std::vector<contracts::Incident> incidents;  // the latest first
};
// An error when there is a watchdog that does not answer.
Result<Running> look(const Options& options);

// A node that calls the services of the stack. Unavailable when there is none.
Result<std::unique_ptr<messaging::Node>> connect(const Options& options);

}  // namespace troupe
