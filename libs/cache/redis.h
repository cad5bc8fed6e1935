#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace cache {

// Where a Redis or KeyDB server listens.
struct RedisAddress {
  std::string host;  // empty: a Unix socket
  int port = 6379;
  std::string path;  // of the socket
  std::string user;  // empty: the default user
  std::string password;
  int database = 0;

  // For people: without user and password.
  std::string text() const;
};

// redis://[[user]:password@]host[:port][/database], user and password percent-encoded, or
// unix:///path. InvalidArgument says what is wrong, without quoting the URL: it may hold a
// password.
Result<RedisAddress> parse_redis_url(std::string_view url);

// A Redis or KeyDB server as a store of values that may be lost. Two threads own one connection
// each, one for reading and one for writing behind, so that a server that takes no writes still
// serves what it has, and no caller ever waits for a socket; each sends what has gathered in its
// bounded queue in one piece. A connection that fails or falls silent is closed and its breaker
// opened: until the server is proven well again, calls are answered at once with nothing. Each
// outage is logged once, and its end. All keys get the prefix "troupe:". Thread-safe.
class Redis {
 public:
  struct Options {
    RedisAddress address;
    Milliseconds timeout{50};           // for the replies to one batch of reads
    Milliseconds connect_timeout{100};  // for connecting, and for the replies to a batch of writes
    Milliseconds cool_down{500};        // between attempts to get it back
    Milliseconds heartbeat{500};        // when idle, to notice a server that has frozen
    std::size_t batch_max = 64;
    std::size_t queue_max = 1024;  // of each thread
    std::size_t queue_bytes_max = 4 * 1024 * 1024;
    std::size_t value_bytes_max = 1024 * 1024;  // larger ones are not written
  };

  enum class Outcome { Hit, Miss, Failed };
  struct Found {
    Outcome outcome = Outcome::Failed;
    std::shared_ptr<const std::string> value;  // of a hit
    Milliseconds ttl{0};                       // what is left of it; kNoTtl: it stays
  };
  static constexpr Milliseconds kNoTtl = Milliseconds::max();
  using OnFound = std::function<void(Found)>;
  using OnWritten = std::function<void(bool written)>;

  // Connects in the background: a server that is away is no reason not to start.
  explicit Redis(Options options);
  ~Redis();
  Redis(const Redis&) = delete;
  Redis& operator=(const Redis&) = delete;

  // The callbacks are called once, at once when the server is away or a queue is full, else on a
  // thread of this object, where they must not wait. SET with PX for a put, GET and PTTL for a get.
  void get(std::string_view key, OnFound done);
  void put(std::string_view key, std::shared_ptr<const std::string> value, Milliseconds ttl,
           OnWritten done);
  void erase(std::string_view key, OnWritten done);

  // "connecting", "connected", "refuses writes" or "unavailable".
  std::string_view state() const;

  // Answers whoever waits with nothing, and everybody from then on. Not from a callback.
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cache
