#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "llm/talk.h"

// How answers are remembered, under llm:{prompt_hash}:{settings_hash}. Only who
// asks for the same answer again gets it (Asked::repeatable); the router's
// seeds are of one message in one channel, so no line comes up in another
// conversation. What is kept is replayed in the asker's dialect, whole or as a
// stream. Pure.
namespace llm {

// Of all that the answer depends on, whose it is among it.
std::string answer_key(const talk::ChatAsk& ask, std::string_view tenant);

// Kept are whole answers of the provider that was asked first: a stand-in's
// line must not outlive its reason.
bool worth_keeping(const talk::Completion& completion);

std::string encode_answer(const talk::Completion& completion);
Result<talk::Completion> decode_answer(std::string_view text);

}  // namespace llm
