#pragma once

#include "router/turn.h"

// Makes the request for a draft from all that a turn has gathered. Pure.
namespace router {

// The chat for attempt `number`: system prompt, fenced knowledge, notes of the attempt's band and
// of what was wrong with the drafts before, then the conversation.
contracts::ChatRequest chat_request(const TurnState& state, int number);

// The request to judge `draft`.
contracts::AssessRequest assess_request(const TurnState& state, const std::string& draft);

// A drafted text as it would be said: trimmed, without thoughts or the speaker's own name in front.
std::string tidied_draft(std::string_view text, std::string_view name);

}  // namespace router
