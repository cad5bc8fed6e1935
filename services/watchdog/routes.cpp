#include "watchdog/routes.h"

#include <algorithm>
#include <map>
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
                    std::function<std::vector<contracts::ServiceStatus>()> services,
                    const Incidents& incidents) {
  for (const auto& name : names) {
    process.check(name, [name, services] {
      for (const auto& status : services()) {
        if (status.name == name) return shown(status);
      }
      return runtime::Process::State{"unavailable", false};
    });
  }
  std::map<std::string, telemetry::Gauge> up;
  for (const auto& name : names) {
    up.emplace(name, process.metrics().gauge("troupe_watchdog_service_up",
                                             "Whether the service runs and says that it is ready",
                                             {{"service", name}}));
  }
  process.metrics().before_text([up, services] {
    for (const auto& status : services()) {
      const auto gauge = up.find(status.name);
      if (gauge != up.end()) gauge->second.set(status.ready ? 1 : 0);
    }
  });
  process.doors().method<contracts::IncidentsRequest, contracts::IncidentsReply>(
      "watchdog.incidents",
      runtime::Get("/incidents", "What went wrong with the services, the latest first"),
      [&incidents](
          const contracts::IncidentsRequest& request) -> Result<contracts::IncidentsReply> {
        return contracts::IncidentsReply{incidents.list(request)};
      });
  process.doors().method<contracts::ServicesRequest, contracts::ServicesReply>(
      "watchdog.services", runtime::Get("/services", "Every process of the stack, in start order"),
      [services = std::move(services)](const contracts::ServicesRequest&)
          -> Result<contracts::ServicesReply> { return contracts::ServicesReply{services()}; });
}

}  // namespace watchdog
