#include "coordinator/upkeep.h"

#include <utility>

#include "contracts/characters.h"
#include "json/codec.h"
#include "telemetry/log.h"

namespace coordinator {
namespace {

constexpr std::chrono::hours kForgetInterval{1};

}  // namespace

Upkeep::Upkeep(Options options, const messaging::Client& characters, Cast& cast,
               Conversations& conversations)
    : options_(options),
      began_(SystemClock::instance().now()),
      cast_(cast),
      conversations_(conversations),
      follower_(characters,
                {.method = "characters.list",
                 .event = "character.changed",
                 .refresh = options.cast_refresh},
                [this](const Result<std::string>& body) { cast_told(body); }),
      thread_([this](const std::stop_token& stop) { forget_now_and_then(stop); }) {}

void Upkeep::cast_told(const Result<std::string>& body) {
  auto list = body ? json::decode<contracts::CharacterList>(std::string_view(body.value()))
                   : Result<contracts::CharacterList>(body.error());
  if (list) {
    cast_.replace(std::move(list).value().characters);
    if (cast_state_.exchange(CastState::Known) != CastState::Known) {
      telemetry::info("cast known", {{"characters", cast_.snapshot()->cast().size()}});
    }
  } else if (cast_state_ != CastState::Known) {
    const bool away = list.error().code == Code::Unavailable &&
                      SystemClock::instance().now() - began_ >= options_.cast_awaited;
    cast_state_ = away ? CastState::Away : CastState::Loading;
  }
}

void Upkeep::forget_now_and_then(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any ended;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    const auto gone = conversations_.forget_older_than(options_.retention_days);
    if (!gone) telemetry::warn("cannot forget old lines", {{"why", gone.error().message}});
    if (gone && gone.value() > 0) telemetry::info("old lines forgotten", {{"lines", gone.value()}});
    ended.wait_for(lock, stop, kForgetInterval, [] { return false; });
  }
}

}  // namespace coordinator
