#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contracts/quality.h"
#include "quality/profile.h"
#include "quality/readings.h"
#include "quality/text.h"

namespace quality {

// A drafted line in its situation, read once for all rules and scores. Belongs to one assessment;
// the request and the cast must outlive it.
class Draft {
 public:
  static constexpr std::size_t kLineBytes = 8 * 1024;        // of the line, read at most
  static constexpr std::size_t kContextLines = 20;           // the last ones
  static constexpr std::size_t kKnowledgeBytes = 64 * 1024;  // of all texts together

  // A line of the conversation.
  struct Said {
    const contracts::ContextLine* line;
    const Profile* speaker;  // of a character; else null
    std::shared_ptr<const Reading> reading;
    std::uint64_t called = 0;  // hash of the first word of the author's name
    const Text& text() const { return reading->text; }
  };

  Draft(const contracts::AssessRequest& request, const Cast& cast, const Profile& speaker,
        Readings& readings);
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  // The line that is answered: the last one of somebody else; null without one.
  const Said* answered() const { return answered_ ? &context[*answered_] : nullptr; }

  // Whether a stem of the line was there before: in knowledge, context, or the speaker's card.
  bool supported(std::uint64_t stem) const;

  const contracts::TurnKind kind;
  const Cast& cast;
  const Profile& speaker;
  const std::string line;         // UTF-8, repaired and cut
  const std::size_t code_points;  // of the whole line
  const Text text;
  const std::vector<std::string_view> sentences;
  const std::vector<std::uint64_t> stems;    // of all words, each once, ascending
  const std::vector<std::uint64_t> content;  // stems of its content words
  std::vector<Said> context;                 // oldest first
  std::vector<std::shared_ptr<const Reading>> passages;
  HashSet knowledge;                 // stems of the passages
  HashSet topical;                   // stems of those passages that the answered line asks for
  HashSet conversation;              // stems of the context and its authors
  HashSet recent;                    // stems of its last three lines
  std::vector<std::uint64_t> asked;  // content stems of the answered line
  bool answers_question = false;
  Voice voice;  // without the words that question and knowledge brought up

 private:
  void read_context(const contracts::AssessRequest& request, Readings& readings);
  void read_knowledge(const contracts::AssessRequest& request, Readings& readings);

  std::optional<std::size_t> answered_;
};

}  // namespace quality
