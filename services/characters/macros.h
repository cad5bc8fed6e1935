#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Curly braced syntaxes of cards: {{char}}, {{user}}, {{random:a,b}} and the others of Character
// Card V3, names in any case, and the older <bot>, <char> and <user>. Pure; thread-safe.
namespace characters {

// Who speaks to whom. The same scene gives the same text.
struct Scene {
  std::string_view character;
  std::string_view user = "Visitor";
  std::string_view original = {};  // what {{original}} stands for
  std::uint64_t seed = 0;          // of {{random}} and {{roll}}; {{pick}} is the same for all seeds
};

// Whether the texts of {{hidden_key:...}} stay, for looking for keys in them.
enum class Hidden { Dropped, Kept };

// `text` with every macro replaced. Values are not read again, so that nobody's name is a macro.
// What is no macro of ours, or has no end, stays as it is.
std::string filled(std::string_view text, const Scene& scene, Hidden hidden = Hidden::Dropped);

// The names of what looks like a macro in `text` and is none.
std::vector<std::string> unknown_macros(std::string_view text);

}  // namespace characters
