#pragma once

#include <cstdint>
#include <mutex>

#include "base/clock.h"

namespace support {

// A clock that moves only when a test says so. Thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(std::int64_t wall_ms = 1'700'000'000'000) : wall_start_ms_(wall_ms) {}

  SteadyTime now() const override {
    const std::lock_guard lock(mutex_);
    // Not the epoch itself: code that takes zero for "never" must not pass by luck.
    return SteadyTime{} + std::chrono::hours(1) + passed_;
  }

  std::int64_t wall_ms() const override {
    const std::lock_guard lock(mutex_);
    return wall_start_ms_ + passed_.count();
  }

  void advance(Milliseconds by) {
    const std::lock_guard lock(mutex_);
    passed_ += by;
  }
  void advance(std::int64_t by_ms) { advance(Milliseconds(by_ms)); }

 private:
  const std::int64_t wall_start_ms_;
  mutable std::mutex mutex_;
  Milliseconds passed_{0};
};

}  // namespace support
