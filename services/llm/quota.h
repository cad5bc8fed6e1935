#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "llm/leases.h"
#include "retry/limiter.h"

namespace llm {

// What a quota counts. Cost is counted in billionths, so that sums are exact.
enum class Unit { Requests, Tokens, Cost };
// Minutes and hours are rates: a bucket of that size which refills evenly. Days and months (UTC)
// are budgets: what is used up is gone until the window's end.
enum class Window { Minute, Hour, Day, Month };

struct Rule {
  Unit unit = Unit::Requests;
  Window window = Window::Minute;
  std::int64_t amount = 0;  // more than 0

  bool rate() const { return window == Window::Minute || window == Window::Hour; }
  // "60 requests a minute", for people.
  std::string text() const;
  friend bool operator==(const Rule&, const Rule&) = default;
};

constexpr double kNanos = 1e9;
// Rounded up: what is set aside is never too little.
std::int64_t to_nanos(double cost);

struct Moment {
  SteadyTime steady{};
  std::int64_t wall_ms = 0;
};
inline Moment moment(const Clock& clock) { return {clock.now(), clock.wall_ms()}; }

// Of a budget's window: milliseconds since the epoch.
struct Span {
  std::int64_t begin_ms = 0;
  std::int64_t end_ms = 0;
};
Span span_of(Window window, std::int64_t wall_ms);

// One limit of one account. Pure: the time is passed in. Not thread-safe. What is reserved is never
// more than what is left, so unless somebody settles more than was reserved the limit holds to the
// unit. A reservation that a window's end passes by counts in the window in which it is settled,
// as in the books.
//
// When the limit is shared between instances, what this one may use is first borrowed from Redis:
// check() says so and gives the request to send, lent() takes the answer. The limit then holds
// twice, here and there, so that no instance passes it alone whatever becomes of Redis.
class Quota {
 public:
  // `name` is the quota's in Redis; `holder` is this instance's in it.
  Quota(Rule rule, std::string name, std::string holder, int lease_requests);

  struct Answer {
    enum class Kind { Yes, No, Borrow };
    Kind kind = Kind::Yes;
    Milliseconds wait{0};  // of a No
  };
  // Whether `amount` may be reserved now.
  Answer check(std::int64_t amount, const Moment& now, Sharing sharing);
  // After a Yes for the same amount, with nothing in between.
  void reserve(std::int64_t amount, const Moment& now);
  void settle(std::int64_t reserved, std::int64_t used, const Moment& now);

  // The request for what those who were told Borrow since the last one want; nothing while one is
  // under way.
  std::optional<Loan> borrow(const Moment& now);
  // Its answer; nothing: Redis did not give any. All who were told Borrow ask again then.
  void lent(const std::optional<Lent>& lent, const Moment& now);
  // What is borrowed and more than the next requests will need, or with `all` everything that is
  // not in use, goes back.
  enum class Keep { Some, Nothing };
  std::optional<Loan> give_back(Keep keep, const Moment& now);

  const Rule& rule() const { return rule_; }
  // Another amount from now on; what was used stays used.
  void set_amount(std::int64_t amount, const Moment& now);
  // What the books say of a budget's window.
  void begin_with(std::int64_t used, const Moment& now);
  std::int64_t used() const { return used_; }
  std::int64_t reserved() const { return reserved_; }
  // Borrowed and not in use.
  std::int64_t spare() const { return granted_ - used_ - reserved_; }

 private:
  void roll(const Moment& now);
  Answer check_here(std::int64_t amount, const Moment& now) const;
  Loan loan(const Moment& now) const;
  std::int64_t lease(std::int64_t amount) const;

  Rule rule_;
  const std::string name_;
  const std::string holder_;
  const int lease_requests_;
  retry::Limiter bucket_;  // of a rate
  Span span_;              // of a budget, as the two below
  std::int64_t used_ = 0;
  std::int64_t reserved_ = 0;

  bool shared_ = false;
  // Of a budget what Redis has confirmed in this window, of a rate what is left of that.
  std::int64_t granted_ = 0;
  std::int64_t first_ = 0;   // wanted by the first of those who were told Borrow...
  std::int64_t wanted_ = 0;  // ...and by all of them
  std::optional<Loan> asked_;
  std::int64_t asked_for_ = 0;  // by the first
  std::int64_t denied_ = 0;     // so much was not there
  SteadyTime denied_until_{};   // when it is worth asking again
  Milliseconds denied_wait_{0};
};

}  // namespace llm
