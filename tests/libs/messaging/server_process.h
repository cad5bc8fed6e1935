#pragma once

#include <sys/types.h>

#include <string>

namespace messaging::testing {

// Another process that serves "echo" (replies with the body) and "hold" (never replies).
class ServerProcess {
 public:
  // Returns when the process has announced itself as `service`.
  explicit ServerProcess(const std::string& run_dir);
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  static constexpr const char* kService = "other";

  // Returns when a call of "hold" has arrived there.
  void wait_for_hold();
  void kill_now();

 private:
  // One byte that the process has written; throws when none comes.
  void await_sign();

  pid_t pid_ = -1;
  int signs_ = -1;
};

// What the process does; its signs go to standard output.
int serve_until_killed(const std::string& run_dir);

}  // namespace messaging::testing
