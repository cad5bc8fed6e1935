#include "bot/silences.h"

#include <array>

namespace bot {
namespace {

// Labels come from a fixed set; a reason that is none of these is counted as "other".
constexpr std::string_view kOther = "other";
constexpr auto kReasons = std::to_array<std::string_view>(
    {silence::kOwnMessage, silence::kCastBot, silence::kForeignBot, silence::kWebhook,
     silence::kEmptyMessage, silence::kSystemMessage, silence::kOtherChannel, silence::kTooOld,
     silence::kOverloaded, silence::kAnotherSpeaks, silence::kRefused, silence::kForbidden,
     silence::kUnsureSent, silence::kNotWritten,
     // The coordinator's.
     "no_participants", "empty_history", "below_threshold", "out_of_energy", "not_addressed",
     "quiet", "at_rest", "superseded", "not_a_person",
     // The router's.
     "interrupted_by_person", "repeated", "router_restarted", "unavailable", "deadline_exceeded",
     "internal", "invalid_argument", kOther});

}  // namespace

Silences::Silences(telemetry::Metrics& metrics, const Clock& clock) : clock_(clock) {
  for (const auto reason : kReasons) {
    counters_.emplace(reason, metrics.counter("troupe_bot_silences_total",
                                              "Messages not answered and lines not posted",
                                              {{"reason", std::string(reason)}}));
  }
}

void Silences::note(const std::string& channel, const std::string& message_id,
                    std::string_view reason) {
  auto counter = counters_.find(reason);
  if (counter == counters_.end()) counter = counters_.find(kOther);
  counter->second.add();
  const std::lock_guard lock(mutex_);
  kept_.push_front({channel, message_id, std::string(reason), clock_.wall_ms()});
  if (kept_.size() > kKept) kept_.pop_back();
}

contracts::Silences Silences::list() const {
  const std::lock_guard lock(mutex_);
  return {{kept_.begin(), kept_.end()}};
}

}  // namespace bot
