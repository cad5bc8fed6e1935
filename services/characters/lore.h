#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "characters/macros.h"
#include "contracts/conversation.h"

// What a character's lorebook adds to its prompt: entries whose keys stand in the recent talk.
// Semantics of Character Card V2 `character_book` and V3 Lorebook with its decorators. Pure.
namespace characters {

// Where the text of an entry goes.
enum class Place { BeforeCharacter, AfterCharacter, Personality, Scenario, End };

struct LoreEntry {
  std::string name;
  std::vector<std::string> keys;             // in lower case unless case_sensitive
  std::vector<std::string> secondary_keys;   // one of these too, when selective
  std::vector<std::string> additional_keys;  // @@additional_keys: one of these too
  std::vector<std::string> exclude_keys;     // @@exclude_keys: none of these
  std::string content;                       // without decorators
  bool enabled = true;
  bool constant = false;
  bool selective = false;
  bool case_sensitive = false;
  bool use_regex = false;
  bool regex_understood = true;  // else it never fires
  bool activate = false;         // @@activate
  bool dont_activate = false;    // @@dont_activate
  bool first_to_go = false;      // @@ignore_on_max_context
  double insertion_order = 0;
  double priority = 0;  // the insertion order where the card has none
  Place place = Place::AfterCharacter;
  std::optional<int> scan_depth;         // @@scan_depth
  std::optional<int> depth;              // @@depth
  int only_after = 0;                    // @@activate_only_after, in lines of the character
  int only_every = 0;                    // @@activate_only_every; 0: always
  std::vector<std::string> unsupported;  // decorators that do nothing here

  // Whether there is any talk in which it fires.
  bool can_fire() const;
};

struct Lorebook {
  std::optional<int> scan_depth;
  std::optional<int> token_budget;
  bool recursive = false;
  std::vector<LoreEntry> entries;
};

// Takes the decorators (@@name value, @@@fallback) off the head of the entry's content into it.
void read_decorators(LoreEntry& entry);

// Turns regular expressions that are plain alternatives (/cat|dog/i) into keys. There is no engine
// for others: they could be made to run for hours.
void read_regex_keys(LoreEntry& entry);

// An estimate, as good as four bytes a token are.
std::size_t estimated_tokens(std::string_view text);

struct LoreLimits {
  int scan_depth = 8;       // of a book that states none
  int token_budget = 1024;  // of all, also of a book that states more
  std::size_t line_bytes = 4000;
  int recursion_max = 8;
  // Looked through for keys, counted once for each key: a book could else search for hours. What
  // would need more does not fire.
  std::size_t search_bytes_max = 64 * 1024 * 1024;
};

// What in a talk makes entries fire, or keeps them from it: keys, in lower case, in its last
// `lines` lines. In talks that have the same of them there the same entries fire.
struct Cues {
  bool known = false;  // false: the book hangs on more of the talk than these
  std::vector<std::string> keys;
  int lines = 0;
};
Cues cues_of(const Lorebook& book, const LoreLimits& limits = {});

// An entry that fired.
struct Fired {
  const LoreEntry* entry = nullptr;
  std::string why;
  std::string text;  // macros replaced
  std::size_t tokens = 0;
  bool dropped = false;  // for the budget
};

// The entries that fire in `talk` (oldest line first; `character` says its own), in the order of
// insertion. Points into `book`.
std::vector<Fired> fired(const Lorebook& book, std::span<const contracts::Line> talk,
                         std::string_view character, const Scene& scene,
                         const LoreLimits& limits = {});

}  // namespace characters
