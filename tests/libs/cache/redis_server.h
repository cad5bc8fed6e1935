#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "cache/redis.h"
#include "support/temp_dir.h"

namespace cache::testing {

// Whatever a test waits for comes sooner than this, however busy the machine is.
inline constexpr Milliseconds kPatience{30'000};
inline constexpr Milliseconds kHour{3'600'000};

// Whether the condition came true within kPatience; looked at again every few milliseconds.
bool eventually(const std::function<bool()>& condition);

// A real redis-server of this test alone, on a socket in a temporary directory.
class RedisServer {
 public:
  explicit RedisServer(std::vector<std::string> arguments = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  // Returns when it accepts connections; after kill_now() again on the same socket.
  void start();
  void kill_now();
  void freeze();
  void thaw();

  RedisAddress address() const;
  // The reply to one command, on a connection of its own; "(nil)" and "ERR ..." as they are.
  std::string ask(const std::vector<std::string>& words) const;
  // A number of INFO, such as total_reads_processed.
  long info(const std::string& name) const;

 private:
  support::TempDir dir_;
  std::vector<std::string> arguments_;
  pid_t pid_ = -1;
  int output_ = -1;
};

// Accepts one connection after the other on a port that the kernel picks, and answers whatever it
// reads by what `answer` gives for it.
class FakeServer {
 public:
  using Answer = std::function<std::string(const std::string& request)>;
  explicit FakeServer(Answer answer);
  ~FakeServer();

  RedisAddress address() const;
  int connections() const { return connections_; }

 private:
  void serve(const std::stop_token& stop);

  Answer answer_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> connections_ = 0;
  std::jthread thread_;
};

}  // namespace cache::testing
