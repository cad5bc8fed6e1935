#pragma once

#include <string_view>
#include <vector>

// Sentence boundaries for chunking, answering and rules. Pure; thread-safe.
namespace lexical {

// The sentences of `text` as views into it, trimmed, in order. A sentence ends at . ! ? (and
// closing quotes or brackets) before white space, at a blank line, and at the end of a heading or
// list item (a line that starts with #, -, * or a number). Abbreviations ("Mr.", "e.g."), initials
// and numbers do not end one.
std::vector<std::string_view> sentences(std::string_view text);

}  // namespace lexical
