#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <thread>

#include "messaging/discovery.h"
#include "runtime/runtime.h"
#include "telemetry/log.h"
#include "watchdog/config.h"
#include "watchdog/greeting.h"
#include "watchdog/incidents.h"
#include "watchdog/keeper.h"
#include "watchdog/own_log.h"
#include "watchdog/roll_call.h"
#include "watchdog/routes.h"
#include "watchdog/stack.h"

namespace {

using Kind = watchdog::Event::Kind;

void log_event(const watchdog::Event& event) {
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
    case Kind::Frozen:
      return telemetry::error("service frozen, it is killed",
                              {{"name", name}, {"pid", event.pid}, {"why", event.detail}});
    case Kind::Killed:
      return telemetry::warn("service killed",
                             {{"name", name}, {"pid", event.pid}, {"why", event.detail}});
    case Kind::Left:
      return telemetry::error("service left behind",
                              {{"name", name}, {"pid", event.pid}, {"why", event.detail}});
  }
}

// What of the events is worth remembering.
void remember(const watchdog::Event& event, watchdog::Incidents& incidents) {
  using Incident = contracts::IncidentKind;
  const auto add = [&](Incident kind) {
    incidents.add(event.program, kind, event.detail, event.last_line);
  };
  switch (event.kind) {
    case Kind::Started:
    case Kind::Draining:
      return;
    case Kind::Exited:
      if (!event.expected) add(event.refused ? Incident::Refused : Incident::Fell);
      return;
    case Kind::CrashLoop:
      return add(Incident::CrashLoop);
    case Kind::Frozen:
      return add(Incident::Frozen);
    case Kind::Killed:
      return add(Incident::Killed);
    case Kind::Left:
      return add(Incident::Left);
  }
}

watchdog::Keeper::Options keeper_options(const runtime::Settings& settings,
                                         const watchdog::Config& config,
                                         const std::string& folder) {
  constexpr std::uint64_t kMegabyte = 1024ULL * 1024;
  watchdog::Keeper::Options options;
  options.supervisor.drain_timeout = Milliseconds(config.stop_timeout_ms);
  options.log.bytes_max = static_cast<std::size_t>(config.log_megabytes) * kMegabyte;
  options.log.age_max = std::chrono::hours(config.log_hours);
  options.log.kept = config.logs_kept;
  options.log.kept_bytes_max = static_cast<std::uint64_t>(config.logs_megabytes) * kMegabyte;
  options.log_folder = std::filesystem::path(settings.data) / "logs";
  options.children_file = std::filesystem::path(folder) / "children";
  return options;
}

// The first signal is taken by runtime::Process; from then on one interrupts, and reaches the
// keeper here.
std::atomic<watchdog::Keeper*> signalled_keeper{nullptr};

extern "C" void on_signal(int) {
  if (auto* const keeper = signalled_keeper.load()) keeper->drain();
}

// The keeper's thread. Goes when all programs have stopped, however serve() is left.
struct Shift {
  watchdog::Keeper& keeper;
  std::jthread thread{[this] { keeper.run(); }};

  explicit Shift(watchdog::Keeper& its) : keeper(its) {
    signalled_keeper = &its;
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
  }
  ~Shift() {
    keeper.drain();
    thread.join();
    signalled_keeper = nullptr;
  }
};

// Looks after the watchdog's own log, when it has one, as long as the node runs.
void keep_own_log(messaging::Node& node, const std::shared_ptr<watchdog::OwnLog>& log) {
  constexpr Milliseconds kInterval{5000};
  log->check();
  node.after(kInterval, [&node, log] { keep_own_log(node, log); });
}

void adopt_own_log(messaging::Node& node, const watchdog::Keeper::Options& options) {
  auto log = watchdog::OwnLog::adopt(options.log_folder / "watchdog.log", options.log,
                                     SystemClock::instance());
  if (!log) return;
  node.post([&node, shared = std::make_shared<watchdog::OwnLog>(std::move(*log))] {
    keep_own_log(node, shared);
  });
}

watchdog::Attendance::Options attendance_options(const watchdog::Config& config) {
  watchdog::Attendance::Options options;
  options.patience = Milliseconds(config.frozen_after_ms);
  return options;
}

std::string silence_text(const watchdog::Attendance::Silent& silent) {
  return fmt::format("no answer for {:.1f} s", static_cast<double>(silent.silence.count()) / 1000);
}

std::vector<std::string> names_of(const std::vector<watchdog::Program>& programs) {
  std::vector<std::string> names;
  for (const auto& program : programs) names.push_back(program.name);
  return names;
}

