#include "base/utf8.h"

#include "base/line.h"
#include "fuzz/fuzz.h"

// utf8 against a decoder that is written from RFC 3629's table by arithmetic instead of by bytes.
namespace {

// The code points, or nothing when `text` is not UTF-8.
bool decode(std::string_view text, std::vector<std::uint32_t>& points) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned first = byte(i);
    const std::size_t length = first < 0x80              ? 1
                               : (first & 0xE0U) == 0xC0 ? 2
                               : (first & 0xF0U) == 0xE0 ? 3
                               : (first & 0xF8U) == 0xF0 ? 4
                                                         : 0;
    if (length == 0 || i + length > text.size()) return false;
    std::uint32_t point = length == 1 ? first : first & (0xFFU >> (length + 1));
    for (std::size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xC0U) != 0x80U) return false;
      point = point << 6U | (byte(i + k) & 0x3FU);
    }
    constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < kSmallest[length] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) {
      return false;
    }
    points.push_back(point);
    i += length;
  }
  return true;
}

}  // namespace

fuzz::Corpus fuzz::corpus() {
  return {.seeds = {"plain ascii text of more than eight bytes", "caf\xc3\xa9",
                    "\xf0\x9f\x98\x80\xe2\x82\xac", "\xed\xa0\x80", "\xc0\xaf", "\xf4\x90\x80\x80",
                    "  \t trim \r\n"},
          .words = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                    "\xf4\x8f\xbf\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xef\xbf\xbd"},
          .bytes_max = 256};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  std::vector<std::uint32_t> points;
  const bool valid = decode(text, points);
  fuzz::require(utf8_valid(text) == valid, "validity is that of RFC 3629");
  const std::string repaired = utf8_repaired(text);
  fuzz::require(utf8_valid(repaired), "what was repaired is valid");
  if (valid) {
    fuzz::require(repaired == text, "what is valid stays");
    fuzz::require(utf8_length(text) == points.size(), "the length counts code points");
    for (std::size_t bytes = 0; bytes <= size + 1; ++bytes) {
      const auto prefix = utf8_prefix(text, bytes);
      fuzz::require(prefix.size() <= bytes && text.starts_with(prefix), "a prefix is one");
      fuzz::require(utf8_valid(prefix), "a prefix cuts no code point");
      fuzz::require(bytes < size || prefix == text, "all that fits is kept");
      fuzz::require(prefix.size() + 4 > std::min(bytes, size), "and the longest is taken");
    }
  }
  for (const char c : one_line(text)) {
    fuzz::require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "one line is one");
  }
  const auto inner = trimmed(text);
  fuzz::require(text.find(inner) != std::string_view::npos && trimmed(inner) == inner,
                "trimming is stable");
  fuzz::require(ascii_lower(text).size() == size, "lower case has the same length");
  return 0;
}
