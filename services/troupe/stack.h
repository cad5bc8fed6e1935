#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "messaging/node.h"
#include "troupe/options.h"
#include "troupe/transcript.h"

// Starting a stack, stopping it, and looking at it. Results are exit statuses.
namespace troupe {

// Becomes the watchdog that lies beside `program`; with --detach starts it in a session of its own
// and returns when the stack is ready (0), or not (1), or when the watchdog has ended (its status).
Result<int> up(const Options& options, const std::string& program);

// Asks the watchdog to end and waits until it has. 0 also when none was running.
Result<int> down(const Options& options);

// Prints what runs. 0 when all of it is ready, 1 otherwise.
Result<int> status(const Options& options, Style style);

// A node that calls the services of the stack. Unavailable when there is none.
Result<std::unique_ptr<messaging::Node>> connect(const Options& options);

}  // namespace troupe
