#include "bot/listener.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "telemetry/log.h"

namespace bot {

Listener::Listener(Options options, const Company& company, Peers& peers, Timers& timers,
                   const Clock& clock, Silences& silences,
                   std::function<void(const contracts::SpeakRequest&)> speak)
    : options_(std::move(options)),
      company_(company),
      peers_(peers),
      timers_(timers),
      clock_(clock),
      silences_(silences),
      speak_(std::move(speak)) {}

void Listener::heard(discord::Message message) {
  if (company_.known()) return take(message);
  if (early_.size() >= options_.messages_max) {
    return silences_.note(message.channel_id, message.id, silence::kOverloaded);
  }
  early_.push_back(std::move(message));
}

void Listener::company_known() {
  for (const auto& message : std::exchange(early_, {})) take(message);
}

void Listener::take(const discord::Message& message) {
  auto taken = take_in(message, company_, options_.intake, clock_.wall_ms());
  if (const auto* reason = std::get_if<std::string_view>(&taken)) {
    return silences_.note(message.channel_id, message.id, *reason);
  }
  if (asked_.size() >= options_.messages_max) {
    return silences_.note(message.channel_id, message.id, silence::kOverloaded);
  }
  if (taken_before(message)) return;
  const auto age = std::max<std::int64_t>(clock_.wall_ms() - posted_ms(message.id), 0);
  const auto give_up = clock_.now() + Milliseconds(options_.intake.age_ms_max - age);
  asked_[message.id] = {std::get<contracts::OrchestrateRequest>(std::move(taken)), give_up, 0};
  ask(message.id);
}

bool Listener::taken_before(const discord::Message& message) {
  const auto too_old = clock_.wall_ms() - options_.intake.age_ms_max;
  taken_.erase(taken_.begin(), taken_.lower_bound({too_old, ""}));
  const bool added = taken_.emplace(posted_ms(message.id), message.id).second;
  if (taken_.size() > kTakenMax) taken_.erase(taken_.begin());
  return !added;
}

void Listener::ask(const std::string& message_id) {
  const auto found = asked_.find(message_id);
  if (found == asked_.end()) return;
  ++found->second.tries;
  peers_.ask<contracts::TurnReply>("router", "router.orchestrate", found->second.request,
                                   options_.call_within,
                                   [this, message_id](const Result<contracts::TurnReply>& reply) {
                                     answered(message_id, reply);
                                   });
}

void Listener::answered(const std::string& message_id, const Result<contracts::TurnReply>& reply) {
  const auto found = asked_.find(message_id);
  if (found == asked_.end()) return;
  if (!reply) {
    const auto pause = pause_after(found->second.tries);
    if (may_pass(reply.error().code) && clock_.now() + pause < found->second.give_up) {
      return timers_.after(pause, [this, message_id] { ask(message_id); });
    }
    telemetry::warn("a message is not answered",
                    {{"message", message_id}, {"why", reply.error().message}});
    return end(message_id, name(reply.error().code));
  }
  const contracts::TurnReply& turn = reply.value();
  if (turn.character.empty() || turn.text.empty()) return end(message_id, turn.reason);
  if (turn.character != company_.character()) return end(message_id, silence::kAnotherSpeaks);
  contracts::SpeakRequest line{found->second.request.channel, turn.turn_id, turn.text, message_id};
  asked_.erase(found);
  speak_(line);
}

void Listener::end(const std::string& message_id, std::string_view reason) {
  const auto found = asked_.find(message_id);
  silences_.note(found->second.request.channel, message_id, reason);
  asked_.erase(found);
}

}  // namespace bot
