#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// The embedded responder that stands in when there is no model. It reads a chat as any model would
// (contracts/prompt_layout.h), finds the sentences of the fenced knowledge that answer, and speaks
// them in the voice that the prompt describes. Deterministic: the same messages and seed give the
// same line. It never repeats one of the character's own earlier lines, never claims to
// be a model, and invents nothing: what the knowledge does not say, the character does not know.
namespace llm {

struct Message {
  std::string role;  // system, user, assistant
  std::string content;
};

namespace understudy {
class Meanings;
}

// The drafted line; `messages` end with the line to answer. With `meanings` (understudy_meaning.h)
// it also finds what a question means but does not say; that may take some milliseconds for each
// sentence that is new to them. Thread-safe.
std::string understudy_line(const std::vector<Message>& messages, std::uint64_t seed,
                            understudy::Meanings* meanings = nullptr);

// The line cut into pieces as a streaming model would send them (a word with its space each).
std::vector<std::string> understudy_pieces(std::string_view line);

}  // namespace llm
