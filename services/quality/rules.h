#pragma once

#include <vector>

#include "contracts/quality.h"
#include "quality/draft.h"

// The deterministic findings about a draft. Pure; thread-safe.
namespace quality {

// All findings, the most severe first; each code at most once.
std::vector<contracts::Finding> find_faults(const Draft& draft);

}  // namespace quality
