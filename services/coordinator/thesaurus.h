#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace coordinator {

// The topics, as stems, that a word belongs to though it does not name them: "screenplay" to
// writing. Everyday English; what is special to a character stands in its card. Pure; thread-safe.
const std::vector<std::string>& topics_of_word(std::string_view stem);

// Whether a word is one of these topics or belongs to one.
bool has_topic(std::string_view stem);

}  // namespace coordinator
