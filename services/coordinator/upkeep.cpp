#include "coordinator/upkeep.h"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "contracts/characters.h"
#include "telemetry/log.h"

namespace coordinator {
namespace {

constexpr Milliseconds kCastTimeout{2000};
constexpr Milliseconds kCastRetry{50};  // while there is no cast at all
constexpr std::chrono::hours kForgetInterval{1};

}  // namespace

struct Upkeep::Bell {
  std::mutex mutex;
  std::condition_variable_any rung;
  bool ringing = false;

  void ring() {
    {
      const std::lock_guard lock(mutex);
      ringing = true;
    }
    rung.notify_all();
  }
  void wait(const std::stop_token& stop, Milliseconds at_most) {
    std::unique_lock lock(mutex);
    rung.wait_for(lock, stop, at_most, [&] { return ringing; });
    ringing = false;
  }
};

Upkeep::Upkeep(Options options, messaging::Client characters, Cast& cast,
               Conversations& conversations)
    : options_(options),
      characters_(std::move(characters)),
      cast_(cast),
      conversations_(conversations),
      bell_(std::make_shared<Bell>()) {
  characters_.node().subscribe(
      "character.changed", [bell = bell_](std::string_view, const std::string&) { bell->ring(); });
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void Upkeep::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    refresh_cast();
    if (SystemClock::instance().now() >= forget_next_) forget();
    bell_->wait(stop, cast_state_ == CastState::Known ? options_.cast_refresh : kCastRetry);
  }
}

void Upkeep::refresh_cast() {
  // Not tried again by the client: the next round does, and it must not hold up the end.
  auto list = characters_.call<contracts::CharacterList>(
      "characters.list", contracts::Empty{},
      {.deadline = SystemClock::instance().now() + kCastTimeout, .idempotent = false});
  if (list) {
    cast_.replace(std::move(list).value().characters);
    if (cast_state_.exchange(CastState::Known) != CastState::Known) {
      telemetry::info("cast known", {{"characters", cast_.snapshot()->size()}});
    }
  } else if (cast_state_ != CastState::Known) {
    const bool away = list.error().code == Code::Unavailable;
    cast_state_ = away ? CastState::Away : CastState::Loading;
  }
}

void Upkeep::forget() {
  const auto gone = conversations_.forget_older_than(options_.retention_days);
  if (!gone) telemetry::warn("cannot forget old lines", {{"why", gone.error().message}});
  if (gone && gone.value() > 0) telemetry::info("old lines forgotten", {{"lines", gone.value()}});
  forget_next_ = SystemClock::instance().now() + kForgetInterval;
}

}  // namespace coordinator
