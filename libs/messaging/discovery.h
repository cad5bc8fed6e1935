#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fields.h"
#include "base/result.h"

// How processes of one stack find each other: each writes $RUN/<service>.<pid>.json by rename, and
// whoever looks for a service lists those whose process lives. Thread-safe (files only).
namespace messaging {

struct Instance {
  std::string service{};
  std::int64_t pid = 0;
  std::string http{};    // "127.0.0.1:6005", empty without a door
  std::string rpc{};     // "ipc:///run/.../router.12.rpc"
  std::string events{};  // "ipc:///run/.../router.12.events"
  std::string key{};     // CURVE public key; empty over ipc
  // process_started() of pid: ids are given again, in a restarted container at once. 0: not known.
  std::int64_t started = 0;

  static void fields(auto& self, auto&& visit) {
    visit("service", self.service, Field{.bytes_min = 1, .bytes_max = 64});
    visit("pid", self.pid, Field{.min = 1});
    visit("http", self.http, Field{.bytes_max = 256, .defaulted = true});
    visit("rpc", self.rpc, Field{.bytes_max = 256, .defaulted = true});
    visit("events", self.events, Field{.bytes_max = 256, .defaulted = true});
    visit("key", self.key, Field{.bytes_max = 256, .defaulted = true});
    visit("started", self.started, Field{.min = 0, .defaulted = true});
  }
  friend bool operator==(const Instance&, const Instance&) = default;
};

// When a process started, in the kernel's ticks since the boot (proc(5)); -1 when it has ended and
// its parent has not asked, 0 when nothing is to be had.
std::int64_t process_started(std::int64_t pid);

// Makes the directory, private to this user (mode 700).
Result<void> make_run_dir(const std::string& run_dir);
Result<void> announce(const std::string& run_dir, const Instance& instance);
void withdraw(const std::string& run_dir, const Instance& instance);
// All live instances; files of dead processes are passed over and removed.
std::vector<Instance> instances(const std::string& run_dir);
// Changes whenever a file of the directory is added, replaced or removed.
std::int64_t run_dir_stamp(const std::string& run_dir);

// Where a stack with this data directory keeps its sockets: $XDG_RUNTIME_DIR or /tmp, "troupe-",
// the user and a hash of the path; short enough for a socket path.
std::string default_run_dir(std::string_view data_dir, std::string_view xdg_runtime_dir);

}  // namespace messaging
