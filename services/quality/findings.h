#pragma once

#include <optional>
#include <string_view>

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

// repetition.cpp: what was said before.
MaybeFinding find_repetition(const Draft& draft);

// wording.cpp: words that a character does not say.
MaybeFinding find_leaks_prompt(const Draft& draft);
MaybeFinding find_assistant_voice(const Draft& draft);
MaybeFinding find_toxic(const Draft& draft);
// Whether a heading or label is one of those that prompts have.
bool prompt_heading(std::string_view heading);

// language.cpp: in which language the talk and the line are.
MaybeFinding find_wrong_language(const Draft& draft);

// claims.cpp: numbers and names from nowhere.
MaybeFinding find_unsupported_claim(const Draft& draft);

// substance.cpp: whose line it is, and what about.
MaybeFinding find_wrong_voice(const Draft& draft);
MaybeFinding find_off_topic(const Draft& draft);

// Whether the line speaks as a person to a person: I, you, a contraction, an interjection.
bool personal(const Draft& draft);

}  // namespace quality
