#include "llm/provider.h"

#include <algorithm>
#include <utility>

namespace llm {

Provider::Provider(ProviderOptions options, std::unique_ptr<WireFormat> format)
    : options_(std::move(options)),
      format_(std::move(format)),
      models_(options_.models),
      models_known_(!models_.empty()),
      breaker_(options_.breaker) {
  if (format_) return;
  state_ = "up";
  models_known_ = true;
  if (models_.empty()) models_ = {"understudy"};
}

bool Provider::offers(const std::string& model) const {
  const std::lock_guard lock(mutex_);
  return model == "auto" || std::find(models_.begin(), models_.end(), model) != models_.end();
}

std::string Provider::model_for(const std::string& asked, const std::string& preferred) const {
  if (asked != "auto") return asked;
  if (!preferred.empty() && offers(preferred)) return preferred;
  const std::lock_guard lock(mutex_);
  return models_.empty() ? "" : models_.front();
}

bool Provider::knows_models() const {
  const std::lock_guard lock(mutex_);
  return models_known_;
}

void Provider::models_read(const Result<std::vector<std::string>>& models) {
  const std::lock_guard lock(mutex_);
  state_ = models ? "up" : "down";
  if (!models) {
    last_error_ = models.error().message;
  } else if (options_.models.empty()) {
    models_ = models.value();
    models_known_ = true;
  }
}

std::optional<Provider::Pass> Provider::admit(SteadyTime now) {
  const std::lock_guard lock(mutex_);
  return breaker_.allow(now);
}

void Provider::succeeded(Pass pass) {
  const std::lock_guard lock(mutex_);
  breaker_.succeeded(pass);
  state_ = "up";
}

void Provider::failed(Pass pass, SteadyTime now, const std::string& why) {
  const std::lock_guard lock(mutex_);
  breaker_.failed(pass, now);
  state_ = "down";
  last_error_ = why;
}

void Provider::abandoned(Pass pass, const std::string& why) {
  const std::lock_guard lock(mutex_);
  breaker_.abandoned(pass);
  if (!why.empty()) last_error_ = why;
}

ProviderState Provider::state(SteadyTime now) const {
  const std::lock_guard lock(mutex_);
  return {options_.name,  std::string(enum_name(options_.kind)),
          state_,         std::string(retry::name(breaker_.state(now))),
          models_,        in_flight_,
          waiting_count_, last_error_};
}

bool Provider::take_place() {
  const std::lock_guard lock(mutex_);
  if (in_flight_ >= options_.concurrency || !waiting_.empty()) return false;
  ++in_flight_;
  return true;
}

bool Provider::wait(std::shared_ptr<Waiter> waiter, std::size_t waiting_max) {
  if (waiting_.size() >= waiting_max) return false;
  waiting_.push_back(std::move(waiter));
  const std::lock_guard lock(mutex_);
  waiting_count_ = static_cast<int>(waiting_.size());
  return true;
}

void Provider::stop_waiting(const Waiter* waiter) {
  std::erase_if(waiting_, [&](const auto& other) { return other.get() == waiter; });
  const std::lock_guard lock(mutex_);
  waiting_count_ = static_cast<int>(waiting_.size());
}

void Provider::drop_waiting() {
  // Taken out first: who is turned away may stop waiting.
  const auto waiting = std::exchange(waiting_, {});
  {
    const std::lock_guard lock(mutex_);
    waiting_count_ = 0;
  }
  for (const auto& waiter : waiting) waiter->turned_away();
}

void Provider::give_back(net::Loop& loop) {
  std::shared_ptr<Waiter> next;
  if (!waiting_.empty()) {
    next = std::move(waiting_.front());
    waiting_.pop_front();
  }
  {
    const std::lock_guard lock(mutex_);
    waiting_count_ = static_cast<int>(waiting_.size());
    if (!next) --in_flight_;  // else the place goes from hand to hand
  }
  if (next) loop.post([this, next] { next->place_given(*this); });
}

}  // namespace llm
