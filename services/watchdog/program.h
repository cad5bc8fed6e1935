#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace watchdog {

// A program to keep running.
struct Program {
  std::string name;
  std::vector<std::string> argv;                         // argv[0] is the path of the executable
  std::vector<std::pair<std::string, std::string>> env;  // on top of the watchdog's own
  std::vector<std::string> after;  // started after these, and stopped before them
};

// The programs so that each stands behind all that it comes after, and else as they were given.
// InvalidArgument on a circle, a double name, or an `after` that is no program.
Result<std::vector<Program>> in_start_order(std::vector<Program> programs);

// How a process ended.
struct Exit {
  enum class Kind { Code, Signal, NotStarted };
  Kind kind = Kind::Code;
  int number = 0;  // the exit code, the signal, or the errno that kept it from starting

  // "exit 1", "signal 9 (Killed)", "not started: No such file or directory"
  std::string text() const;
  // It would not start with its settings, and said why in its last line.
  bool refused() const { return kind == Kind::Code && number == 2; }
  friend bool operator==(const Exit&, const Exit&) = default;
};

}  // namespace watchdog
