#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "characters/card.h"

// A card as the system prompt that a model reads. Pure; thread-safe.
namespace characters {

// Text from outside must neither close the fence around it nor open one.
std::string without_fences(std::string text);

struct PromptLimits {
  std::size_t bytes_max = 6000;      // aimed at: example lines are dropped to keep it
  std::size_t free_text_max = 3000;  // of a single text of the card
  std::size_t lines_per_situation_max = 6;
};

// What a prompt depends on beside the cards.
struct Staging {
  std::uint64_t seed = 0;  // chooses the example lines; the same seed gives the same prompt
  std::string user = "Visitor";
  std::vector<Fired> lore{};  // points into the card
};

// The system prompt of `card` up to and including the rules, as contracts/prompt_layout.h lays it
// out. `others` are on stage with it.
std::string system_prompt(const Card& card, const std::vector<const Card*>& others,
                          const Staging& staging, const PromptLimits& limits = {});

// What goes after the conversation: the lore that belongs near its end, then the instructions.
std::string post_history(const Card& card, const Staging& staging);

}  // namespace characters
