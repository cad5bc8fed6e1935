#pragma once

#include "quality/draft.h"
#include "quality/text.h"

// Hate, threats, harassment and pushes to self-harm, by who does what to whom. Pure; thread-safe.
namespace quality {

enum class Toxicity { None, Coarse, Harassing, Hateful };

// Of a reading of the draft's line: as written, or with its disguises undone.
Toxicity toxicity(const Draft& draft, const Text& line);

}  // namespace quality
