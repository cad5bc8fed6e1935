#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <optional>
#include <thread>

#include "messaging/discovery.h"
#include "runtime/runtime.h"
#include "telemetry/log.h"
#include "watchdog/config.h"
#include "watchdog/greeting.h"
#include "watchdog/keeper.h"
#include "watchdog/roll_call.h"
#include "watchdog/routes.h"
#include "watchdog/stack.h"

namespace {

void log_event(const watchdog::Event& event) {
  using Kind = watchdog::Event::Kind;
  const std::string& name = event.program;
  switch (event.kind) {
    case Kind::Started:
      return telemetry::info("service started", {{"name", name}, {"pid", event.pid}});
    case Kind::Draining:
      return telemetry::info("service asked to end", {{"name", name}});
    case Kind::Exited:
      if (event.expected) return telemetry::info("service ended", {{"name", name}});
      return telemetry::warn(
          "service ended", {{"name", name}, {"how", event.detail}, {"last_line", event.last_line}});
    case Kind::CrashLoop:
      return telemetry::error("service keeps falling", {{"name", name}, {"how", event.detail}});
    case Kind::Killed:
      return telemetry::warn("service killed, it did not end in time", {{"name", name}});
  }
}

watchdog::Keeper::Options keeper_options(const runtime::Settings& settings,
                                         const watchdog::Config& config) {
  watchdog::Keeper::Options options;
  options.supervisor.drain_timeout = Milliseconds(config.stop_timeout_ms);
  options.log.bytes_max = static_cast<std::size_t>(config.log_megabytes) * 1024 * 1024;
  options.log.age_max = std::chrono::hours(config.log_hours);
  options.log.kept = config.logs_kept;
  options.log_folder = std::filesystem::path(settings.data) / "logs";
  return options;
}

// The keeper's thread. Goes when all programs have stopped, however serve() is left.
struct Shift {
  watchdog::Keeper& keeper;
  std::jthread thread{[this] { keeper.run(); }};

  explicit Shift(watchdog::Keeper& its) : keeper(its) {}
  ~Shift() { keeper.drain(); }
};

Result<void> serve(runtime::Process& process, const watchdog::Config& config) {
  const auto& settings = process.settings();
  const auto folder = TRY(process.data_dir());
  const auto lock = TRY(watchdog::lock_folder(folder));
  const auto programs =
      TRY(watchdog::stack({config.only, config.bin.empty() ? watchdog::own_directory() : config.bin,
                           settings.data, settings.run}));
  std::vector<std::string> names;
  for (const auto& program : programs) names.push_back(program.name);

  const auto options = keeper_options(settings, config);
  const auto exits = process.metrics().counter("troupe_watchdog_service_exits_total",
                                               "Services that ended without being asked");
  std::atomic<bool> greeted{false};
  std::string refusal;  // of the keeper's thread, until that has ended
  const auto report = [&](const watchdog::Event& event) {
    const bool fell = event.kind == watchdog::Event::Kind::Exited && !event.expected;
    if (fell) exits.add();
    log_event(event);
    // A service that refuses to start says why in one line: so does the stack, at once.
    if (!fell || greeted || event.detail != "exit 2" || !refusal.empty()) return;
    refusal = event.last_line;
    ::kill(::getpid(), SIGTERM);
  };
  const auto keeper =
      TRY(watchdog::Keeper::open(options, programs, SystemClock::instance(), report));
  const std::string chat =
      fmt::format("{}/troupe chat --data {}", watchdog::own_directory(), settings.data);
  const auto greet = [&greeted, names, chat, run = settings.run,
                      logs = options.log_folder.string()] {
    greeted = true;
    fmt::print("{}", watchdog::greeting(names, messaging::instances(run), chat, logs));
    std::fflush(stdout);
  };
  const watchdog::RollCall roll(process.node(), names, greet);
  watchdog::install_routes(process, names, [&, run = settings.run] {
    return watchdog::with_doors(keeper->status(), run, roll);
  });
  {
    const Shift shift(*keeper);
    TRY(process.run());
  }
  if (!refusal.empty()) return Error{Code::InvalidArgument, refusal};
  return {};
}

// A section that no service reads is a typing mistake.
Result<void> check_sections(const std::string& file) {
  const auto document = TRY(config::read_file(file));
  if (!document) return {};
  std::optional<Error> stranger;
  document->root().each_member([&](std::string_view section, json::Value) {
    const bool known = section == "watchdog" || watchdog::is_service(section);
    if (known || stranger) return;
    stranger =
        Error{Code::InvalidArgument, fmt::format("config {}: unknown section '{}'", file, section)};
  });
  if (stranger) return *stranger;
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  // The services read the same file: they inherit its name, however this process was given it.
  const auto inputs = config::read_inputs("watchdog", argc, argv, environ);
  if (inputs && !inputs.value().file.empty()) {
    const auto checked = check_sections(inputs.value().file);
    if (!checked) return runtime::detail::refuse_start("watchdog", checked.error());
    ::setenv("TROUPE_CONFIG", inputs.value().file.c_str(), 1);
  }
  return runtime::main<watchdog::Config>("watchdog", argc, argv, serve);
}
