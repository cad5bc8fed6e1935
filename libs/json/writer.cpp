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

// Whether eight bytes are ASCII and need no escape.
// Source: "Determine if a word has a byte less than n", Bit Twiddling Hacks (Anderson).
bool plain_ascii(std::uint64_t eight) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighs = 0x8080808080808080;
  const auto has_zero = [](std::uint64_t bytes) { return (bytes - kOnes) & ~bytes; };
  const std::uint64_t control = eight - kOnes * 0x20;
  const std::uint64_t quote = has_zero(eight ^ kOnes * '"');
  const std::uint64_t backslash = has_zero(eight ^ kOnes * '\\');
  return ((eight | control | quote | backslash) & kHighs) == 0;
}

std::size_t plain_ascii_prefix(std::string_view text) {
  std::size_t size = 0;
  std::uint64_t eight = 0;
  for (; size + sizeof(eight) <= text.size(); size += sizeof(eight)) {
    std::memcpy(&eight, text.data() + size, sizeof(eight));
    if (!plain_ascii(eight)) return size;
  }
  eight = 0x2020202020202020;  // the rest, filled up with spaces
  if (size < text.size()) std::memcpy(&eight, text.data() + size, text.size() - size);
  return plain_ascii(eight) ? text.size() : size;
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
  out += '"';
  std::size_t done = 0;
  std::size_t next = plain_ascii_prefix(value);
  std::string repaired;
  if (next < value.size() && !utf8_valid(value.substr(next))) {
    repaired = utf8_repaired(value);
    value = repaired;
    next = 0;
  }
  while (next < value.size()) {
    const std::size_t here = next++;
    if (plain(value[here])) continue;
    out += value.substr(done, here - done);
    append_escape(out, value[here]);
    done = next;
    next += plain_ascii_prefix(value.substr(next));
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
