#include "crawler/robots.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/utf8.h"

namespace crawler {
namespace {

constexpr std::size_t kRulesMax = 10'000;
constexpr std::size_t kPatternBytesMax = 2000;

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

bool unreserved(unsigned byte) {
  return (byte >= '0' && byte <= '9') || ((byte | 0x20U) >= 'a' && (byte | 0x20U) <= 'z') ||
         byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

// One spelling for what is the same (section 2.2.2): bytes beyond ASCII are percent-encoded,
// encoded unreserved characters are not, hexadecimal digits are capitals.
std::string normalised(std::string_view path) {
  std::string out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const auto byte = static_cast<unsigned char>(path[i]);
    if (byte == '%' && i + 2 < path.size() && hex_digit(path[i + 1]) && hex_digit(path[i + 2])) {
      const unsigned value = *hex_digit(path[i + 1]) * 16 + *hex_digit(path[i + 2]);
      out += unreserved(value) ? std::string(1, static_cast<char>(value))
                               : fmt::format("%{:02X}", value);
      i += 2;
    } else if (byte >= 0x80) {
      out += fmt::format("%{:02X}", byte);
    } else {
      out += path[i];
    }
  }
  return out;
}

// Whether the pattern matches the beginning of `text`. Greedy with one point of return: a later *
// makes returning to an earlier one pointless, so the time is at most the product of the lengths.
bool matches(std::string_view pattern, std::string_view text) {
  const bool anchored = pattern.ends_with('$');
  if (anchored) pattern.remove_suffix(1);
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  for (;;) {
    if (p == pattern.size() && (!anchored || t == text.size())) return true;
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      resume = t;
    } else if (p < pattern.size() && t < text.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else {
      if (star == std::string_view::npos || resume >= text.size()) return false;
      p = star;
      t = ++resume;
    }
  }
}

// The product token at the beginning of a user-agent line: "TroupeBot/1.0" names TroupeBot.
std::string_view token_of(std::string_view value) {
  const auto end = std::find_if_not(value.begin(), value.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
  });
  return value.substr(0, static_cast<std::size_t>(end - value.begin()));
}

std::string_view next_line(std::string_view& text) {
  const auto end = std::min(text.size(), text.find_first_of("\r\n"));
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(text.size(), end + 1));
  return line;
}

std::optional<Milliseconds> seconds_of(std::string_view value) {
  double seconds = 0;
  const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (failed != std::errc() || !(seconds >= 0) || seconds > 86'400) return std::nullopt;
  return Milliseconds(static_cast<Milliseconds::rep>(seconds * 1000));
}

}  // namespace

Robots Robots::disallow_all() {
  Robots robots;
  robots.rules_.push_back({"/", false});
  return robots;
}

Robots Robots::parse(std::string_view text, std::string_view agent) {
  text = text.substr(0, kBytesMax);
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  Robots own;
  Robots others;
  bool named = false;      // some group names the agent
  bool in_own = false;     // the group being read does
  bool in_others = false;  // it names *
  bool naming = false;     // the line before was a user-agent line of the same group
  while (!text.empty()) {
    std::string_view line = next_line(text);
    line = trimmed(line.substr(0, line.find('#')));
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string key = ascii_lower(trimmed(line.substr(0, colon)));
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (key == "user-agent") {
      if (!naming) in_own = in_others = false;
      naming = true;
      const bool match = ascii_lower(token_of(value)) == ascii_lower(agent);
      in_own = in_own || match;
      named = named || match;
      in_others = in_others || value.starts_with('*');
      continue;
    }
    const bool rule = key == "allow" || key == "disallow";
    if (!rule && key != "crawl-delay") continue;  // sitemap and others end no group
    naming = false;
    for (Robots* robots : {in_own ? &own : nullptr, in_others ? &others : nullptr}) {
      if (robots == nullptr) continue;
      if (!rule) {
        robots->crawl_delay_ = seconds_of(value);
      } else if (!value.empty() && value.size() <= kPatternBytesMax &&
                 robots->rules_.size() < kRulesMax) {
        robots->rules_.push_back({normalised(value), key == "allow"});
      }
    }
  }
  return named ? own : others;
}

bool Robots::allows(std::string_view target) const {
  const std::string path = normalised(target);
  if (path == "/robots.txt") return true;
  const Rule* best = nullptr;
  for (const Rule& rule : rules_) {
    const bool longer = best == nullptr || rule.pattern.size() > best->pattern.size() ||
                        (rule.pattern.size() == best->pattern.size() && rule.allow);
    if (longer && matches(rule.pattern, path)) best = &rule;
  }
  return best == nullptr || best->allow;
}

}  // namespace crawler
