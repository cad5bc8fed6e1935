#include "retry/limiter.h"

#include <cmath>

namespace retry {
namespace {

using Nanoseconds = std::chrono::nanoseconds;

// Longer than any limit is good for, short enough to add to any time without overflow.
constexpr double kLongestSeconds = 1e9;

// What rounding to nanoseconds may add up to in a burst of single tokens.
constexpr Nanoseconds kRounding{1000};

Nanoseconds time_for(double tokens, double per_second) {
  return Nanoseconds(std::llround(std::min(tokens / per_second, kLongestSeconds) * 1e9));
}

}  // namespace

Limiter::Taken Limiter::take(double tokens, SteadyTime now) {
  if (tokens > options_.burst) return {false, kNever};
  const SteadyTime full_at = std::max(full_at_, now) + time_for(tokens, options_.per_second);
  const auto missing = full_at - now - time_for(options_.burst, options_.per_second);
  if (missing > kRounding) return {false, std::chrono::ceil<Milliseconds>(missing)};
  full_at_ = full_at;
  return {true, Milliseconds(0)};
}

double Limiter::available(SteadyTime now) const {
  if (full(now)) return options_.burst;
  const double missing_s = std::chrono::duration<double>(full_at_ - now).count();
  return std::max(0.0, options_.burst - missing_s * options_.per_second);
}

Limiter::Taken KeyedLimiter::take(std::string_view key, double tokens, SteadyTime now) {
  auto found = limiters_.find(key);
  if (found == limiters_.end()) {
    if (limiters_.size() >= keys_max_ && !make_room(now)) return others_.take(tokens, now);
    found = limiters_.emplace(std::string(key), Limiter(options_)).first;
  }
  return found->second.take(tokens, now);
}

// Looking at all keys is dear, so it is done at most ten times while a bucket refills.
bool KeyedLimiter::make_room(SteadyTime now) {
  if (next_sweep_ && now < *next_sweep_) return false;
  next_sweep_ = now + time_for(options_.burst, options_.per_second) / 10;
  std::erase_if(limiters_, [&](const auto& entry) { return entry.second.full(now); });
  return limiters_.size() < keys_max_;
}

}  // namespace retry
