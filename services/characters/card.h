#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace characters {

// How a character talks, as other services measure it.
struct Voice {
  std::vector<std::string> phrases;  // markers, lower case
  std::vector<std::string> words;    // characteristic words, lower case
  int sentence_words_min = 3;
  int sentence_words_max = 20;
  double exclaim = 0.2;   // share of sentences that end in !
  double question = 0.2;  // share of sentences that end in ?
};

// Lines by situation; the situations stand in contracts/prompt_layout.h. `join` lines hold {topic},
// `wrap` lines hold {fact}.
using Lines = std::map<std::string, std::vector<std::string>>;

// Who a character is. {{char}} and {{user}} are replaced already.
struct Card {
  std::string id;
  std::string name;
  std::vector<std::string> aliases;
  std::string color = "#888888";
  std::string description;
  std::string personality;
  std::string scenario;
  std::string first_message;
  std::string example_dialogue;
  std::string system_prompt;
  std::string post_history;
  std::vector<std::string> greetings;
  double talkativeness = 0.5;
  double hallucination_risk = 0.5;
  std::map<std::string, double> topics;  // word -> affinity, 0 to 1
  Voice voice;
  Lines lines;
  std::string knowledge_file;  // beside the card; empty: none
  std::string raw;             // the file as it was, with members that we do not know
};

inline constexpr std::size_t kCharacterIdBytes = 48;  // leaves room for prefixes in other ids
inline constexpr std::size_t kCardBytesMax = 1024 * 1024;

// Reads a Character Card V2 (github.com/malfoyslastname/character-card-spec-v2). What is ours
// stands in data.extensions.troupe and may be absent: then the id is made from the name and the
// defaults hold. InvalidArgument names the member that is wrong.
Result<Card> parse_card(std::string_view text);

}  // namespace characters
