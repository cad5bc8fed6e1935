#include "bot/feedback.h"

#include <utility>

#include "telemetry/log.h"

namespace bot {

std::optional<contracts::Opinion> opinion_of(const discord::Emoji& emoji) {
  if (emoji.id || !emoji.name) return std::nullopt;  // a server's own picture
  if (emoji.name->starts_with("\U0001F44D")) return contracts::Opinion::ThumbsUp;
  if (emoji.name->starts_with("\U0001F44E")) return contracts::Opinion::ThumbsDown;
  return std::nullopt;
}

void Feedback::reacted(const discord::Reaction& reaction, Change change) {
  auto opinion = opinion_of(reaction.emoji);
  if (!opinion || company_.character_of(reaction.user_id)) return;
  if (change == Change::Removed) opinion = contracts::Opinion::None;
  if (under_way_ >= kUnderWayMax) return;
  ++under_way_;
  ledger_.find(reaction.message_id, [this, user = reaction.user_id, opinion = *opinion](
                                        const Result<std::optional<Standing>>& line) {
    if (!line || !line.value()) {
      --under_way_;  // not a line of this bot
      return;
    }
    tell({line.value()->turn_id, user, opinion});
  });
}

void Feedback::tell(contracts::FeedbackRequest opinion) {
  peers_.ask<contracts::FeedbackReply>(
      "tuning", "tuning.feedback", opinion, Milliseconds(30'000),
      [this, turn_id = opinion.turn_id](const Result<contracts::FeedbackReply>& reply) {
        --under_way_;
        if (reply) return;
        telemetry::warn("an opinion is lost", {{"turn", turn_id}, {"why", reply.error().message}});
      });
}

}  // namespace bot
