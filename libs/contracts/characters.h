#pragma once

#include "contracts/conversation.h"

namespace contracts {

// What other services need to know of a character: to choose it, and to know its voice.
struct Character {
  static constexpr std::string_view kName = "character";

  std::string id;
  std::string name;
  std::vector<std::string> aliases;
  std::string color = "#888888";
  double talkativeness = 0.5;
  double hallucination_risk = 0.5;
  std::map<std::string, double> topics;  // word -> affinity, 0 to 1
  std::vector<std::string> phrases;      // markers of the voice
  std::vector<std::string> words;        // characteristic words, lower case
  int sentence_words_min = 3;
  int sentence_words_max = 20;
  double exclaim = 0.2;               // share of sentences that end in !
  double question = 0.2;              // share of sentences that end in ?
  std::vector<std::string> examples;  // lines in voice

  static void fields(auto& self, auto&& visit) {
    visit("id", self.id, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("name", self.name, Field{.bytes_min = 1, .bytes_max = 128});
    visit("aliases", self.aliases, Field{.bytes_max = 64, .items_max = 32, .defaulted = true});
    visit("color", self.color, Field{.bytes_max = 16, .defaulted = true});
    visit("talkativeness", self.talkativeness, Field{.min = 0, .max = 1, .defaulted = true});
    visit("hallucination_risk", self.hallucination_risk,
          Field{.min = 0, .max = 1, .defaulted = true});
    visit("topics", self.topics, Field{.items_max = 256, .min = 0, .max = 1, .defaulted = true});
    visit("phrases", self.phrases, Field{.bytes_max = 200, .items_max = 128, .defaulted = true});
    visit("words", self.words, Field{.bytes_max = 64, .items_max = 512, .defaulted = true});
    visit("sentence_words_min", self.sentence_words_min,
          Field{.min = 1, .max = 100, .defaulted = true});
    visit("sentence_words_max", self.sentence_words_max,
          Field{.min = 1, .max = 200, .defaulted = true});
    visit("exclaim", self.exclaim, Field{.min = 0, .max = 1, .defaulted = true});
    visit("question", self.question, Field{.min = 0, .max = 1, .defaulted = true});
    visit("examples", self.examples, Field{.bytes_max = 1000, .items_max = 512, .defaulted = true});
  }
};

// Reply of characters.list.
struct CharacterList {
  static constexpr std::string_view kName = "character_list";
  std::vector<Character> characters;
  static void fields(auto& self, auto&& visit) {
    visit("characters", self.characters, Field{.bytes_max = 4000, .items_max = 256});
  }
};

// characters.prompt: the system prompt of one character.
struct PromptRequest {
  static constexpr std::string_view kName = "prompt_request";
  std::string character;
  std::int64_t seed = 0;  // varies which example lines are shown

  static void fields(auto& self, auto&& visit) {
    visit("character", self.character, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("seed", self.seed, Field{.defaulted = true});
  }
};

struct Prompt {
  static constexpr std::string_view kName = "prompt";
  std::string character;
  std::string name;
  std::string system;               // prompt_layout.h, up to and including the rules
  std::string post_history;         // goes after the conversation, may be empty
  std::string collection;           // the character's knowledge in the retriever
  std::vector<std::string> dodges;  // in-character lines for when no draft was good enough
  double temperature = 0.8;
  int max_tokens = 200;

  static void fields(auto& self, auto&& visit) {
    visit("character", self.character, Field{.bytes_max = limits::kIdBytes});
    visit("name", self.name, Field{.bytes_max = 128});
    visit("system", self.system, Field{.bytes_max = 64 * 1024});
    visit("post_history", self.post_history, Field{.bytes_max = 8 * 1024, .defaulted = true});
    visit("collection", self.collection, Field{.bytes_max = limits::kIdBytes});
    visit("dodges", self.dodges, Field{.bytes_max = 1000, .items_max = 64, .defaulted = true});
    visit("temperature", self.temperature, Field{.min = 0, .max = 2, .defaulted = true});
    visit("max_tokens", self.max_tokens, Field{.min = 1, .max = 100000, .defaulted = true});
  }
};

// The retriever's collection that holds what a character knows.
inline std::string knowledge_collection(const std::string& character) {
  return "character_" + character;
}

// Event character.changed.
struct CharacterChanged {
  static constexpr std::string_view kName = "character_changed";
  std::string character;
  bool removed = false;
  static void fields(auto& self, auto&& visit) {
    visit("character", self.character, Field{.bytes_max = limits::kIdBytes});
    visit("removed", self.removed, Field{.defaulted = true});
  }
};

}  // namespace contracts
