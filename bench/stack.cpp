#include "stack.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "contracts/watchdog.h"
#include "messaging/discovery.h"

namespace bench {
namespace {

namespace fs = std::filesystem;

constexpr Milliseconds kStartLimit{30'000};

const SystemClock& clock() { return SystemClock::instance(); }

std::string read_file(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Whether all services have announced themselves and the router has reached them all: the watchdog
// prints its greeting then, so its pipe is what is waited on.
bool wait_for_greeting(int pipe, Milliseconds limit) {
  const SteadyTime end = clock().now() + limit;
  std::string said;
  while (said.find("ready") == std::string::npos) {
    const auto left = std::chrono::duration_cast<Milliseconds>(end - clock().now()).count();
    pollfd entry{pipe, POLLIN, 0};
    if (left <= 0 || poll(&entry, 1, static_cast<int>(left)) <= 0) return false;
    std::array<char, 4096> buffer{};
    const ssize_t got = read(pipe, buffer.data(), buffer.size());
    if (got <= 0) return false;
    said.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return true;
}

}  // namespace

Stack::Stack(Stack&& other) noexcept
    : directory_(std::move(other.directory_)),
      watchdog_(std::exchange(other.watchdog_, -1)),
      ready_ms_(other.ready_ms_),
      http_(std::move(other.http_)),
      pids_(std::move(other.pids_)) {}

Result<Stack> Stack::start(const std::string& config) {
  Stack stack;
  std::string pattern = "/tmp/troupe-bench-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) return Error{Code::Internal, "no temporary directory"};
  stack.directory_ = pattern;
  const std::string config_path = pattern + "/config.json";
  const std::string run_dir = pattern + "/run";
  std::ofstream(config_path) << config;
  const fs::path self = fs::read_symlink("/proc/self/exe");
  const std::string program = (self.parent_path().parent_path() / "bin/troupe-watchdog").string();

  std::array<int, 2> pipe_fds{};
  if (pipe2(pipe_fds.data(), O_CLOEXEC) != 0) return Error{Code::Internal, "no pipe"};
  const SteadyTime began = clock().now();
  stack.watchdog_ = fork();
  if (stack.watchdog_ == 0) {
    dup2(pipe_fds[1], STDOUT_FILENO);
    const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(null, STDERR_FILENO);
    const std::string data = pattern + "/data";
    execl(program.c_str(), "troupe-watchdog", "--config", config_path.c_str(), "--data",
          data.c_str(), "--run", run_dir.c_str(), nullptr);
    _exit(127);
  }
  close(pipe_fds[1]);
  const bool up = wait_for_greeting(pipe_fds[0], kStartLimit);
  close(pipe_fds[0]);
  stack.ready_ms_ = elapsed_ms(began, clock().now());
  if (!up) return Error{Code::Unavailable, "the stack did not become ready: " + program};
  for (const auto& instance : messaging::instances(run_dir)) {
    stack.http_[instance.service] = instance.http;
    stack.pids_[instance.service] = static_cast<pid_t>(instance.pid);
  }
  return stack;
}

Stack::~Stack() {
  if (watchdog_ <= 0) return;
  kill(watchdog_, SIGTERM);
  waitpid(watchdog_, nullptr, 0);
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

double Stack::cpu_ms() const {
  double ticks = 0;
  for (const auto& [service, pid] : pids_) {
    const std::string stat = read_file(fmt::format("/proc/{}/stat", pid));
    std::istringstream fields(stat.substr(std::min(stat.size(), stat.rfind(')') + 2)));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    double user = 0;
    double system = 0;
    fields >> user >> system;
    ticks += user + system;
  }
  return ticks * 1000 / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::map<std::string, long> Stack::pss_kib() const {
  std::map<std::string, long> sizes;
  for (const auto& [service, pid] : pids_) {
    std::istringstream lines(read_file(fmt::format("/proc/{}/smaps_rollup", pid)));
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("Pss:")) sizes[service] = std::strtol(line.c_str() + 4, nullptr, 10);
    }
  }
  return sizes;
}

std::string config_with(const std::map<std::string, std::string>& extra, std::string_view only) {
  std::string config = fmt::format(R"({{"watchdog":{{"port":0,"only":"{}"}})", only);
  for (const std::string_view service : contracts::kStackServices) {
    const auto members = extra.find(std::string(service));
    config += fmt::format(R"(,"{}":{{"port":0,"log_level":"warn"{}}})", service,
                          members == extra.end() ? "" : "," + members->second);
  }
  return config + "}";
}

double quantile(std::vector<double> samples, double q) {
  if (samples.empty()) return 0;
  std::sort(samples.begin(), samples.end());
  const auto last = static_cast<double>(samples.size() - 1);
  return samples[static_cast<std::size_t>(q * last)];
}

double fdatasync_p50_ms(const std::string& directory) {
  const std::string path = directory + "/fdatasync";
  const int fd = open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return 0;
  const std::string block(4096, 'x');
  std::vector<double> samples;
  for (int i = 0; i < 100; ++i) {
    const SteadyTime began = clock().now();
    if (write(fd, block.data(), block.size()) < 0 || fdatasync(fd) != 0) break;
    samples.push_back(elapsed_ms(began, clock().now()));
  }
  close(fd);
  unlink(path.c_str());
  return quantile(samples, 0.5);
}

}  // namespace bench