// Where something else runs the services, a container engine for instance.
Result<void> watch(runtime::Process& process, const watchdog::Config& config,
                   const std::vector<std::string>& names, watchdog::Incidents& incidents) {
  const watchdog::RollCall roll(
      process.node(),
      {names,
       attendance_options(config),
       {},
       [] { telemetry::info("all services are ready"); },
       [&](const watchdog::Attendance::Silent& silent) {
         telemetry::error("service lost", {{"name", silent.name}, {"pid", silent.pid}});
         incidents.add(silent.name, contracts::IncidentKind::Lost, silence_text(silent));
       }});
  watchdog::install_routes(
      process, names, [&, run = process.settings().run] { return roll.services(run); }, incidents);
  return process.run();
}

// What is done about the keeper's events.
class Desk {
 public:
  Desk(telemetry::Metrics& metrics, watchdog::Incidents& incidents)
      : exits_(metrics.counter("troupe_watchdog_service_exits_total",
                               "Services that ended without being asked")),
        incidents_(incidents) {}

  // On the keeper's thread.
  void take(const watchdog::Event& event) {
    const bool fell = event.kind == Kind::Exited && !event.expected;
    if (fell) exits_.add();
    log_event(event);
    remember(event, incidents_);
    // A service that refuses to start says why in one line: so does the stack, at once.
    if (!fell || greeted_ || !event.refused || !refusal_.empty()) return;
    refusal_ = event.last_line;
    ::kill(::getpid(), SIGTERM);
  }
  void take_orphan(const std::string& name, pid_t pid) {
    telemetry::warn("service of an earlier watchdog ended", {{"name", name}, {"pid", pid}});
    incidents_.add(name, contracts::IncidentKind::Orphan, "left behind by an earlier watchdog");
  }
  // From here on a refusal is that service's own affair.
  void greeted() { greeted_ = true; }
  // When the keeper's thread has ended.
  Result<void> outcome() const {
    if (refusal_.empty()) return {};
    return Error{Code::InvalidArgument, refusal_};
  }

 private:
  telemetry::Counter exits_;
  watchdog::Incidents& incidents_;
  std::atomic<bool> greeted_{false};
  std::string refusal_;
};

// Without a program there is nothing that trying again could mend.
Result<void> check_programs(const std::vector<watchdog::Program>& programs) {
  for (const auto& program : programs) {
    const std::string& path = program.argv.front();
    if (::access(path.c_str(), X_OK) == 0) continue;
    return Error{Code::InvalidArgument, fmt::format("{}: {}", path, ::strerror(errno))};
  }
  return {};
}

Result<void> keep(runtime::Process& process, const watchdog::Config& config,
                  const std::string& folder, const std::vector<watchdog::Program>& programs,
                  watchdog::Incidents& incidents) {
  const auto& settings = process.settings();
  const auto names = names_of(programs);
  const auto options = keeper_options(settings, config, folder);
  adopt_own_log(process.node(), options);
  Desk desk(process.metrics(), incidents);
  const auto keeper = TRY(watchdog::Keeper::open(
      options, programs, SystemClock::instance(),
      [&](const watchdog::Event& event) { desk.take(event); },
      [&](auto&&... orphan) { desk.take_orphan(orphan...); }));
  const std::string chat =
      fmt::format("{}/troupe chat --data {}", watchdog::own_directory(), settings.data);
  const auto greet = [&desk, names, chat, run = settings.run, logs = options.log_folder.string()] {
    desk.greeted();
    fmt::print("{}", watchdog::greeting(names, messaging::instances(run), chat, logs));
    std::fflush(stdout);
  };
  const watchdog::RollCall roll(
      process.node(), {names, attendance_options(config), [&] { return keeper->status(); }, greet,
                       [&](const watchdog::Attendance::Silent& silent) {
                         keeper->end_frozen(silent.pid, silence_text(silent));
                       }});
  watchdog::install_routes(
      process, names, [&, run = settings.run] { return roll.services(run); }, incidents);
  {
    const Shift shift(*keeper);
    TRY(process.run());
  }
  return desk.outcome();
}

Result<void> serve(runtime::Process& process, const watchdog::Config& config) {
  const auto& settings = process.settings();
  const auto folder = TRY(process.data_dir());
  const auto lock = TRY(watchdog::lock_folder(folder));
  const auto programs =
      TRY(watchdog::stack({config.only, config.bin.empty() ? watchdog::own_directory() : config.bin,
                           settings.data, settings.run}));
  const auto incidents = TRY(watchdog::Incidents::open(
      std::filesystem::path(folder) / "incidents.jsonl",
      static_cast<std::size_t>(config.incidents_kept), SystemClock::instance()));
  if (config.watch_only) return watch(process, config, names_of(programs), *incidents);
  TRY(check_programs(programs));
  return keep(process, config, folder, programs, *incidents);
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
