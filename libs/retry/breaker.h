#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"

namespace retry {

// Stops asking a peer that keeps failing. Closed: calls pass. After `failures_max` consecutive
// faults it opens: calls are refused until `cool_down` has passed; then half-open: one probe
// passes, and its outcome closes or opens it again. Each outcome is attributed twice: to whoever is
// at fault (only the peer's own faults count, see fault_of), and to the call that it came from: a
// call that went out before the breaker opened says nothing about the peer as it is later, so its
// outcome neither closes the breaker nor prolongs the cool-down. Not thread-safe.
class Breaker {
 public:
  struct Options {
    int failures_max = 3;
    Milliseconds cool_down{5000};
    friend bool operator==(const Options&, const Options&) = default;
  };
  enum class State { Closed, Open, HalfOpen };
  // Names the call in its outcome.
  using Pass = std::uint64_t;

  explicit Breaker(Options options) : options_(options) {}

  // Whether a call may go out now; answer each pass by one of the three below. In half-open the
  // first asker becomes the probe, and until its outcome nobody else goes.
  std::optional<Pass> allow(SteadyTime now);
  void succeeded(Pass pass);
  void failed(Pass pass, SteadyTime now);
  // The call ended without saying anything about the peer (cancelled, rate limited).
  void abandoned(Pass pass);
  State state(SteadyTime now) const;

 private:
  Options options_;
  int failures_ = 0;
  bool open_ = false;
  bool probing_ = false;
  SteadyTime opened_{};
  Pass epoch_ = 1;  // new whenever it opens and with every probe
};

std::string_view name(Breaker::State state);

// Whom an error says something about. Peer: it is unwell. Caller: it is well and found fault with
// the request, which counts as a success. Nobody: nothing was learned.
enum class Fault { Peer, Caller, Nobody };
Fault fault_of(Code code);

// Reports the outcome of a call by its error's code.
void report(Breaker& breaker, Breaker::Pass pass, Code code, SteadyTime now);

}  // namespace retry
