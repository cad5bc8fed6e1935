#pragma once

#include <vector>

#include "contracts/quality.h"
#include "quality/draft.h"

// The five scores of a draft, each 0 to 100, higher is better. Pure; thread-safe.
namespace quality {

// Scores less what the findings cost the component that they belong to.
contracts::Components score_components(const Draft& draft,
                                       const std::vector<contracts::Finding>& findings,
                                       const contracts::QualityParts& parts);

}  // namespace quality
