#pragma once

#include "router/turn.h"

// Makes the request for a draft from all that a turn has gathered. Pure.
namespace router {

// What a draft is told beside the prompt: what was wrong with those before it; from the tuned band
// on what has helped others with the same faults, from the guided one on what this character needs.
struct Notes {
  std::vector<std::string> lines;
  std::vector<std::string> hint_ids;  // of tuning's that are among them
};
Notes notes_for(const TurnState& state, int number);

// The way of drafting that tuning has drawn for this turn; nullptr without tuning.
const contracts::Variant* variant_of(const TurnState& state);

// The chat for attempt `number`: system prompt with the variant's rule, fenced knowledge, notes,
// then the conversation.
contracts::ChatRequest chat_request(const TurnState& state, int number);

// The request to judge `draft`.
contracts::AssessRequest assess_request(const TurnState& state, const std::string& draft);

// A drafted text as it would be said: trimmed, without thoughts or the speaker's own name in front.
std::string tidied_draft(std::string_view text, std::string_view name);

}  // namespace router
