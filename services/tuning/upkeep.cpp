#include "tuning/upkeep.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "telemetry/log.h"

namespace tuning {

Upkeep::Upkeep(Learner& learner)
    : learner_(learner),
      thread_([this](const std::stop_token& stop) { forget_now_and_then(stop); }) {}

void Upkeep::forget_now_and_then(const std::stop_token& stop) {
  constexpr std::chrono::hours kInterval{1};
  std::mutex mutex;
  std::condition_variable_any ended;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    const auto gone = learner_.forget();
    if (!gone) telemetry::warn("cannot forget old outcomes", {{"why", gone.error().message}});
    if (gone && gone.value() > 0) {
      telemetry::info("old outcomes forgotten", {{"rows", gone.value()}});
    }
    ended.wait_for(lock, stop, kInterval, [] { return false; });
  }
}

}  // namespace tuning
