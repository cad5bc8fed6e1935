#pragma once

#include <functional>

#include "contracts/watchdog.h"
#include "runtime/runtime.h"

namespace watchdog {

// GET /services, RPC watchdog.services. The /ready that every process has waits for all of `names`.
void install_routes(runtime::Process& process, const std::vector<std::string>& names,
                    std::function<std::vector<contracts::ServiceStatus>()> services);

}  // namespace watchdog
