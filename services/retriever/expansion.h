#pragma once

#include <string_view>
#include <vector>

namespace retriever {

// Other words that a text may use for what the question asks, the nearest first: the past of an
// irregular verb, everyday synonyms that stemming cannot find ("age" is told as "years old"), and
// words of the same topics (lexical/thesaurus.h). Lower case, without the word itself; empty for
// words that say little. Pure.
std::vector<std::string_view> other_words(std::string_view word);

}  // namespace retriever
