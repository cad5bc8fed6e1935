#pragma once

#include <string_view>

#include "base/clock.h"

namespace retry {

// Stops asking a peer that keeps failing. Closed: calls pass. After `failures_max` consecutive
// faults it opens: calls are refused until `cool_down` has passed; then half-open: one probe
// passes, and its outcome closes or opens it again. Report only the peer's own faults (time-outs,
// refused connections, 5xx), not the caller's mistakes or rate limits. Not thread-safe.
class Breaker {
 public:
  struct Options {
    int failures_max = 3;
    Milliseconds cool_down{5000};
  };
  enum class State { Closed, Open, HalfOpen };

  explicit Breaker(Options options) : options_(options) {}

  // Whether a call may go out now; in half-open the first asker becomes the probe.
  bool allow(SteadyTime now);
  void succeeded();
  void failed(SteadyTime now);
  // A call that ended without saying anything about the peer (cancelled, rate limited).
  void abandoned() { probing_ = false; }
  State state(SteadyTime now) const;

 private:
  Options options_;
  int failures_ = 0;
  SteadyTime opened_{};
  bool open_ = false;
  bool probing_ = false;
};

std::string_view name(Breaker::State state);

}  // namespace retry
