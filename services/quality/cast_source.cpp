#include "quality/cast_source.h"

#include <condition_variable>
#include <utility>

#include "telemetry/log.h"

namespace quality {
namespace {

constexpr Milliseconds kTimeout{2000};
constexpr Milliseconds kRetry{50};  // while there is no cast at all

}  // namespace

struct CastSource::Bell {
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

CastSource::CastSource(messaging::Client characters, Milliseconds refresh)
    : characters_(std::move(characters)), refresh_(refresh), bell_(std::make_shared<Bell>()) {
  characters_.node().subscribe(
      "character.changed", [bell = bell_](std::string_view, const std::string&) { bell->ring(); });
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

CastSource::~CastSource() = default;

std::shared_ptr<const Cast> CastSource::cast() const {
  const std::lock_guard lock(mutex_);
  return cast_;
}

void CastSource::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    ask();
    bell_->wait(stop, cast() != nullptr ? refresh_ : kRetry);
  }
}

void CastSource::ask() {
  // Not tried again by the client: the next round does, and it must not hold up the end.
  auto list = characters_.call<contracts::CharacterList>(
      "characters.list", contracts::Empty{},
      {.deadline = SystemClock::instance().now() + kTimeout, .idempotent = false});
  if (list) replace(std::move(list).value().characters);
}

void CastSource::replace(std::vector<contracts::Character> characters) {
  const auto known = cast();
  const std::uint64_t fingerprint = Cast::fingerprint_of(characters);
  // Learning the voices again would change nothing.
  if (known != nullptr && known->fingerprint() == fingerprint) return;
  telemetry::info("cast known", {{"characters", characters.size()}});
  auto fresh = std::make_shared<const Cast>(std::move(characters));
  const std::lock_guard lock(mutex_);
  cast_ = std::move(fresh);
}

}  // namespace quality
