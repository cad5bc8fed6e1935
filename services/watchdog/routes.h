#pragma once

#include <functional>

#include "contracts/watchdog.h"
#include "runtime/runtime.h"
#include "watchdog/incidents.h"

namespace watchdog {

// GET /services, RPC watchdog.services; GET /incidents, RPC watchdog.incidents. The /ready that
// every process has waits for all of `names`. What is passed must outlive the process's doors.
void install_routes(runtime::Process& process, const std::vector<std::string>& names,
                    std::function<std::vector<contracts::ServiceStatus>()> services,
                    const Incidents& incidents);

}  // namespace watchdog
