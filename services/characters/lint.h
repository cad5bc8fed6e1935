#pragma once

#include <string>
#include <vector>

#include "characters/card.h"
#include "characters/library.h"
#include "contracts/characters.h"

// What there is to say about a card that can be read: slips, and what of it will not work here.
// Pure.
namespace characters {

struct LintLimits {
  std::size_t context_tokens = 4096;  // of the smallest model
  std::size_t lore_tokens = 1024;     // see LoreLimits
  std::size_t findings_max = 200;
};

// The findings on `card` as a member of `cast`, in which an older version of it may be.
std::vector<contracts::LintFinding> lint(const Card& card, const Cast& cast,
                                         const LintLimits& limits = {});

}  // namespace characters
