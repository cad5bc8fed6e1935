#include "troupe/machine_checks.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/utf8.h"
#include "contracts/watchdog.h"

namespace troupe {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kRunBytesMax = 60;  // as the setting `run` of every service
constexpr std::uint64_t kRoomBytesMin = 100ULL * 1024 * 1024;
constexpr double kUsedPercentMax = 85;  // as DESIGN's alert
constexpr std::uint64_t kOpenFilesMin = 1024;

std::vector<std::string> stack_programs() {
  std::vector<std::string> names{"watchdog"};
  for (const auto name : contracts::kStackServices) names.emplace_back(name);
  return names;
}

std::string last_line(std::string_view text) {
  const auto end = text.find_last_not_of('\n');
  if (end == text.npos) return {};
  text = text.substr(0, end + 1);
  return std::string(text.substr(text.rfind('\n') + 1));
}

// What sets right a line such as "llm: config FILE: llm: unknown key 'x'" or "llm: TROUPE_LLM_X:
// cannot read 'y'".
std::string mend_of(const std::string& line, const std::string& config) {
  const auto variable = line.find("TROUPE_");
  if (variable != line.npos && line.find("config ") == line.npos) {
    const auto end = line.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", variable);
    return "unset " + line.substr(variable, end - variable);
  }
  return config.empty() ? "" : fmt::format("${{EDITOR:-vi}} {}", config);
}

std::string command_of(std::int64_t pid) {
  std::ifstream file(fmt::format("/proc/{}/comm", pid));
  std::string name;
  std::getline(file, name);
  return name.empty() ? "a process" : name;
}

// The socket inodes that listen on `port`, of /proc/net/tcp or tcp6 (proc(5)).
std::set<std::string> listeners(const std::string& table, int port) {
  std::set<std::string> inodes;
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);  // the heading
  const std::string wanted = fmt::format(":{:04X}", port);
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::array<std::string, 10> word;
    for (auto& one : word) words >> one;
    const bool listens = word[3] == "0A";
    if (listens && word[1].ends_with(wanted)) inodes.insert(word[9]);
  }
  return inodes;
}

// The process that has one of these sockets open, among those that this user may look into.
std::optional<std::int64_t> owner_of(const std::set<std::string>& inodes) {
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string pid = entry->path().filename().string();
    if (pid.find_first_not_of("0123456789") != pid.npos) continue;
    std::error_code hidden;
    for (fs::directory_iterator fd(entry->path() / "fd", hidden), last; !hidden && fd != last;
         fd.increment(hidden)) {
      std::error_code gone;
      const std::string target = fs::read_symlink(fd->path(), gone).string();
      if (!target.starts_with("socket:[") || !target.ends_with("]")) continue;
      if (inodes.contains(target.substr(8, target.size() - 9))) return std::stoll(pid);
    }
  }
  return std::nullopt;
}

bool can_bind(const std::string& address, int port) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::inet_pton(AF_INET, address.c_str(), &where.sin_addr) != 1) return true;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const int bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&where), sizeof where);
  const bool taken = bound != 0 && errno == EADDRINUSE;
  ::close(fd);
  return !taken;
}

}  // namespace

AllSettings check_programs(const World& world, const std::string& folder, const std::string& config,
                           const std::string& data, const std::string& run, Findings& findings) {
  AllSettings settings;
  const auto names = stack_programs();
  std::size_t started = 0;
  for (const auto& name : names) {
    std::vector<std::string> argv = contracts::command_of(name);
    const std::string program = argv.front() = fmt::format("{}/{}", folder, argv.front());
    if (::access(program.c_str(), X_OK) != 0) {
      findings.fail("programs", fmt::format("{}: {}", program, ::strerror(errno)),
                    "scripts/up --detach");
      continue;
    }
    argv.insert(argv.end(), {"--data", data, "--run", run, "--print-config"});
    if (!config.empty()) argv.insert(argv.end(), {"--config", config});
    const Ran ran = world.run(argv);
    auto printed = json::Document::parse(ran.output);
    if (ran.status == 2) {
      const std::string line = last_line(ran.error);
      findings.fail("settings", line, mend_of(line, config));
    } else if (ran.status != 0 || !printed) {
      findings.fail("programs",
                    fmt::format("{} does not start (status {}): {}", program, ran.status,
                                last_line(ran.error)),
                    "scripts/up --detach");
      continue;
    } else {
      settings.emplace(name, std::move(printed).value());
    }
    ++started;
  }
  if (started == names.size()) {
    findings.ok("programs", fmt::format("all {} are in {}", names.size(), folder));
  }
  if (settings.size() == names.size()) {
    findings.ok("settings", config.empty() ? "no config file, so the defaults and the environment"
                                           : fmt::format("{} is understood by all", config));
  }
  return settings;
}

