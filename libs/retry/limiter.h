#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"

// How often something may be done. Pure: the time is passed in. Not thread-safe.
namespace retry {

// A bucket of `burst` tokens that refills at `per_second`; it starts full. Kept as the one moment
// at which it is full again (the generic cell rate algorithm, ITU-T I.371), so a refill neither
// drifts nor needs a timer.
class Limiter {
 public:
  struct Options {
    double per_second = 1;  // more than 0
    double burst = 1;
  };
  struct Taken {
    bool allowed = false;
    Milliseconds wait{0};  // of a refusal: until then the same is refused; kNever: always
    explicit operator bool() const { return allowed; }
    // For the Retry-After header: whole seconds, at least one.
    std::int64_t retry_after_s() const { return std::max<std::int64_t>(1, ceil_seconds()); }

   private:
    std::int64_t ceil_seconds() const { return (wait.count() + 999) / 1000; }
  };
  static constexpr Milliseconds kNever = Milliseconds::max() / 2;

  explicit Limiter(Options options) : options_(options) {}

  // Takes `tokens`, all or none.
  Taken take(double tokens, SteadyTime now);
  // How many are there.
  double available(SteadyTime now) const;
  bool full(SteadyTime now) const { return full_at_ <= now; }

 private:
  Options options_;
  SteadyTime full_at_{};
};

// A bucket for each key, such as an address or an API key. Keys whose bucket is full are forgotten
// when room is needed: they lose nothing by it. When `keys_max` are in use at the same time, all
// others share one bucket: whoever makes up keys slows down strangers, and nobody gets around a
// limit.
class KeyedLimiter {
 public:
  explicit KeyedLimiter(Limiter::Options options, std::size_t keys_max = 10'000)
      : options_(options), keys_max_(keys_max), others_(options) {}

  Limiter::Taken take(std::string_view key, double tokens, SteadyTime now);
  std::size_t keys() const { return limiters_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const {
      return std::hash<std::string_view>{}(key);
    }
  };
  bool make_room(SteadyTime now);

  Limiter::Options options_;
  std::size_t keys_max_;
  std::unordered_map<std::string, Limiter, Hash, std::equal_to<>> limiters_;
  Limiter others_;
  std::optional<SteadyTime> next_sweep_;
};

}  // namespace retry
