#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "contracts/characters.h"
#include "contracts/conversation.h"

// Whom a line speaks to, as far as its words tell. Rules over words, no model. Pure; thread-safe.
namespace coordinator {

// How much of the term "addressed" a way of speaking earns.
inline constexpr double kSpokenTo = 1.0;  // by mention, reply, name or alias
inline constexpr double kRoom = 0.5;      // as one of all: "you guys", "everyone"
inline constexpr double kAbout = 0.25;    // named, but spoken about: "Peter said so"
inline constexpr double kGoesOn = 0.5;    // goes on with whoever spoke last: "and does she?"
inline constexpr double kSaidTo = 0.4;    // a remark to whoever spoke last
inline constexpr double kNotYou = -1.0;   // let out: "not you, Peter", "shush, Brian"

struct Attention {
  std::vector<double> strength;  // of each of the cast, in its order
  bool by_name = false;          // somebody of the cast is spoken to by name
  bool elsewhere = false;        // the line is for somebody who is not in the cast
  bool room = false;             // all are spoken to
  bool others = false;           // "anyone else?": not for those who have just spoken
  bool quiet = false;            // who is meant should not answer: "be quiet, guys", "shush, Brian"
  bool question = false;
  bool quiet_all = false;  // nobody should, from now on
};

// By which names a cast may be called. Made once for a cast.
struct Names {
  using Form = std::vector<std::string>;  // the words of one name
  explicit Names(const std::vector<contracts::Character>& cast);

  std::vector<std::string> ids;
  std::vector<std::vector<Form>> forms;  // of each
};

// Who may be called by a name in a scene. The cast's names must outlive it.
class Roster {
 public:
  // `people` are the names of those who are known to be people, in lower case.
  explicit Roster(const Names& cast, std::vector<std::string> people = {})
      : cast_(cast), people_(std::move(people)) {}

  std::size_t size() const { return cast_.ids.size(); }
  const std::vector<Names::Form>& names(std::size_t who) const { return cast_.forms[who]; }
  const std::vector<std::string>& people() const { return people_; }
  bool knows_person(std::string_view name) const;
  std::optional<std::size_t> find(std::string_view id) const;

 private:
  const Names& cast_;
  std::vector<std::string> people_;
};

Attention attention(const contracts::Line& line, const Roster& roster);

// Whether a text asks everybody to be quiet, and not one by name.
bool asks_for_quiet(std::string_view text);

// Whether a sentence ends in a question mark, or begins as questions do.
bool is_question(std::string_view text);

// Whether a text goes on with the line before it: "Why?", "And does she like it?", "lol since when"
bool goes_on(std::string_view text);

// Whether the text begins as a farewell or thanks do.
bool is_farewell(std::string_view text);

// Whether the text says that it was heard and no more: "ok", "lol", "haha nice".
bool is_nod(std::string_view text);

// Whether the text begins as an answer to somebody does: "yes", "me too", "thanks".
bool answers(std::string_view text);

// A farewell or thanks, or a greeting and little else.
bool is_greeting(std::string_view text);

}  // namespace coordinator
