#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "base/utf8.h"
#include "json/json.h"

namespace json {
namespace {

bool plain(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\'; }

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
  if (!utf8_valid(value)) {
    repaired = utf8_repaired(value);
    value = repaired;
  }
  out += '"';
  std::size_t done = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
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
