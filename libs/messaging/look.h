#pragma once

#include <sched.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/result.h"

namespace messaging {

inline constexpr std::chrono::microseconds kLook{300};
inline constexpr std::chrono::microseconds kYielded{5};  // who yields for longer let somebody run

// A thread that waits looks a little before it sleeps: waking a core that sleeps costs more than
// most answers take. It gives way to whoever can run, and stops once somebody did: the core is
// awake then, and has better things to do.
class Look {
 public:
  explicit Look(std::chrono::microseconds yielded = kYielded) : yielded_(yielded) {}
  // Whether to look once more.
  bool again() {
    const SteadyTime before = SystemClock::instance().now();
    if (before >= end_) return false;
    sched_yield();
    return SystemClock::instance().now() - before < yielded_;
  }

 private:
  std::chrono::microseconds yielded_;
  SteadyTime end_ = SystemClock::instance().now() + kLook;
};

// An answer that a thread waits for.
class Awaited {
 public:
  void give(Result<std::string> result) {
    result_ = std::move(result);
    there_ = true;
    there_.notify_one();
  }
  Result<std::string> take() {
    // Whoever runs meanwhile may be the node's own thread, which brings the answer.
    Look look(kLook);
    while (!there_ && look.again()) {
    }
    there_.wait(false);
    return std::move(*result_);
  }

 private:
  std::optional<Result<std::string>> result_;
  std::atomic<bool> there_{false};
};

}  // namespace messaging
