#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/utf8.h"
#include "json/json.h"

namespace json {
namespace {

bool plain(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\'; }

// Whether eight bytes are ASCII and need no escape: a high bit would say so of one of them.
// Source: "Determine if a word has a byte less than n", Bit Twiddling Hacks (Anderson).
bool plain_ascii(const char* eight) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighs = 0x8080808080808080;
  std::uint64_t word = 0;
  std::memcpy(&word, eight, sizeof(word));
  const auto has = [](std::uint64_t bytes) { return (bytes - kOnes) & ~bytes; };
  const std::uint64_t control = word - kOnes * 0x20;
  return ((word | control | has(word ^ kOnes * '"') | has(word ^ kOnes * '\\')) & kHighs) == 0;
}

std::size_t plain_ascii_prefix(std::string_view text) {
  std::size_t size = 0;
  while (size + 8 <= text.size() && plain_ascii(text.data() + size)) size += 8;
  return size;
}

void append_escape(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
}

void append_string(std::string& out, std::string_view value) {
  std::string repaired;
  // Most texts are plain from end to end.
  if (!utf8_valid(value.substr(plain_ascii_prefix(value)))) {
    repaired = utf8_repaired(value);
    value = repaired;
  }
  out += '"';
  std::size_t done = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    i += plain_ascii_prefix(value.substr(i));
    if (i == value.size()) break;
    if (plain(value[i])) continue;
    out += value.substr(done, i - done);
    append_escape(out, value[i]);
    done = i + 1;
  }
  out += value.substr(done);
  out += '"';
}

}  // namespace

void Writer::separate() {
  if (comma_) text_ += ',';
  comma_ = true;
}

void Writer::begin_object() {
  separate();
  text_ += '{';
  comma_ = false;
}

void Writer::end_object() {
  text_ += '}';
  comma_ = true;
}

void Writer::begin_array() {
  separate();
  text_ += '[';
  comma_ = false;
}

void Writer::end_array() {
  text_ += ']';
  comma_ = true;
}

void Writer::key(std::string_view name) {
  separate();
  append_string(text_, name);
  text_ += ':';
  comma_ = false;
}

void Writer::string(std::string_view value) {
  separate();
  append_string(text_, value);
}

void Writer::integer(std::int64_t value) {
  separate();
  fmt::format_to(std::back_inserter(text_), "{}", value);
}

void Writer::real(double value) {
  if (!std::isfinite(value)) return null();
  separate();
  if (value == 0) value = 0;  // "-0" would be read as an integer, which has no sign
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  text_.append(digits.data(), end);
}

void Writer::boolean(bool value) {
  separate();
  text_ += value ? "true" : "false";
}

void Writer::null() {
  separate();
  text_ += "null";
}

void Writer::raw(std::string_view json) {
  separate();
  text_ += json;
}

std::string quoted(std::string_view text) {
  std::string out;
  append_string(out, text);
  return out;
}

}  // namespace json
