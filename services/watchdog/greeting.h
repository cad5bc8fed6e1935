#pragma once

#include <string>
#include <vector>

#include "messaging/discovery.h"

namespace watchdog {

// What the terminal shows when all services are ready: the doors of `names`, in that order, what to
// try, and where the logs are.
std::string greeting(const std::vector<std::string>& names,
                     const std::vector<messaging::Instance>& instances,
                     const std::string& chat_command, const std::string& log_folder);

}  // namespace watchdog
