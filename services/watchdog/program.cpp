#include "watchdog/program.h"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <set>

namespace watchdog {

Result<std::vector<Program>> in_start_order(std::vector<Program> programs) {
  std::set<std::string> names;
  for (const auto& program : programs) {
    if (!names.insert(program.name).second) {
      return Error(Code::InvalidArgument, fmt::format("program '{}' is named twice", program.name));
    }
  }
  for (const auto& program : programs) {
    for (const auto& other : program.after) {
      if (!names.contains(other)) {
        return Error(
            Code::InvalidArgument,
            fmt::format("program '{}' comes after '{}', which is none", program.name, other));
      }
    }
  }
  std::vector<Program> ordered;
  std::set<std::string> placed;
  while (!programs.empty()) {
    const auto next = std::find_if(programs.begin(), programs.end(), [&](const Program& program) {
      return std::all_of(program.after.begin(), program.after.end(),
                         [&](const std::string& name) { return placed.contains(name); });
    });
    if (next == programs.end()) {
      return Error(Code::InvalidArgument,
                   fmt::format("program '{}' comes after itself, by a circle", programs[0].name));
    }
    placed.insert(next->name);
    ordered.push_back(std::move(*next));
    programs.erase(next);
  }
  return ordered;
}

std::string Exit::text() const {
  switch (kind) {
    case Kind::Code:
      return fmt::format("exit {}", number);
    case Kind::Signal:
      return fmt::format("signal {} ({})", number, ::strsignal(number));
    case Kind::NotStarted:
      return fmt::format("not started: {}", ::strerror(number));
  }
  return {};
}

}  // namespace watchdog
