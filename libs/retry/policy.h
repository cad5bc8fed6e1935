#pragma once

#include <algorithm>

#include "base/clock.h"
#include "base/ids.h"

// When to try again. Pure: time and randomness are passed in. Retries happen in one place per call
// path; these are the two regimes of DESIGN section 2.
namespace retry {

// Exponential back-off. With jitter a delay is drawn from its upper half.
struct Policy {
  int attempts_max;
  Milliseconds base;
  double factor;
  Milliseconds max;
  bool jitter;
};

// Between attempts of a turn that failed for a fault (not for quality).
inline constexpr Policy kDiscordMessage{10, Milliseconds(1000), 2.0, Milliseconds(30000), true};
// Between tries of one call to another service, in the messaging client only.
inline constexpr Policy kServiceCall{3, Milliseconds(500), 1.5, Milliseconds(5000), false};

// The wait after the `failures`-th failure (from 1).
Milliseconds delay(const Policy& policy, int failures, Random& random);

// Whether another try may start: attempts are left and the wait ends before the deadline.
inline bool may_retry(const Policy& policy, int failures, SteadyTime now, Milliseconds wait,
                      SteadyTime deadline) {
  return failures < policy.attempts_max && now + wait < deadline;
}

// What is left until `deadline`, never negative.
inline Milliseconds remaining(SteadyTime now, SteadyTime deadline) {
  return std::max(Milliseconds(0), std::chrono::duration_cast<Milliseconds>(deadline - now));
}

// Keeps retries from multiplying an outage: each call earns a share of a retry, a retry costs one
// (as in Finagle's RetryBudget). Not thread-safe.
class Budget {
 public:
  explicit Budget(double share = 0.2, double reserve = 10)
      : share_(share), balance_(reserve), max_(reserve * 10) {}
  void earn() { balance_ = std::min(max_, balance_ + share_); }
  bool spend() {
    if (balance_ < 1) return false;
    balance_ -= 1;
    return true;
  }

 private:
  double share_;
  double balance_;
  double max_;
};

}  // namespace retry
