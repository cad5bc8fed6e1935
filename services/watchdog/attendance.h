#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "contracts/watchdog.h"

namespace watchdog {

// Which processes have answered when they were asked by their service's name. An answer counts for
// the process that gave it and for no other: an instance that is still draining does not make its
// successor ready. Pure; not thread-safe.
class Attendance {
 public:
  struct Options {
    Milliseconds fresh{2000};              // how long an answer stands
    Milliseconds patience{20'000};         // silence of a process that has answered; 0: for ever
    Milliseconds start_patience{300'000};  // silence of one that never has: it may be loading
  };
  explicit Attendance(Options options) : options_(options) {}

  void answered(const std::string& name, pid_t pid, bool ready, SteadyTime now);
  // Asked, and nobody answered.
  void missed(const std::string& name);

  bool ready(const std::string& name, pid_t pid, SteadyTime now) const;
  // Who of that name has answered lately; for services that somebody else runs.
  struct Present {
    pid_t pid = 0;
    bool ready = false;
  };
  std::optional<Present> present(const std::string& name, SteadyTime now) const;

  struct Silent {
    std::string name;
    pid_t pid = 0;
    Milliseconds silence{0};
  };
  // Those of `running` that have been silent for too long, each once. Forgets processes that do not
  // run any more.
  std::vector<Silent> silent(const std::vector<contracts::ServiceStatus>& running, SteadyTime now);

 private:
  struct Record {
    SteadyTime seen{};   // running, first
    SteadyTime heard{};  // the latest answer, or `seen`
    bool answered = false;
    bool lost = false;  // it missed the latest question
    bool ready = false;
    bool told = false;
  };
  Record& record(const std::string& name, pid_t pid, SteadyTime now);

  Options options_;
  std::map<std::string, std::map<pid_t, Record>> records_;
};

}  // namespace watchdog
