#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "llm/understudy.h"

// What the understudy sees when it reads a chat: the parts of the prompt's layout
// (contracts/prompt_layout.h) and the conversation. All views point into the messages.
namespace llm::understudy {

// Another character on stage.
struct Other {
  std::string_view name;
  std::string_view id;
  std::string_view about;  // what the prompt says of it
};

// A stretch of text that the character knows.
struct Passage {
  std::string_view title;
  std::string_view text;
};

struct Turn {
  std::string_view author;  // empty when the message names none
  std::string_view text;
  bool own = false;
};

struct Scene {
  bool scripted =
      false;  // whether a prompt in the layout was found; else a plain client is talking
  std::string_view name;
  std::string_view who;
  std::vector<std::string_view> phrases;
  std::vector<std::pair<std::string_view, std::string_view>> lines;  // situation, line
  std::vector<Other> others;
  std::vector<Passage> passages;
  std::vector<std::string_view> notes;
  std::vector<Turn> turns;  // without the line to answer
  std::string_view author;  // of the line to answer
  std::string_view line;    // to answer

  // The lines for a situation, in the prompt's order.
  std::vector<std::string_view> lines_for(std::string_view situation) const;
  // The character on stage with that name, first name or id, or nullptr.
  const Other* other(std::string_view word) const;
};

// Never fails: what is not understood is left out. Pure; thread-safe.
Scene read_scene(const std::vector<Message>& messages);

// Whether two texts are the same but for ASCII case.
bool same(std::string_view a, std::string_view b);

}  // namespace llm::understudy
