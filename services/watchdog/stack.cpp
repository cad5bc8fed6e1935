#include "watchdog/stack.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <string_view>

#include "base/utf8.h"
#include "contracts/watchdog.h"

namespace watchdog {
namespace {

struct Service {
  std::string name;
  std::vector<std::string> after;
};

// Every service waits by itself for what it needs, so all start at once. This is for the way down:
// who hands out work ends before those who do it.
std::vector<std::string> ended_before(std::string_view name) {
  if (name == "crawler") return {"retriever"};
  if (name == "quality") return {"characters", "llm"};
  if (name == "coordinator") return {"characters"};
  if (name == "router")
    return {"characters", "retriever", "llm", "quality", "coordinator", "tuning"};
  if (name == "hub") return {"router"};
  const auto& bots = contracts::kStackBots;
  if (std::find(bots.begin(), bots.end(), name) != bots.end()) return {"router", "hub"};
  return {};
}

std::vector<Service> all_services() {
  std::vector<Service> services;
  for (const auto name : contracts::kStackServices) {
    services.push_back({std::string(name), ended_before(name)});
  }
  return services;
}

std::set<std::string> names_in(std::string_view list) {
  std::set<std::string> names;
  while (!list.empty()) {
    const auto item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), item.size() + 1));
    if (!trimmed(item).empty()) names.emplace(trimmed(item));
  }
  return names;
}

}  // namespace

Result<std::vector<Program>> stack(const StackOptions& options) {
  auto services = all_services();
  if (const auto wanted = names_in(options.only); !wanted.empty()) {
    for (const auto& name : wanted) {
      if (!is_service(name))
        return Error(Code::InvalidArgument, fmt::format("only: no service '{}'", name));
    }
    std::erase_if(services, [&](const Service& s) { return !wanted.contains(s.name); });
    for (auto& service : services) {
      std::erase_if(service.after, [&](const std::string& n) { return !wanted.contains(n); });
    }
  }
  std::vector<Program> programs;
  for (auto& service : services) {
    std::vector<std::string> argv = contracts::command_of(service.name);
    argv.front() = fmt::format("{}/{}", options.bin, argv.front());
    argv.insert(argv.end(), {"--data", options.data, "--run", options.run});
    programs.push_back({service.name, std::move(argv), {}, std::move(service.after)});
  }
  return in_start_order(std::move(programs));
}

bool is_service(std::string_view name) {
  const auto services = all_services();
  return std::any_of(services.begin(), services.end(),
                     [&](const Service& service) { return service.name == name; });
}

std::string own_directory() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
}

Result<Descriptor> lock_folder(const std::string& folder) {
  const auto file = folder + "/lock";
  Descriptor lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.number() < 0) {
    return Error(Code::Unavailable, fmt::format("cannot open {}: {}", file, ::strerror(errno)));
  }
  if (::flock(lock.number(), LOCK_EX | LOCK_NB) != 0) {
    return Error(Code::Conflict, fmt::format("a stack already runs on this data directory: {} is "
                                             "locked; `troupe down` stops it",
                                             file));
  }
  return lock;
}

}  // namespace watchdog
