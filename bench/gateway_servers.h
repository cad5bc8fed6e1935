#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/result.h"

namespace bench {

// A server of bench/gateway in a process of its own, on a free loopback port. Ended by the
// destructor. Start it before any thread exists: it forks.
class GatewayServer {
 public:
  // A model server that speaks OpenAI's dialect and answers at once: a completion of some 600
  // bytes, or a stream of `chunks` events, each written by itself, with the usage at the end.
  static Result<GatewayServer> start_model(int chunks);
  // nginx as bench/gateway.nginx.conf has it, before `upstream`. NotFound when there is no nginx.
  static Result<GatewayServer> start_nginx(std::uint16_t upstream);
  // troupe-llm with `upstream` as its first and its second provider, before the understudy;
  // `settings` are more members of its config section, with a comma in front.
  static Result<GatewayServer> start_ours(std::uint16_t upstream, const std::string& settings);
  GatewayServer(GatewayServer&& other) noexcept;
  GatewayServer& operator=(GatewayServer&&) = delete;
  ~GatewayServer();

  std::uint16_t port() const { return port_; }
  // User and system CPU of the process, and of nginx's worker, in microseconds.
  double cpu_us() const;
  // Proportional set size, in KiB.
  long pss_kib() const;

 private:
  GatewayServer() = default;

  pid_t pid_ = -1;
  pid_t worker_ = -1;  // nginx's
  std::uint16_t port_ = 0;
  std::string directory_;
};

}  // namespace bench
