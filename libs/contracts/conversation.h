#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fields.h"
#include "base/limits.h"

namespace contracts {

enum class Kind { Human, Bot };
constexpr auto enum_names(Kind) {
  return EnumNames<Kind, 2>{{{Kind::Human, "human"}, {Kind::Bot, "bot"}}};
}

// One line of a conversation. Of a bot the author is the character's id.
struct Line {
  static constexpr std::string_view kName = "line";

  std::string author;
  std::string text;
  Kind kind = Kind::Human;
  std::optional<std::string> reply_to;  // the id of the author that is replied to

  static void fields(auto& self, auto&& visit) {
    visit("author", self.author, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("text", self.text, Field{.bytes_max = limits::kMessageBytes});
    visit("kind", self.kind, Field{.defaulted = true});
    visit("reply_to", self.reply_to, Field{.bytes_max = limits::kIdBytes});
  }
  friend bool operator==(const Line&, const Line&) = default;
};

// Score tables: character id -> term -> value; the term "total" is the sum.
using ScoreTable = std::map<std::string, std::map<std::string, double>>;

// A request or reply without members.
struct Empty {
  static constexpr std::string_view kName = "empty";
  static void fields(auto&, auto&&) {}
};

}  // namespace contracts
