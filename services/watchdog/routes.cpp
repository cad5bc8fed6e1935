#include "watchdog/routes.h"

#include <algorithm>
#include <utility>

namespace watchdog {
namespace {

runtime::Process::State shown(const contracts::ServiceStatus& status) {
  using State = contracts::ProcessState;
  if (status.state != State::Running) return {std::string(enum_name(status.state)), false};
  return {status.ready ? "connected" : "unavailable", status.ready};
}

}  // namespace

void install_routes(runtime::Process& process, const std::vector<std::string>& names,
                    std::function<std::vector<contracts::ServiceStatus>()> services) {
  for (const auto& name : names) {
    process.check(name, [name, services] {
      for (const auto& status : services()) {
        if (status.name == name) return shown(status);
      }
      return runtime::Process::State{"unavailable", false};
    });
  }
  process.doors().method<contracts::ServicesRequest, contracts::ServicesReply>(
      "watchdog.services", runtime::Get("/services"),
      [services = std::move(services)](const contracts::ServicesRequest&)
          -> Result<contracts::ServicesReply> { return contracts::ServicesReply{services()}; });
}

}  // namespace watchdog
