#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cache/redis.h"

struct redisContext;

namespace cache {

// One connection to a Redis server. Not thread-safe; its functions wait, never longer than their
// time-outs (looking a host's name up aside).
class RedisConnection {
 public:
  using Command = std::vector<std::string_view>;
  struct Reply {
    enum class Kind { Text, Number, Nil, Refused };
    Kind kind = Kind::Nil;
    std::string text;  // of Text and Refused
    std::int64_t number = 0;
  };

  // Connected, authenticated, the database selected.
  static Result<std::unique_ptr<RedisConnection>> open(const RedisAddress& address,
                                                       Milliseconds timeout);

  // Sends all commands in one piece and gives one reply for each. An Error (silence, an end, what
  // is no RESP, more than kReplyBytesMax) leaves the connection useless: close it.
  Result<std::vector<Reply>> exchange(const std::vector<Command>& commands, Milliseconds timeout);

  static constexpr std::size_t kReplyBytesMax = 16 * 1024 * 1024;  // that no reply may exceed

 private:
  struct Free {
    void operator()(redisContext* context) const;
  };
  explicit RedisConnection(redisContext* context) : context_(context) {}

  Result<void> log_in(const RedisAddress& address, Milliseconds timeout);
  Result<void> wait(bool to_write, SteadyTime deadline) const;
  Result<void> read(std::vector<Reply>& replies, std::size_t expected);

  std::unique_ptr<redisContext, Free> context_;
};

}  // namespace cache
