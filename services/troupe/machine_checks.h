#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "json/json.h"
#include "troupe/findings.h"
#include "troupe/world.h"

// What the doctor can see without a running stack: programs, settings, directories, ports, limits.
namespace troupe {

// The settings of each program as it understands them itself, by its name without "troupe-".
using AllSettings = std::map<std::string, json::Document>;

// Runs every program of the stack in `folder` with --print-config: are they there, do they start,
// and do they take their settings? `config` is the file's path or empty. `data` and `run` are
// passed on.
AllSettings check_programs(const World& world, const std::string& folder, const std::string& config,
                           const std::string& data, const std::string& run, Findings& findings);

// Writable, private, and with room left.
void check_data(const std::string& data, Findings& findings);

// How full a disk is, of what df calls used and available.
struct Disk {
  std::uint64_t used = 0;
  std::uint64_t available = 0;
};
void check_room(const std::string& data, const Disk& disk, Findings& findings);

// Short enough for sockets, and nobody else's.
void check_run(const std::string& run, Findings& findings);

// Soft limit of open files.
void check_open_files(std::uint64_t limit, Findings& findings);
std::uint64_t open_files_limit();

// Who listens on the TCP port of loopback or everywhere: "python3 (process 12)", "another user's
// process"; nothing when nobody does.
std::optional<std::string> holder_of(int port);

// Are the ports of the settings free? For a stack that does not run.
void check_ports(const AllSettings& settings, Findings& findings);

}  // namespace troupe
