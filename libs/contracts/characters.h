#pragma once

#include "contracts/conversation.h"
#include "contracts/llm.h"
#include "json/json.h"

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
  std::int64_t seed = 0;     // varies which example lines are shown
  std::vector<Line> talk{};  // oldest first; what of the lorebook is in the prompt hangs on it
  std::string user{};        // who {{user}} is; empty: nobody in particular

  static void fields(auto& self, auto&& visit) {
    visit("character", self.character, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("seed", self.seed, Field{.defaulted = true});
    visit("talk", self.talk, Field{.items_max = limits::kHistoryLines, .defaulted = true});
    visit("user", self.user, Field{.bytes_max = 128, .defaulted = true});
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
  // The lorebook's keys, in lower case. With the same of them in the last `cue_lines` lines of the
  // talk the prompt is the same, unless it hangs on more of the talk: then `by_talk` is set.
  std::vector<std::string> cues;
  int cue_lines = 0;
  bool by_talk = false;
  std::vector<std::string> lore;  // what of it is in this one

  static void fields(auto& self, auto&& visit) {
    visit("character", self.character, Field{.bytes_max = limits::kIdBytes});
    visit("name", self.name, Field{.bytes_max = 128});
    visit("system", self.system, Field{.bytes_max = 64 * 1024});
    visit("post_history", self.post_history, Field{.bytes_max = 16 * 1024, .defaulted = true});
    visit("collection", self.collection, Field{.bytes_max = limits::kIdBytes});
    visit("dodges", self.dodges, Field{.bytes_max = 1000, .items_max = 64, .defaulted = true});
    visit("temperature", self.temperature, Field{.min = 0, .max = 2, .defaulted = true});
    visit("max_tokens", self.max_tokens, Field{.min = 1, .max = 100000, .defaulted = true});
    visit("by_talk", self.by_talk, Field{.defaulted = true});
    visit("cues", self.cues, Field{.bytes_max = 1024, .items_max = 512, .defaulted = true});
    visit("cue_lines", self.cue_lines, Field{.min = 0, .defaulted = true});
    visit("lore", self.lore, Field{.bytes_max = 64 * 1024, .defaulted = true});
  }
};

// A text that the character knows, as the retriever would find it.
struct Knowledge {
  static constexpr std::string_view kName = "knowledge";
  std::string title;
  std::string text;
  static void fields(auto& self, auto&& visit) {
    visit("title", self.title, Field{.bytes_max = 1000, .defaulted = true});
    visit("text", self.text, Field{.bytes_max = 16 * 1024});
  }
};

// characters.preview: all that a model would be sent for the first draft of the next line.
struct PreviewRequest {
  static constexpr std::string_view kName = "preview_request";
  std::string character;  // of POST /characters/{id}/preview: from the path
  std::vector<Line> talk{};
  std::string user{};
  std::int64_t seed = 0;
  std::vector<Knowledge> knowledge{};

  static void fields(auto& self, auto&& visit) {
    visit("character", self.character, Field{.bytes_max = limits::kIdBytes, .defaulted = true});
    visit("talk", self.talk, Field{.items_max = limits::kHistoryLines});
    visit("user", self.user, Field{.bytes_max = 128, .defaulted = true});
    visit("seed", self.seed, Field{.defaulted = true});
    visit("knowledge", self.knowledge, Field{.items_max = 64, .defaulted = true});
  }
};

// A lorebook entry that fired.
struct FiredEntry {
  static constexpr std::string_view kName = "fired_entry";
  std::string entry;
  std::string why;       // "key 'chicken'"
  bool dropped = false;  // it did not fit into the book's budget
  int tokens = 0;

  static void fields(auto& self, auto&& visit) {
    visit("entry", self.entry);
    visit("why", self.why);
    visit("dropped", self.dropped);
    visit("tokens", self.tokens, Field{.min = 0});
  }
};

struct Preview {
  static constexpr std::string_view kName = "preview";
  std::string character;
  std::vector<ChatMessage> messages;
  int tokens = 0;  // an estimate of all messages, at four bytes a token
  std::vector<FiredEntry> lore;

  static void fields(auto& self, auto&& visit) {
    visit("character", self.character, Field{.bytes_max = limits::kIdBytes});
    visit("messages", self.messages);
    visit("tokens", self.tokens, Field{.min = 0});
    visit("lore", self.lore);
  }
};

enum class LintLevel { Info, Warning, Error };
constexpr auto enum_names(LintLevel) {
  return EnumNames<LintLevel, 3>{
      {{LintLevel::Info, "info"}, {LintLevel::Warning, "warning"}, {LintLevel::Error, "error"}}};
}

// Something about a card that its author may want to know.
struct LintFinding {
  static constexpr std::string_view kName = "lint_finding";
  std::string code;  // no_first_message, unknown_macro, ...
  LintLevel severity = LintLevel::Info;
  std::string where;  // "data.character_book.entries[3].keys"
  std::string hint;

  static void fields(auto& self, auto&& visit) {
    visit("code", self.code, Field{.bytes_max = 64});
    visit("severity", self.severity);
    visit("where", self.where);
    visit("hint", self.hint);
  }
};

// characters.lint_card: what there is to say about a card that need not be in the cast.
struct LintRequest {
  static constexpr std::string_view kName = "lint_request";
  json::Text card;
  static void fields(auto& self, auto&& visit) {
    visit("card", self.card, Field{.bytes_max = limits::kBodyBytes});
  }
};

struct LintReport {
  static constexpr std::string_view kName = "lint_report";
  std::string character;
  std::vector<LintFinding> findings;
  static void fields(auto& self, auto&& visit) {
    visit("character", self.character, Field{.bytes_max = limits::kIdBytes});
    visit("findings", self.findings);
  }
};

// characters.lint and characters.versions.
struct CharacterQuery {
  static constexpr std::string_view kName = "character_query";
  std::string id;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
  }
};

