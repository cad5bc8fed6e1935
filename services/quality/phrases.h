#pragma once

#include "quality/text.h"

// The word lists behind the rules of wording. Kept moderate: each entry must be wrong wherever it
// stands. Thread-safe.
namespace quality {

// What a phrase tells: the tags of the first three lists. A group, an abuse and a degrading word
// only tell together.
enum PhraseTag { kSoft, kStrong, kCritical, kGroup, kAbusive, kDegrades };

const PhraseSet& instruction_phrases();
const PhraseSet& assistant_phrases();
const PhraseSet& toxic_phrases();

// The tag is the language.
constexpr int kEnglishTag = 0;
constexpr int kLanguages = 10;
const PhraseSet& function_words();

}  // namespace quality
