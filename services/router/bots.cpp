#include "router/bots.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "json/codec.h"
#include "messaging/client.h"
#include "telemetry/trace.h"

namespace router {

struct Bots::Speech {
  messaging::Client bot;
  contracts::SpeakRequest line;
  SteadyTime until{};
  std::string traceparent;
  std::function<bool()> wanted;
  std::function<void(const Result<contracts::SpeakReply>&)> done;
};

Result<contracts::BotCompany> Bots::join(const contracts::BotPresence& presence) {
  const SteadyTime now = clock_.now();
  std::erase_if(present_, [&](const auto& entry) { return entry.second.until <= now; });
  if (present_.size() >= options_.bots_max && !present_.contains(presence.user_id)) {
    return Error{Code::Overloaded, fmt::format("{} bots are there already", present_.size())};
  }
  Present& entry = present_[presence.user_id];
  const bool news =
      entry.presence.character != presence.character || entry.presence.guilds != presence.guilds;
  entry = {presence, now + options_.gone_after};
  contracts::BotCompany company;
  company.complete = now >= began_ + options_.gone_after;
  for (const auto& [id, present] : present_) company.bots.push_back(present.presence);
  // A person may speak to the one that has just come: who asks for the turn must know of it.
  if (news) node_.publish("bot.company", json::encode(company));
  return company;
}

void Bots::speak(const std::string& character, const contracts::SpeakRequest& line,
                 std::function<bool()> wanted,
                 std::function<void(const Result<contracts::SpeakReply>&)> done) {
  try_to_speak(std::make_shared<const Speech>(
      Speech{messaging::Client(node_, character), line, clock_.now() + options_.speak_within,
             telemetry::new_traceparent(), std::move(wanted), std::move(done)}));
}

void Bots::try_to_speak(const std::shared_ptr<const Speech>& speech) {
  speech->bot.call<contracts::SpeakReply>(
      "bot.speak", speech->line,
      {.deadline = std::min(speech->until, clock_.now() + options_.call_timeout),
       .traceparent = speech->traceparent,
       .idempotent = false},  // tried again here
      [this, speech](const Result<contracts::SpeakReply>& reply) {
        // Also one that was killed or hangs, and cannot tell.
        const bool passing = !reply && (retryable(reply.error().code) ||
                                        reply.error().code == Code::DeadlineExceeded);
        const bool again =
            passing && clock_.now() + options_.speak_again < speech->until && speech->wanted();
        if (!again) return speech->done(reply);
        node_.after(options_.speak_again, [this, speech] {
          // Meanwhile a person may have spoken.
          if (speech->wanted()) return try_to_speak(speech);
          speech->done(Error{Code::Cancelled, "the talk has gone on"});
        });
      });
}

}  // namespace router
