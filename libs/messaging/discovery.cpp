#include "messaging/discovery.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/ids.h"
#include "json/codec.h"

namespace messaging {
namespace {

namespace fs = std::filesystem;

fs::path file_of(const std::string& run_dir, const Instance& instance) {
  return fs::path(run_dir) / fmt::format("{}.{}.json", instance.service, instance.pid);
}

bool alive(const Instance& instance) {
  if (kill(static_cast<pid_t>(instance.pid), 0) != 0 && errno != EPERM) return false;
  const std::int64_t started = instance.started == 0 ? 0 : process_started(instance.pid);
  return started == instance.started || started == 0;
}

}  // namespace

std::int64_t process_started(std::int64_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text;
  std::getline(file, text);
  // The second field is the program's name in parentheses and may hold anything.
  std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  std::string skipped;
  fields >> skipped;
  if (skipped == "Z") return -1;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  std::int64_t started = 0;
  fields >> started;
  return started;
}

Result<void> make_run_dir(const std::string& run_dir) {
  std::error_code error;
  fs::create_directories(run_dir, error);
  struct stat status {};
  if (error || stat(run_dir.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return Error{Code::InvalidArgument,
                 fmt::format("run directory {}: cannot be made: {}", run_dir,
                             error ? error.message() : std::strerror(errno))};
  }
  if (status.st_uid != geteuid()) {
    return Error{Code::PermissionDenied,
                 fmt::format("run directory {}: belongs to another user", run_dir)};
  }
  if (chmod(run_dir.c_str(), 0700) != 0) {
    return Error{Code::PermissionDenied,
                 fmt::format("run directory {}: cannot be made private", run_dir)};
  }
  return {};
}

Result<void> announce(const std::string& run_dir, const Instance& instance) {
  const fs::path path = file_of(run_dir, instance);
  const fs::path temporary = path.string() + ".new";
  {
    std::ofstream file(temporary, std::ios::trunc);
    file << json::encode(instance) << '\n';
    if (!file) {
      return Error{Code::Unavailable, fmt::format("cannot write {}", temporary.string())};
    }
  }
  std::error_code error;
  fs::rename(temporary, path, error);
  if (error) {
    return Error{Code::Unavailable,
                 fmt::format("cannot write {}: {}", path.string(), error.message())};
  }
  return {};
}

void withdraw(const std::string& run_dir, const Instance& instance) {
  std::error_code ignored;
  fs::remove(file_of(run_dir, instance), ignored);
}

std::vector<Instance> instances(const std::string& run_dir) {
  std::vector<Instance> found;
  std::error_code error;
  for (fs::directory_iterator entry(run_dir, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() != ".json") continue;
    std::ifstream file(entry->path());
    std::stringstream text;
    text << file.rdbuf();
    auto instance = json::decode<Instance>(std::string_view(text.view()));
    if (!instance) continue;
    if (alive(instance.value())) {
      found.push_back(std::move(instance).value());
      continue;
    }
    std::error_code ignored;
    fs::remove(entry->path(), ignored);
    for (const std::string& address : {instance.value().rpc, instance.value().events}) {
      if (address.starts_with("ipc://")) fs::remove(address.substr(6), ignored);
    }
  }
  return found;
}

std::int64_t run_dir_stamp(const std::string& run_dir) {
  struct stat status {};
  if (stat(run_dir.c_str(), &status) != 0) return 0;
  return static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec;
}

std::string default_run_dir(std::string_view data_dir, std::string_view xdg_runtime_dir) {
  std::error_code error;
  const std::string absolute = fs::weakly_canonical(fs::path(data_dir), error).string();
  const std::string base = xdg_runtime_dir.empty() || xdg_runtime_dir.size() > 30
                               ? std::string("/tmp")
                               : std::string(xdg_runtime_dir);
  return fmt::format("{}/troupe-{}-{:08x}", base, geteuid(),
                     static_cast<std::uint32_t>(hash64(error ? std::string(data_dir) : absolute)));
}

}  // namespace messaging
