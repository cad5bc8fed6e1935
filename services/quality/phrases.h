#pragma once

#include "quality/text.h"

// The word lists behind the rules of wording. Kept moderate: each entry must be wrong wherever it
// stands. Thread-safe.
namespace quality {

// How much one phrase tells: the tags of the first three lists.
enum Weight { kSoft, kStrong, kCritical };

const PhraseSet& instruction_phrases();
const PhraseSet& assistant_phrases();
const PhraseSet& toxic_phrases();
// The tag is the language.
const PhraseSet& foreign_words();

}  // namespace quality
