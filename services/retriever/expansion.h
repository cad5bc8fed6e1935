#pragma once

#include <string_view>
#include <vector>

namespace retriever {

// Other words that a text may use for what the question asks: the past of an irregular verb, and
// the few everyday synonyms that stemming cannot find ("age" is told as "years old"). Lower case,
// without the word itself; empty for most words. Pure.
std::vector<std::string_view> other_words(std::string_view word);

}  // namespace retriever