void check_data(const std::string& data, Findings& findings) {
  std::error_code error;
  fs::path there = fs::absolute(data, error);
  const bool exists = fs::exists(there, error);
  while (!fs::exists(there, error) && there.has_relative_path()) there = there.parent_path();
  if (!fs::is_directory(there, error)) {
    return findings.fail("data", fmt::format("{} is no directory", there.string()),
                         "troupe up --data DIRECTORY");
  }
  if (::access(there.c_str(), W_OK | X_OK) != 0) {
    return findings.fail("data", fmt::format("{} cannot be written", there.string()),
                         fmt::format("sudo chown -R $USER {}", there.string()));
  }
  findings.ok("data", fmt::format("{} {}", data, exists ? "is writable" : "can be made"));
  struct statvfs disk {};
  if (::statvfs(there.c_str(), &disk) != 0) return;
  check_room(data, {(disk.f_blocks - disk.f_bfree) * disk.f_frsize, disk.f_bavail * disk.f_frsize},
             findings);
}

void check_room(const std::string& data, const Disk& disk, Findings& findings) {
  const auto total = static_cast<double>(disk.used + disk.available);
  const double percent = total > 0 ? 100 * static_cast<double>(disk.used) / total : 100;
  const auto text = fmt::format("{:.1f} GB free, {:.0f} % used",
                                static_cast<double>(disk.available) / 1e9, percent);
  const std::string mend = fmt::format("du -xh {} | sort -h | tail", data);
  if (disk.available < kRoomBytesMin) return findings.fail("disk", text, mend);
  if (percent > kUsedPercentMax) return findings.warn("disk", text, mend);
  findings.ok("disk", text);
}

void check_run(const std::string& run, Findings& findings) {
  if (run.size() > kRunBytesMax) {
    return findings.fail("run",
                         fmt::format("{} has {} bytes, and a socket's path has room for {}", run,
                                     run.size(), kRunBytesMax),
                         fmt::format("troupe up --run /tmp/troupe-{}", ::geteuid()));
  }
  struct stat status {};
  if (::stat(run.c_str(), &status) != 0) {
    const fs::path parent = fs::path(run).parent_path();
    std::error_code error;
    const bool may = !fs::exists(parent, error) || ::access(parent.c_str(), W_OK | X_OK) == 0;
    if (may) return findings.ok("run", run + " is made at the start");
    return findings.fail("run", fmt::format("{} cannot be made in {}", run, parent.string()),
                         fmt::format("troupe up --run /tmp/troupe-{}", ::geteuid()));
  }
  if (!S_ISDIR(status.st_mode)) {
    return findings.fail("run", run + " is no directory", "rm " + run);
  }
  if (status.st_uid != ::geteuid()) {
    return findings.fail("run", run + " belongs to another user",
                         fmt::format("troupe up --run /tmp/troupe-{}", ::geteuid()));
  }
  if ((status.st_mode & 077U) != 0) {
    return findings.warn("run", run + " is open to other users", "chmod 700 " + run);
  }
  findings.ok("run", run + " is private");
}

std::uint64_t open_files_limit() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

void check_open_files(std::uint64_t limit, Findings& findings) {
  const auto text = fmt::format("{} may be open in one process", limit);
  if (limit >= kOpenFilesMin) return findings.ok("files", text);
  findings.warn("files", text, "ulimit -n 4096");
}

std::optional<std::string> holder_of(int port) {
  auto inodes = listeners("/proc/net/tcp", port);
  inodes.merge(listeners("/proc/net/tcp6", port));
  if (inodes.empty()) return std::nullopt;
  const auto pid = owner_of(inodes);
  if (!pid) return "another user's process";
  return fmt::format("{} (process {})", command_of(*pid), *pid);
}

void check_ports(const AllSettings& settings, Findings& findings) {
  std::size_t taken = 0;
  std::map<int, std::string> named;
  for (const auto& [name, document] : settings) {
    const auto root = document.root();
    const int port = static_cast<int>(root.number_or("port", 0));
    if (port == 0) continue;
    std::string variable = fmt::format("TROUPE_{}_PORT", name);
    std::transform(variable.begin(), variable.end(), variable.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    const std::string mend = fmt::format("{}={} troupe up", variable, port + 1000);
    const auto [other, fresh] = named.emplace(port, name);
    if (!fresh) {
      ++taken;
      findings.fail("ports", fmt::format("{} and {} both want {}", other->second, name, port),
                    mend);
    } else if (!can_bind(std::string(root.text_or("bind", "127.0.0.1")), port)) {
      ++taken;
      findings.fail("ports",
                    fmt::format("{} of {} is held by {}", port, name,
                                holder_of(port).value_or("another process")),
                    mend);
    }
  }
  if (taken == 0) findings.ok("ports", "all are free");
}

}  // namespace troupe
