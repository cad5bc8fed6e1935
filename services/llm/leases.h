#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "cache/redis.h"

// Limits that several instances share: each borrows a part of one from Redis, spends it by itself,
// and brings back what is left.
namespace llm {

enum class Sharing { Here, Shared };

// A part of a limit to borrow, or to bring back.
struct Loan {
  std::string name;       // of the limit in Redis; of a budget with its window
  std::string holder;     // of a budget: who borrows; one name for all lives of an instance
  std::int64_t size = 0;  // of the limit
  // Of a budget: all that this holder has of it, with what is used. Said anew with each loan, so an
  // answer that was lost, a holder that crashed and a Redis that has forgotten all mend themselves.
  std::int64_t held = 0;
  // Of a rate: how long the bucket takes to refill; of a budget 0.
  std::int64_t refill_us = 0;
  std::int64_t ttl_ms = 0;  // Redis forgets it then
  std::int64_t want = 0;    // of a rate, less than 0: so much comes back
  std::int64_t need = 0;    // less than this is of no use
};

struct Lent {
  std::int64_t amount = 0;  // between need and want, or 0
  Milliseconds wait{0};     // of a rate and 0: until there may be as much
};

class Lender {
 public:
  virtual ~Lender() = default;
  // Whether it lends at the moment. Thread-safe.
  virtual bool works() const = 0;
  // "connecting", "connected", "unavailable". Thread-safe.
  virtual std::string_view state() const = 0;
  // Calls `done` once on the loop, later, within a bounded time; with nothing when Redis has not
  // answered.
  virtual void lend(Loan loan, std::function<void(std::optional<Lent>)> done) = 0;
};

// Redis as the lender: one thread owns the connection and sends what has gathered in one piece; a
// script there counts each loan in one step, a rate by Redis' own clock. Thread-safe.
class RedisLender final : public Lender {
 public:
  struct Options {
    cache::RedisAddress address;
    Milliseconds timeout{100};    // for connecting, and for the replies to a batch
    Milliseconds cool_down{500};  // between attempts to get it back
    Milliseconds heartbeat{500};  // when idle, to notice a server that has frozen
    std::size_t batch_max = 64;
    std::size_t queue_max = 1024;
  };
  // `post` runs its argument on the loop; `beat` is run there at every heartbeat.
  using Post = std::function<void(std::function<void()>)>;
  RedisLender(Options options, Post post, std::function<void()> beat);
  // Sends what is queued, within the time-out; nobody is called any more.
  ~RedisLender() override;

  bool works() const override;
  std::string_view state() const override;
  void lend(Loan loan, std::function<void(std::optional<Lent>)> done) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A name that stays this instance's: read from `path`, or made up and written there.
Result<std::string> instance_name(const std::string& path);

}  // namespace llm
