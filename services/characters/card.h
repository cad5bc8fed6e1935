#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "characters/lore.h"
#include "characters/macros.h"

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

// Which version of the format a card follows.
enum class Spec { V2, V3 };

// Who a character is. Texts are as they were written, with their macros (macros.h).
struct Card {
  std::string id;
  bool has_own_id = false;  // the id is written in the card, not made from its name
  std::string name;
  std::string nickname;  // V3: what {{char}} stands for, when not empty
  Spec spec = Spec::V2;
  std::string spec_version;
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
  Lorebook book;
  double talkativeness = 0.5;
  double hallucination_risk = 0.5;
  std::map<std::string, double> topics;  // word -> affinity, 0 to 1
  Voice voice;
  Lines lines;
  std::string knowledge_file;  // beside the card; empty: none
  std::string raw;             // the file as it was, with members that we do not know

  Scene scene(std::uint64_t seed = 0, std::string_view user = "Visitor") const {
    return {.character = nickname.empty() ? name : nickname, .user = user, .seed = seed};
  }
};

inline constexpr std::size_t kCharacterIdBytes = 48;  // leaves room for prefixes in other ids
inline constexpr std::size_t kCardBytesMax = 1024 * 1024;

// Reads a Character Card V2 (github.com/malfoyslastname/character-card-spec-v2) or V3
// (github.com/kwaroran/character-card-spec-v3). What is ours stands in data.extensions.troupe and
// may be absent: then the id is made from the name and the defaults hold. InvalidArgument names the
// member that is wrong.
Result<Card> parse_card(std::string_view text);

// "Captain O'Neill" -> "captain-o-neill".
std::string id_of_name(std::string_view name);

// Whether `name` is the name of a file beside the card, and no path that could lead anywhere.
bool plain_file_name(std::string_view name);

}  // namespace characters
