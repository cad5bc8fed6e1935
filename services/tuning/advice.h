#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contracts/tuning.h"

// What is said to a model whose draft was rejected: which text against which fault, what has
// helped before first, and what a character that fails again and again is told. Pure functions.
namespace tuning {

using contracts::FindingCode;

// The texts against each fault.
using HintTexts = std::map<FindingCode, std::vector<std::string>>;
HintTexts default_hints();

// "repetition.5f3a": the code and a hash of the text, so that another text starts anew.
std::string hint_id(FindingCode code, std::string_view text);

// The code in the id of a hint; absent when it is no such id.
std::optional<FindingCode> code_of_hint(std::string_view id);
std::optional<FindingCode> code_named(std::string_view name);

// One use of a hint: whether the draft that was given it no longer had the fault.
struct HintUse {
  std::string hint;
  bool helped = false;
};

// Every use of a hint in a turn's attempts. It counts against the last draft before that was
// judged, which must have had the fault; a draft that was not judged tells nothing.
std::vector<HintUse> hint_uses(const std::vector<contracts::OutcomeAttempt>& attempts);

struct HintTally {
  std::int64_t used = 0;
  std::int64_t helped = 0;
};
using HintTallies = std::map<std::string, HintTally, std::less<>>;

// The hints in the order of a draw from what is believed of each, so that the doubtful get their
// turn; a code's order changes only when its hints have been used again.
std::vector<contracts::RetryHints> ordered(const HintTexts& texts, const HintTallies& tallies);

// For attempts 7 to 10 of a character whose drafts had these faults so often.
std::vector<std::string> guidance(const std::map<FindingCode, std::int64_t>& findings);

}  // namespace tuning
