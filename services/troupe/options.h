#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// What the operator's command was asked to do.
namespace troupe {

// What it looks up in the environment, read once by main().
struct Environment {
  std::string data;             // TROUPE_DATA
  std::string xdg_runtime_dir;  // XDG_RUNTIME_DIR
  std::string user;             // USER
  std::string keys;             // TROUPE_KEYS
  std::string program;          // path of this executable
  bool no_color = false;        // NO_COLOR is set and not empty
};

struct Options {
  std::string command;
  std::vector<std::string> words;  // what follows the command and is no flag

  bool detach = false;
  bool json = false;
  std::string config;
  std::string only;
  std::string data;
  std::string run;    // directory of the stack's sockets; derived from `data` when not given
  std::string where;  // --data and --run as they were given, for commands that are to be the same
  std::string keys;   // directory of the keys of a stack that speaks over tcp
  std::string channel = "living-room";
  std::string author;
  int follow_ms = 0;
};

// Reads the arguments after the program's name. InvalidArgument, in one line, for a command or flag
// that does not exist, a flag that the command does not have, or a value that cannot be.
Result<Options> parse(const std::vector<std::string>& arguments, const Environment& environment);

std::string_view help();

}  // namespace troupe
