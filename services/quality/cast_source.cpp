#include "quality/cast_source.h"

#include <utility>

#include "contracts/characters.h"
#include "json/codec.h"
#include "telemetry/log.h"

namespace quality {

CastSource::CastSource(const messaging::Client& characters, Milliseconds refresh)
    : follower_(characters,
                {.method = "characters.list", .event = "character.changed", .refresh = refresh},
                [this](const Result<std::string>& body) { told(body); }) {}

std::shared_ptr<const Cast> CastSource::cast() const {
  const std::lock_guard lock(mutex_);
  return cast_;
}

void CastSource::told(const Result<std::string>& body) {
  if (!body) return;
  auto list = json::decode<contracts::CharacterList>(std::string_view(body.value()));
  if (!list) return telemetry::error("bad cast", {{"why", list.error().message}});
  const auto known = cast();
  // Learning the voices again would change nothing.
  if (known != nullptr && known->fingerprint() == Cast::fingerprint_of(list.value().characters)) {
    return;
  }
  telemetry::info("cast known", {{"characters", list.value().characters.size()}});
  auto fresh = std::make_shared<const Cast>(std::move(list).value().characters);
  const std::lock_guard lock(mutex_);
  cast_ = std::move(fresh);
}

}  // namespace quality
