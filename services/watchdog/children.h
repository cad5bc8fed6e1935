#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "base/clock.h"

namespace watchdog {

// The processes that a watchdog has started, in a file, so that its successor can end what outlived
// it: the kernel's SIGTERM at the watchdog's death does not reach a process that is frozen or deaf.
// A process is known by its number and the time of its start, so that no later one of the same
// number is taken for it. Not thread-safe.
class Children {
 public:
  // Without a file name nothing is kept.
  explicit Children(std::filesystem::path file = {}) : file_(std::move(file)) {}

  void add(pid_t pid, const std::string& name);
  void remove(pid_t pid);

  // Ends what the file names and still lives: asks, and kills what has not ended within `patience`.
  // `ended` is told of each.
  void end_orphans(Milliseconds patience,
                   const std::function<void(const std::string& name, pid_t pid)>& ended);

 private:
  struct Child {
    std::string name;
    std::string birth;
  };
  void save() const;

  std::filesystem::path file_;
  std::map<pid_t, Child> children_;
};

}  // namespace watchdog
