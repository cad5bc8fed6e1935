#pragma once

#include <string_view>
#include <vector>

#include "contracts/characters.h"
#include "contracts/conversation.h"

// Whom a line speaks to, as far as its words tell. Rules over words, no model. Pure; thread-safe.
namespace coordinator {

// How much of the term "addressed" a way of speaking earns.
inline constexpr double kSpokenTo = 1.0;  // by mention, reply, name or alias
inline constexpr double kRoom = 0.5;      // as one of all: "you guys", "everyone"
inline constexpr double kAbout = 0.25;    // named, but spoken about: "Peter said so"
inline constexpr double kGoesOn = 0.5;    // goes on with whoever spoke last: "and does she?"

struct Attention {
  std::vector<double> strength;  // of each of the cast, in its order
  bool by_name = false;          // somebody of the cast is spoken to by name
  bool elsewhere = false;        // the line replies to or mentions somebody who is not in the cast
};

Attention attention(const contracts::Line& line, const std::vector<contracts::Character>& cast);

// Whether a sentence ends in a question mark, or the text starts as questions do.
bool is_question(std::string_view text);

// Whether a short text only makes sense after the line before it: "Why?", "And does she like it?"
bool goes_on(std::string_view text);

// Whether the text is a greeting and little else, or begins as a farewell or thanks do.
bool is_greeting(std::string_view text);

}  // namespace coordinator
