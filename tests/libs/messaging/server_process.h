#pragma once

#include <sys/types.h>

#include <string>

namespace messaging::testing {

// Another process that serves "echo" (replies with the body), "hold" (never replies) and "farewell"
// (replies when as many calls have come as its body says, and ends).
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
  // It does nothing more, as one that hangs, until it goes on.
  void freeze() const;
  void go_on() const;

 private:
  // One byte that the process has written; throws when none comes.
  void await_sign();

  pid_t pid_ = -1;
  int signs_ = -1;
};

// What the process does; its signs go to standard output.
int serve_until_killed(const std::string& run_dir);

}  // namespace messaging::testing
