#include "characters/macros.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <functional>
#include <optional>
#include <utility>

#include "base/ids.h"
#include "base/utf8.h"

namespace characters {
namespace {

constexpr std::size_t kDepthMax = 16;
constexpr std::size_t kUnknownMax = 64;

// "a,b\,c" -> "a", "b,c".
std::vector<std::string> choices(std::string_view list) {
  std::vector<std::string> found(1);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const bool escaped = list[i] == '\\' && i + 1 < list.size() && list[i + 1] == ',';
    if (list[i] == ',') {
      found.emplace_back();
    } else {
      found.back() += list[escaped ? ++i : i];
    }
  }
  return found;
}

std::string reversed(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    std::size_t begin = text.size() - 1;
    while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xc0U) == 0x80U) --begin;
    result += text.substr(begin);
    text.remove_suffix(text.size() - begin);
  }
  return result;
}

// Replaces the macros of one text, in its order: each draw has its own number.
class Filler {
 public:
  Filler(const Scene& scene, Hidden hidden) : scene_(scene), hidden_(hidden) {}

  // The value of {{body}}, or nothing when there is no such macro.
  std::optional<std::string> value(std::string_view body) {
    const std::string_view whole = trimmed(body);
    if (whole.starts_with("//")) return "";
    const auto colon = whole.find(':');
    const std::string name = ascii_lower(trimmed(whole.substr(0, colon)));
    if (colon == std::string_view::npos) {
      if (name == "char") return std::string(scene_.character);
      if (name == "user") return std::string(scene_.user);
      if (name == "original") return std::string(scene_.original);
      return std::nullopt;
    }
    std::string_view argument = whole.substr(colon + 1);
    if (argument.starts_with(':')) argument.remove_prefix(1);  // {{pick::a,b}} is seen as well
    if (name == "random") return drawn(argument, hash64("random", scene_.seed + ++draws_));
    if (name == "pick") return drawn(argument, hash64(argument, hash64(scene_.character)));
    if (name == "roll") return rolled(trimmed(argument));
    if (name == "comment") return "";
    if (name == "hidden_key") return hidden_ == Hidden::Kept ? std::string(argument) : "";
    if (name == "reverse") return reversed(argument);
    return std::nullopt;
  }

 private:
  static std::string drawn(std::string_view list, std::uint64_t seed) {
    auto all = choices(list);
    return std::move(all[Random(seed).below(all.size())]);
  }

  std::optional<std::string> rolled(std::string_view sides) {
    if (sides.starts_with('d') || sides.starts_with('D')) sides.remove_prefix(1);
    std::uint32_t most = 0;
    const auto [end, error] = std::from_chars(sides.data(), sides.data() + sides.size(), most);
    if (error != std::errc() || end != sides.data() + sides.size() || most == 0) {
      return std::nullopt;
    }
    return std::to_string(Random(hash64("roll", scene_.seed + ++draws_)).below(most) + 1);
  }

  const Scene& scene_;
  const Hidden hidden_;
  std::uint64_t draws_ = 0;
};

using Value = std::function<std::optional<std::string>(std::string_view body)>;

// Each open {{ has a text of its own, which its }} turns into a value: inner macros come first.
std::string replaced(std::string_view text, const Value& value) {
  std::vector<std::string> open(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("{{") && open.size() <= kDepthMax) {
      open.emplace_back();
      ++i;
    } else if (rest.starts_with("}}") && open.size() > 1) {
      const std::string body = std::move(open.back());
      open.pop_back();
      auto found = value(body);
      open.back() += found ? *found : "{{" + body + "}}";
      ++i;
    } else {
      open.back() += text[i];
    }
  }
  std::string result = std::move(open.front());
  for (std::size_t i = 1; i < open.size(); ++i) result += "{{" + open[i];
  return result;
}

// The angled forms of older cards. `lower` is `text` in lower case.
std::string angled(std::string_view text, const Scene& scene) {
  const std::string lower = ascii_lower(text);
  const std::array<std::pair<std::string_view, std::string_view>, 3> forms{
      {{"<char>", scene.character}, {"<bot>", scene.character}, {"<user>", scene.user}}};
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto form = std::find_if(forms.begin(), forms.end(), [&](const auto& f) {
      return std::string_view(lower).substr(i).starts_with(f.first);
    });
    if (form == forms.end()) {
      result += text[i];
    } else {
      result += form->second;
      i += form->first.size() - 1;
    }
  }
  return result;
}

}  // namespace

std::string filled(std::string_view text, const Scene& scene, Hidden hidden) {
  std::string result(text);
  if (text.find('<') != std::string_view::npos) result = angled(text, scene);
  if (result.find("{{") == std::string::npos) return result;
  Filler filler(scene, hidden);
  return replaced(result, [&](std::string_view body) { return filler.value(body); });
}

std::vector<std::string> unknown_macros(std::string_view text) {
  std::vector<std::string> unknown;
  const Scene scene{.character = "x"};
  Filler filler(scene, Hidden::Dropped);
  replaced(text, [&](std::string_view body) {
    auto found = filler.value(body);
    const std::string name(utf8_prefix(trimmed(body), 40));
    if (!found && unknown.size() < kUnknownMax &&
        std::find(unknown.begin(), unknown.end(), name) == unknown.end()) {
      unknown.push_back(name);
    }
    return found ? found : std::optional<std::string>("");
  });
  return unknown;
}

}  // namespace characters
