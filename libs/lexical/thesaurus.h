#pragma once

#include <span>
#include <string_view>

namespace lexical {

// Everyday topics: lists of words that people use for one another or in one breath, parted by
// spaces, lower case, in their base forms ("coffee cup mug caffeine ..."). A word may stand in
// several. Two words that share a topic are related, not equal: a search may widen a question by
// them, and a sentence that meets one of them is a lead, not yet an answer. Who uses them stems
// them. Constant; thread-safe.
std::span<const std::string_view> topics();

}  // namespace lexical
