#pragma once

#include <optional>

#include "contracts/quality.h"
#include "quality/draft.h"

// The single rules, by subject. Each looks for one code and gives its worst finding. Pure.
namespace quality {

using MaybeFinding = std::optional<contracts::Finding>;

// form.cpp: how the line is built.
MaybeFinding find_empty(const Draft& draft);
MaybeFinding find_too_long(const Draft& draft);
MaybeFinding find_speaks_for_others(const Draft& draft);
MaybeFinding find_mention_abuse(const Draft& draft);
MaybeFinding find_repetition(const Draft& draft);

// wording.cpp: words that a character does not say.
MaybeFinding find_leaks_prompt(const Draft& draft);
MaybeFinding find_assistant_voice(const Draft& draft);
MaybeFinding find_toxic(const Draft& draft);
MaybeFinding find_wrong_language(const Draft& draft);

// substance.cpp: whose line it is and what it claims.
MaybeFinding find_wrong_voice(const Draft& draft);
MaybeFinding find_unsupported_claim(const Draft& draft);
MaybeFinding find_off_topic(const Draft& draft);

// Whether the line speaks as a person to a person: I, you, a contraction, an interjection.
bool personal(const Draft& draft);

}  // namespace quality
