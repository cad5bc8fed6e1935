#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <string_view>
#include <utility>

// How a struct lists its members, once, for every reader of structs: the JSON codec, the schema
// generator, configuration, --help.
//
//   struct Ask {
//     static constexpr std::string_view kName = "ask";   // the message's name
//     std::string message;
//     std::optional<std::string> character;              // std::optional: may be absent
//     Kind kind = Kind::Direct;
//
//     static void fields(auto& self, auto&& visit) {
//       visit("message", self.message, Field{.bytes_min = 1, .bytes_max = 4000});
//       visit("character", self.character, Field{.bytes_max = 64});
//       visit("kind", self.kind, Field{.defaulted = true});  // absent: the member's own default
//     }
//   };
//
// A member is a bool, an integer, a double, a std::string, an enum with names, another such struct,
// json::Text (any JSON), or a std::vector, std::map<std::string, T> or std::optional of these.
struct Field {
  std::size_t bytes_min = 0;
  std::size_t bytes_max = 64 * 1024;  // of a string, also inside a list or map
  std::size_t items_max = 1024;       // of a list or map
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool defaulted = false;  // may be absent: the struct's default stands
  bool secret = false;     // configuration: printed as (set)
  std::string_view help = {};
  std::string_view variable = {};  // configuration: other environment variables that set
                                  // it, with spaces between, the weakest first
};

// An enum's names on the wire. An enum E is a member type when `enum_names(E)` can be found beside
// it:  constexpr auto enum_names(Kind) { return EnumNames<Kind, 2>{{{Kind::Direct, "direct"},
// ...}}; }
template <class E, std::size_t N>
using EnumNames = std::array<std::pair<E, std::string_view>, N>;

template <class T>
concept NamedEnum = requires(T value) {
  enum_names(value);
};

template <class T>
concept HasFields = requires(T value) {
  T::fields(value, [](auto&&...) {});
};

template <NamedEnum E>
constexpr std::string_view enum_name(E value) {
  for (const auto& [candidate, text] : enum_names(value)) {
    if (candidate == value) return text;
  }
  return {};
}
