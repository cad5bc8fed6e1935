#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "llm/understudy_answer.h"
#include "llm/understudy_scene.h"

// Puts found sentences into the character's mouth. Pure; thread-safe.
namespace llm::understudy {

// `sentence`, written about `name` in the third person, as that character says it: "Peter works"
// -> "I work". Pronouns turn only where they stand for the character, as `subject` tells.
std::string first_person(std::string_view sentence, std::string_view name, Subject subject,
                         bool female);

// What the character says of himself, as it is said to him: "I work" -> "You work". For comparing
// with a question, not for saying.
std::string second_person(std::string_view sentence);

// `line` with every {slot} replaced by `value`, fitted to the place: mid-sentence it begins in
// lower case unless it begins with a name, and before a mark it loses its full stop.
std::string filled(std::string_view line, std::string_view slot, std::string_view value);

// What the character has said, to say something else. Equal means equal but for case and marks.
class Said {
 public:
  explicit Said(const Scene& scene);

  bool exactly(std::string_view line) const;
  // Whether the words of one of the last ten own lines are mostly these.
  bool nearly(std::string_view line) const;
  // Whether an own line contains this text.
  bool contains(std::string_view text) const;
  std::size_t count() const { return lines_.size(); }

 private:
  std::vector<std::string> lines_;  // letters and digits alone, sorted
  std::vector<std::vector<std::uint64_t>> recent_;
};

}  // namespace llm::understudy
