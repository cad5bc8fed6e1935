#include "troupe/doctor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "troupe/findings.h"
#include "troupe/machine_checks.h"
#include "troupe/model_checks.h"
#include "troupe/stack.h"
#include "troupe/stage_checks.h"

namespace troupe {
namespace {

// Whether a watchdog holds the data directory, wherever its sockets are.
bool held(const std::string& data) {
  const int fd = ::open((data + "/watchdog/lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool taken = ::flock(fd, LOCK_EX | LOCK_NB) != 0;
  ::close(fd);
  return taken;
}

std::string card_folder(const Options& options) { return options.data + "/characters"; }

std::string door_of(const std::vector<contracts::ServiceStatus>& services,
                    const std::string& name) {
  const auto found = std::find_if(services.begin(), services.end(),
                                  [&](const auto& service) { return service.name == name; });
  return found == services.end() ? "" : found->http;
}

void check_stopped(const Options& options, const AllSettings& settings, const World& world,
                   Findings& findings) {
  if (held(options.data)) {
    findings.fail("stack",
                  fmt::format("one works on {} from another run directory than {}", options.data,
                              options.run),
                  fmt::format("fuser -v {}/watchdog/lock", options.data));
  } else {
    findings.warn("stack", "none runs, so nobody speaks", "troupe up --detach");
    check_ports(settings, findings);
  }
  check_card_files(card_folder(options), findings);
  if (const auto llm = settings.find("llm"); llm != settings.end()) {
    check_models(world, llm->second.root(), findings);
  }
}

// A running service's own settings may be others than those of the file today.
Result<json::Document> settings_of(const World& world,
                                   const std::vector<contracts::ServiceStatus>& services,
                                   const std::string& name) {
  const std::string http = door_of(services, name);
  if (http.empty()) return Error{Code::Unavailable, name + " has no door"};
  return fetch_json(world, http + "/config");
}

void check_running(const Options& options, const Running& running, const World& world,
                   Findings& findings) {
  const auto& services = running.services;
  findings.ok("stack",
              fmt::format("watchdog {} runs {} services", running.watchdog_pid, services.size()));
  check_services(services, options.data, findings);
  check_incidents(running.incidents, SystemClock::instance().wall_ms(), options.data, findings);
  for (const auto& service : services) {
    std::error_code gone;
    const auto link = fmt::format("/proc/{}/exe", service.pid);
    check_build(service.name, std::filesystem::read_symlink(link, gone).string(), findings);
  }
  check_health(world, services, options.data, findings);
  if (const auto llm = settings_of(world, services, "llm")) {
    check_models(world, llm.value().root(), findings);
    const auto providers = fetch_json(world, door_of(services, "llm") + "/providers");
    if (providers) check_providers(providers.value().root(), findings);
  }
  check_characters(*running.node, door_of(services, "characters"), card_folder(options), findings);
  if (const auto coordinator = settings_of(world, services, "coordinator")) {
    check_energy(*running.node, options.channel, coordinator.value().root(), findings);
  }
}

}  // namespace

Result<int> doctor(const Options& options, const std::string& program, const World& world,
                   Style style) {
  Findings findings;
  const std::string folder = std::filesystem::path(program).parent_path().string();
  const std::string config =
      options.config.empty() ? world.variable("TROUPE_CONFIG") : options.config;
  const auto settings = check_programs(world, folder, config, options.data, options.run, findings);
  check_data(options.data, findings);
  check_run(options.run, findings);
  check_open_files(open_files_limit(), findings);
  check_redis(world, findings);
  const auto running = look(options);
  if (!running) {
    findings.fail("stack", running.error().message, "troupe down && troupe up --detach");
  } else if (running.value().watchdog_pid == 0) {
    check_stopped(options, settings, world, findings);
  } else {
    check_running(options, running.value(), world, findings);
  }
  findings.place_commands(options.where);
  fmt::print("{}", options.json ? report_json(findings) + "\n" : report(findings, style));
  return findings.count(Level::Fail) == 0 ? 0 : 1;
}

}  // namespace troupe