// characters.put: a Character Card V2 or V3 becomes the card of a character, who may be new.
struct PutCharacter {
  static constexpr std::string_view kName = "put_character";
  std::string character;
  json::Text card;
  std::optional<int> version;  // which it replaces; 0: none. Another one there is a conflict.

  static void fields(auto& self, auto&& visit) {
    visit("character", self.character, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("card", self.card, Field{.bytes_max = limits::kBodyBytes});
    visit("version", self.version, Field{.min = 0, .max = 2e9});
  }
};

// Reply of characters.put and of an import.
struct AcceptedCharacter {
  static constexpr std::string_view kName = "accepted_character";
  std::string id;
  std::string name;
  int version = 0;
  bool changed = false;  // false: the card was this one already
  std::string form;      // v2, v3, png, charx or persona
  std::vector<LintFinding> findings;

  static void fields(auto& self, auto&& visit) {
    visit("id", self.id, Field{.bytes_max = limits::kIdBytes});
    visit("name", self.name, Field{.bytes_max = 128});
    visit("version", self.version, Field{.min = 1});
    visit("changed", self.changed);
    visit("form", self.form, Field{.bytes_max = 16});
    visit("findings", self.findings);
  }
};

// characters.delete: the card and its history.
struct DeleteCharacter {
  static constexpr std::string_view kName = "delete_character";
  std::string id;
  std::optional<int> version;
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("version", self.version, Field{.min = 0, .max = 2e9});
  }
};

struct DeletedCharacter {
  static constexpr std::string_view kName = "deleted_character";
  bool deleted = false;
  static void fields(auto& self, auto&& visit) { visit("deleted", self.deleted); }
};

struct CharacterVersion {
  static constexpr std::string_view kName = "character_version";
  int version = 0;
  std::int64_t bytes = 0;
  std::int64_t written_ms = 0;  // since 1970
  bool current = false;

  static void fields(auto& self, auto&& visit) {
    visit("version", self.version, Field{.min = 1});
    visit("bytes", self.bytes, Field{.min = 0});
    visit("written_ms", self.written_ms);
    visit("current", self.current);
  }
};

struct CharacterVersions {
  static constexpr std::string_view kName = "character_versions";
  std::string id;
  std::vector<CharacterVersion> versions;  // oldest first
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id, Field{.bytes_max = limits::kIdBytes});
    visit("versions", self.versions);
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
