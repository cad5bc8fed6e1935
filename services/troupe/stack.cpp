#include "troupe/stack.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include "base/line.h"
#include "messaging/client.h"
#include "messaging/discovery.h"
#include "troupe/caches.h"

namespace troupe {
namespace {

constexpr Milliseconds kReadyTimeout{60'000};
constexpr Milliseconds kReadyInterval{50};
constexpr Milliseconds kStopTimeout{120'000};  // the watchdog gives each service ten seconds
constexpr Milliseconds kAskTimeout{3'000};
constexpr std::string_view kHowToStart = "`troupe up` starts it";

const SystemClock& clock() { return SystemClock::instance(); }

std::optional<messaging::Instance> watchdog_of(const std::string& run_dir) {
  for (auto& instance : messaging::instances(run_dir)) {
    if (instance.service == "watchdog") return std::move(instance);
  }
  return std::nullopt;
}

// A process that another program started: waited for and signalled without mistaking it for a later
// one of the same number.
class Watched {
 public:
  // As plain system calls: glibc 2.36 declares these two without extern "C".
  explicit Watched(std::int64_t pid) : fd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}
  ~Watched() {
    if (fd_ >= 0) ::close(fd_);
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  bool ask_to_end() const {
    return fd_ >= 0 && ::syscall(SYS_pidfd_send_signal, fd_, SIGTERM, nullptr, 0) == 0;
  }
  bool ends_within(Milliseconds timeout) const {
    if (fd_ < 0) return true;
    const SteadyTime deadline = clock().now() + timeout;
    pollfd waited{fd_, POLLIN, 0};
    while (true) {
      const double left = std::max(0.0, elapsed_ms(clock().now(), deadline));
      const int count = ::poll(&waited, 1, static_cast<int>(left));
      if (count >= 0 || errno != EINTR) return count > 0;
    }
  }

 private:
  int fd_;
};

std::vector<std::string> watchdog_command(const Options& options, const std::string& program) {
  const auto folder = std::filesystem::path(program).parent_path();
  std::vector<std::string> command = {(folder / "troupe-watchdog").string(), "--data", options.data,
                                      "--run", options.run};
  const auto add = [&](const char* flag, const std::string& value) {
    if (!value.empty()) command.insert(command.end(), {flag, value});
  };
  add("--config", options.config);
  add("--only", options.only);
  return command;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (auto& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

Result<std::vector<contracts::ServiceStatus>> ask_watchdog(messaging::Node& node,
                                                           Milliseconds timeout) {
  const messaging::Client watchdog(node, "watchdog");
  return TRY(watchdog.call<contracts::ServicesReply>("watchdog.services",
                                                     contracts::ServicesRequest{},
                                                     {.deadline = clock().now() + timeout}))
      .services;
}

// --- up -----------------------------------------------------------------------------------------

// Starts `command` without this terminal: a session of its own, no input, output to `log`.
Result<pid_t> spawn_detached(std::vector<std::string> command, const std::string& log) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t pid = 0;
  const int failed = ::posix_spawn(&pid, command.front().c_str(), &files, &attributes,
                                   pointers(command).data(), ::environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  if (failed == 0) return pid;
  return Error{Code::Unavailable,
               fmt::format("cannot start {}: {}", command.front(), std::strerror(failed))};
}

// Of what was written after `begin` bytes.
std::string last_line(const std::string& path, std::uintmax_t begin) {
  std::ifstream file(path);
  file.seekg(static_cast<std::streamoff>(begin));
  std::string last;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) last = line;
  }
  return last;
}

int exit_status(pid_t pid) {
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) return 1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

bool all_ready(const std::vector<contracts::ServiceStatus>& services) {
  return std::all_of(services.begin(), services.end(), [](const auto& s) { return s.ready; });
}

// A node that speaks as the stack does: over ipc, or over tcp with its keys.
Result<std::unique_ptr<messaging::Node>> open_node(const Options& options,
                                                   const messaging::Instance& one) {
  messaging::Node::Options node{.service = "troupe", .run_dir = options.run};
  if (one.rpc.starts_with("tcp://")) {
    if (options.keys.empty()) {
      return Error{Code::InvalidArgument,
                   "the stack speaks over tcp: TROUPE_KEYS must name the directory of its keys"};
    }
    node.tcp = "127.0.0.1";
    node.keys_dir = options.keys;
  }
  return messaging::Node::open(std::move(node));
}

// Waits until the stack of the watchdog `pid` is ready; false when it is not in time or has ended.
Result<bool> becomes_ready(const Options& options, pid_t pid, const Watched& watchdog) {
  std::unique_ptr<messaging::Node> node;
  const SteadyTime deadline = clock().now() + kReadyTimeout;
  while (clock().now() < deadline) {
    if (watchdog.ends_within(kReadyInterval)) return false;
    const auto announced = watchdog_of(options.run);
    if (!announced || announced->pid != pid) continue;
    if (!node) node = TRY(open_node(options, *announced));
    const auto services = ask_watchdog(*node, kAskTimeout);
    if (services && all_ready(services.value())) {
      for (const auto& service : services.value()) {
        fmt::print("  {:<12} {}\n", service.name, service.http);
      }
      for (const auto& service : services.value()) {
        if (service.name != "hub") continue;
        fmt::print("\nTalk with the cast in a browser: {}/\n", service.http);
      }
      return true;
    }
  }
  return false;
}

Result<int> up_detached(const Options& options, std::vector<std::string> command) {
  std::error_code error;
  const auto logs = std::filesystem::path(options.data) / "logs";
  std::filesystem::create_directories(logs, error);
  if (error) {
    return Error{Code::InvalidArgument,
                 fmt::format("cannot make {}: {}", logs.string(), error.message())};
  }
  const std::string log = (logs / "watchdog.log").string();
  const auto written = std::filesystem::file_size(log, error);
  const std::uintmax_t before = error ? 0 : written;  // of earlier starts
  const pid_t pid = TRY(spawn_detached(std::move(command), log));
  const Watched watchdog(pid);
  if (TRY(becomes_ready(options, pid, watchdog))) {
    fmt::print("\nTroupe is ready. `troupe chat` talks with the cast, `troupe down` stops it.\n");
    return 0;
  }
  if (watchdog.ends_within(Milliseconds(0))) {
    fmt::print(stderr, "{}\n", last_line(log, before));
    return std::max(1, exit_status(pid));
  }
  fmt::print(stderr,
             "troupe: not ready after {} s, but it goes on trying; `troupe status` shows it, and "
             "the logs are in {}\n",
             kReadyTimeout.count() / 1000, logs.string());
  return 1;
}

// --- status -------------------------------------------------------------------------------------

std::optional<double> memory_mb(std::int64_t pid) {
  std::ifstream file(fmt::format("/proc/{}/smaps_rollup", pid));
  for (std::string key; file >> key;) {
    double kilobytes = 0;
    if (key == "Pss:" && file >> kilobytes) return kilobytes / 1024;
    file.ignore(1000, '\n');
  }
  return std::nullopt;
}

ServiceRow row_of_watchdog(const messaging::Instance& instance) {
  ServiceRow row;
  row.status.name = "watchdog";
  row.status.pid = instance.pid;
  row.status.state = contracts::ProcessState::Running;
  row.status.ready = true;
  row.status.http = "http://" + instance.http;
  return row;
}

// "redis: connected (llm, quality), unavailable (router)"; empty when nobody uses it.
std::string redis_line(const World& world, const std::vector<ServiceRow>& rows) {
  std::map<std::string, std::vector<std::string>> names;  // of each word, who says it
  for (const auto& row : rows) {
    if (row.status.http.empty()) continue;
    const auto health = fetch_json(world, row.status.http + "/health");
    if (!health) continue;
    const auto services = health.value().root().find("services");
    const auto redis = services ? services->find("redis") : std::nullopt;
    if (redis) names[std::string(redis->string())].push_back(row.status.name);
  }
  std::string line;
  for (const auto& [word, who] : names) {
    line += fmt::format("{} {} ({})", line.empty() ? "redis:" : ",", word, fmt::join(who, ", "));
  }
  return line.empty() ? line : one_line(line) + "\n";
}

std::vector<CacheRow> all_caches(const World& world, const std::vector<ServiceRow>& rows) {
  std::vector<CacheRow> all;
  for (const auto& row : rows) {
    if (row.status.http.empty()) continue;
    const auto metrics = world.fetch(row.status.http + "/metrics");
    if (!metrics) continue;  // its row says how it is
    for (auto& cache : caches_in(row.status.name, metrics.value())) all.push_back(std::move(cache));
  }
  return all;
}

std::optional<std::int64_t> uptime_s(const contracts::ServiceStatus& status) {
  if (status.state != contracts::ProcessState::Running || status.since_ms == 0) return std::nullopt;
  return (clock().wall_ms() - status.since_ms) / 1000;
}

}  // namespace

Result<int> up(const Options& options, const std::string& program) {
  if (const auto running = watchdog_of(options.run)) {
    return Error{Code::Conflict,
                 fmt::format("a stack already runs on {} (watchdog {}); `troupe down` stops it",
                             options.data, running->pid)};
  }
  auto command = watchdog_command(options, program);
  if (options.detach) return up_detached(options, std::move(command));
  ::execv(command.front().c_str(), pointers(command).data());
  return Error{Code::Unavailable,
               fmt::format("cannot start {}: {}", command.front(), std::strerror(errno))};
}

Result<int> down(const Options& options) {
  const auto running = watchdog_of(options.run);
  if (!running) {
    fmt::print("No stack runs on {}.\n", options.data);
    return 0;
  }
  const Watched watchdog(running->pid);
  if (!watchdog.ask_to_end() && !watchdog.ends_within(Milliseconds(0))) {
    return Error{Code::PermissionDenied, fmt::format("cannot signal watchdog {}", running->pid)};
  }
  if (!watchdog.ends_within(kStopTimeout)) {
    return Error{Code::DeadlineExceeded, fmt::format("watchdog {} has not ended within {} s",
                                                     running->pid, kStopTimeout.count() / 1000)};
  }
  fmt::print("Stopped.\n");
  return 0;
}

Result<Running> look(const Options& options) {
  Running running;
  const auto watchdog = watchdog_of(options.run);
  if (!watchdog) return running;
  running.watchdog_pid = watchdog->pid;
  running.node = TRY(connect(options));
  running.services = TRY(ask_watchdog(*running.node, kAskTimeout));
  running.incidents =
      TRY(messaging::Client(*running.node, "watchdog")
              .call<contracts::IncidentsReply>("watchdog.incidents", contracts::IncidentsRequest{},
                                               {.deadline = clock().now() + kAskTimeout}))
          .incidents;
  return running;
}

Result<int> status(const Options& options, const World& world, Style style) {
  const auto running = watchdog_of(options.run);
  if (!running) {
    fmt::print("No stack runs on {}; {}.\n", options.data, kHowToStart);
    return 1;
  }
  const auto node = TRY(connect(options));
  const auto services = TRY(ask_watchdog(*node, kAskTimeout));
  std::vector<ServiceRow> rows;
  for (const auto& service : services) rows.push_back({service, uptime_s(service), std::nullopt});
  rows.push_back(row_of_watchdog(*running));
  if (const auto health = fetch_json(world, rows.back().status.http + "/health")) {
    rows.back().uptime_s =
        static_cast<std::int64_t>(health.value().root().number_or("uptime_s", 0));
  }
  for (auto& row : rows) {
    if (row.status.pid != 0) row.memory_mb = memory_mb(row.status.pid);
  }
  fmt::print("{}", status_table(rows, style));
  const auto caches = cache_table(all_caches(world, rows), style);
  const auto redis = redis_line(world, rows);
  fmt::print("{}{}{}", caches.empty() && redis.empty() ? "" : "\n", caches, redis);
  return all_ready(services) ? 0 : 1;
}

Result<std::unique_ptr<messaging::Node>> connect(const Options& options) {
  // Looking first: opening a node would make the directory.
  const auto found = messaging::instances(options.run);
  if (found.empty()) {
    return Error{Code::Unavailable,
                 fmt::format("no stack runs on {}; {}", options.data, kHowToStart)};
  }
  return open_node(options, found.front());
}

}  // namespace troupe
