#include "crawler/pacer.h"

#include <algorithm>

namespace crawler {

SteadyTime Pacer::reserve(const std::string& site, Milliseconds delay) {
  const std::lock_guard lock(mutex_);
  const SteadyTime now = clock_.now();
  if (next_.size() >= sites_max_) forget_past(now);
  // With so many under way at once, who is new shares one turn.
  SteadyTime& next = next_[next_.size() < sites_max_ || next_.contains(site) ? site : ""];
  const SteadyTime turn = std::max(now, next);
  next = turn + delay;
  return turn;
}

Pacer::Busy Pacer::busy() {
  const std::lock_guard lock(mutex_);
  const SteadyTime now = clock_.now();
  forget_past(now);
  Busy busy;
  for (const auto& [site, next] : next_) {
    busy.sites.push_back(site);
    busy.first_free = std::min(busy.first_free, next);
  }
  return busy;
}

void Pacer::forget_past(SteadyTime now) {
  std::erase_if(next_, [&](const auto& entry) { return entry.second <= now; });
}

bool wait_until(SteadyTime time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any asked;
  std::unique_lock lock(mutex);
  asked.wait_until(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace crawler
