#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace bench {

// A server in a process of its own on a free loopback port, which answers every GET with 200 and
// the same small body. Ended by the destructor. Start it before any thread exists: it forks.
class ServerProcess {
 public:
  // A door of libs/net that takes up to `connections`.
  static Result<ServerProcess> start_ours(std::size_t connections);
  // nginx's `return 200`, in one process, which serves itself instead of starting a worker.
  // NotFound when there is no nginx.
  static Result<ServerProcess> start_nginx();
  ServerProcess(ServerProcess&& other) noexcept;
  ServerProcess& operator=(ServerProcess&&) = delete;
  ~ServerProcess();

  std::uint16_t port() const { return port_; }
  // User and system CPU that the process has used, all threads, in microseconds.
  double cpu_us() const;
  // Proportional set size, in KiB.
  long pss_kib() const;

 private:
  ServerProcess() = default;

  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
  std::string directory_;  // nginx's files
};

}  // namespace bench
