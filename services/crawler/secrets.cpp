#include "crawler/secrets.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"

namespace crawler {
namespace {

constexpr std::array<std::string_view, 14> kNames{
    "credentials.json", "credentials",  "credentials.yml", "secrets.json", "secrets.yml",
    "secrets.yaml",     "secrets.toml", "id_rsa",          "id_dsa",       "id_ecdsa",
    "id_ed25519",       "htpasswd",     "shadow",          "token.json"};
constexpr std::array<std::string_view, 9> kEndings{".pem",      ".key",  ".p12", ".pfx", ".jks",
                                                   ".keystore", ".kdbx", ".env", ".ppk"};

bool upper_or_digit(char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }
bool alnum(char c) { return upper_or_digit(c) || (c >= 'a' && c <= 'z'); }
bool key_mark(char c) { return alnum(c) || c == '_' || c == '-'; }

// A key that begins with `prefix` and goes on for at least that many characters.
struct Pattern {
  std::string_view prefix;
  std::size_t more = 0;
  bool (*character)(char) = nullptr;
  bool exact = false;        // and for no more
  bool needs_digit = false;  // else it may be a word with hyphens
  std::string_view what;
};

constexpr std::array<Pattern, 14> kPatterns{{
    {"AKIA", 16, upper_or_digit, true, false, "an AWS access key"},
    {"ASIA", 16, upper_or_digit, true, false, "an AWS access key"},
    {"ghp_", 36, alnum, false, false, "a GitHub token"},
    {"gho_", 36, alnum, false, false, "a GitHub token"},
    {"ghu_", 36, alnum, false, false, "a GitHub token"},
    {"ghs_", 36, alnum, false, false, "a GitHub token"},
    {"ghr_", 36, alnum, false, false, "a GitHub token"},
    {"github_pat_", 22, key_mark, false, false, "a GitHub token"},
    {"glpat-", 20, key_mark, false, false, "a GitLab token"},
    {"sk-", 20, key_mark, false, true, "an API key (sk-)"},
    {"sk_live_", 16, alnum, false, false, "a payment key"},
    {"AIza", 35, key_mark, true, false, "a Google API key"},
    {"xapp-", 10, key_mark, false, true, "a Slack token"},
    {"npm_", 36, alnum, true, false, "an npm token"},
}};

bool begins_word(std::string_view text, std::size_t at) {
  return at == 0 || !(alnum(text[at - 1]) || text[at - 1] == '_');
}

// Whether `run`, all that follows a prefix in its characters, makes it a key.
bool key_of(std::string_view run, const Pattern& pattern) {
  if (run.size() < pattern.more || (pattern.exact && run.size() > pattern.more)) return false;
  return !pattern.needs_digit ||
         std::any_of(run.begin(), run.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// In time linear in the text, whatever it is: a page of prefixes only must not hold up a worker.
bool key_in(std::string_view text, const Pattern& pattern) {
  for (auto at = text.find(pattern.prefix); at != std::string_view::npos;) {
    const std::size_t begin = at + pattern.prefix.size();
    std::size_t next = at + 1;
    if (begins_word(text, at)) {
      // Of a run whose digits do not count, no more is of interest.
      const auto rest =
          text.substr(begin, pattern.needs_digit ? std::string_view::npos : pattern.more + 1);
      const auto end = std::find_if_not(rest.begin(), rest.end(), pattern.character);
      const auto run = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
      if (key_of(run, pattern)) return true;
      // What begins within a run that was seen to its end is shorter and has no more digits.
      if (pattern.needs_digit) next = begin + run.size();
    }
    at = text.find(pattern.prefix, next);
  }
  return false;
}

// xoxb-, xoxp-, xoxa-, xoxr-, xoxs-, and a token behind it.
bool slack_token(std::string_view text) {
  for (auto at = text.find("xox"); at != std::string_view::npos; at = text.find("xox", at + 1)) {
    const std::string_view rest = text.substr(at + 3);
    if (rest.size() < 12 || rest[1] != '-' ||
        std::string_view("abeprs").find(rest[0]) == std::string_view::npos) {
      continue;
    }
    const auto token = rest.substr(2, 10);
    if (std::all_of(token.begin(), token.end(), key_mark)) return true;
  }
  return false;
}

bool private_key(std::string_view text) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  for (auto at = text.find(kBegin); at != std::string_view::npos; at = text.find(kBegin, at + 1)) {
    const auto window = text.substr(at, 80);
    const auto line = window.substr(0, window.find('\n'));
    if (line.find("PRIVATE KEY") != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

std::optional<std::string> secret_name(std::string_view file_name) {
  const std::string name = ascii_lower(file_name);
  const bool known = std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
                     std::any_of(kEndings.begin(), kEndings.end(),
                                 [&](std::string_view ending) { return name.ends_with(ending); });
  if (known || name.starts_with(".env")) return "may hold credentials";
  if (name.starts_with('.')) return "hidden";
  return std::nullopt;
}

std::optional<std::string> secret_in(std::string_view text) {
  if (private_key(text)) return "a private key";
  for (const Pattern& pattern : kPatterns) {
    if (key_in(text, pattern)) return std::string(pattern.what);
  }
  if (slack_token(text)) return "a Slack token";
  return std::nullopt;
}

}  // namespace crawler
