#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"

namespace crawler {

// When each site may be asked again, so that none is asked by many at once. Thread-safe.
class Pacer {
 public:
  explicit Pacer(const Clock& clock, std::size_t sites_max = 10'000)
      : clock_(clock), sites_max_(sites_max) {}

  // Takes the next turn at `site` and returns when it is; the turn after it is `delay` later.
  SteadyTime reserve(const std::string& site, Milliseconds delay);

  // The sites whose next turn is still to come, and when the first of these is.
  struct Busy {
    std::vector<std::string> sites;
    SteadyTime first_free = SteadyTime::max();
  };
  Busy busy();

 private:
  void forget_past(SteadyTime now);

  const Clock& clock_;
  const std::size_t sites_max_;
  std::mutex mutex_;
  std::unordered_map<std::string, SteadyTime> next_;  // guarded by mutex_
};

// Returns at `time`, or sooner with false when `stop` was asked for.
bool wait_until(SteadyTime time, const std::stop_token& stop);

}  // namespace crawler
