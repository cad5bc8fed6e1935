#pragma once

#include <chrono>
#include <cstdint>

using SteadyTime = std::chrono::steady_clock::time_point;
using Milliseconds = std::chrono::milliseconds;

// The time, passed in so that tests can turn it. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // For waits, deadlines and durations.
  virtual SteadyTime now() const = 0;

  // For people and files: milliseconds since the Unix epoch.
  virtual std::int64_t wall_ms() const = 0;
};

// The machine's own clock.
class SystemClock final : public Clock {
 public:
  SteadyTime now() const override;
  std::int64_t wall_ms() const override;

  // One shared instance; it has no state.
  static const SystemClock& instance();
};

// Milliseconds between two steady times, with fractions.
double elapsed_ms(SteadyTime from, SteadyTime to);
