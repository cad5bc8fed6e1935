#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "watchdog/process.h"
#include "watchdog/program.h"

namespace watchdog {

// Where the stack's programs are and what they are told.
struct StackOptions {
  std::string only;  // names with commas; empty: all
  std::string bin;   // directory of the executables
  std::string data;
  std::string run;
};

// The programs of the stack in start order. InvalidArgument when `only` names a stranger.
Result<std::vector<Program>> stack(const StackOptions& options);

// Whether the stack has a service of that name.
bool is_service(std::string_view name);

// The directory of this process's own executable.
std::string own_directory();

// Holds `folder` for this process until the descriptor closes. Conflict when another watchdog does.
Result<Descriptor> lock_folder(const std::string& folder);

}  // namespace watchdog
