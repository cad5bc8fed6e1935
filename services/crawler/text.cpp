#include "crawler/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "base/utf8.h"

namespace crawler {
namespace {

constexpr std::array<std::pair<std::string_view, Format>, 14> kEndings{{
    {".md", Format::Markdown},
    {".markdown", Format::Markdown},
    {".mdx", Format::Markdown},
    {".txt", Format::Plain},
    {".text", Format::Plain},
    {".rst", Format::Plain},
    {".adoc", Format::Plain},
    {".org", Format::Plain},
    {".csv", Format::Plain},
    {".tsv", Format::Plain},
    {".html", Format::Html},
    {".htm", Format::Html},
    {".xhtml", Format::Html},
    {".pdf", Format::Pdf},
}};

// 0x80 to 0x9f of Windows-1252; 0 where it has nothing.
constexpr std::array<std::uint16_t, 32> kWindows1252{
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

void append(std::string& out, std::uint32_t code) {
  const auto byte = [&](std::uint32_t value) { out += static_cast<char>(value); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xc0 | code >> 6);
    byte(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    byte(0xe0 | code >> 12);
    byte(0x80 | (code >> 6 & 0x3f));
    byte(0x80 | (code & 0x3f));
  } else {
    byte(0xf0 | code >> 18);
    byte(0x80 | (code >> 12 & 0x3f));
    byte(0x80 | (code >> 6 & 0x3f));
    byte(0x80 | (code & 0x3f));
  }
}

enum class Order { Little, Big };

std::string from_utf16(std::string_view bytes, Order order) {
  const auto unit = [&](std::size_t at) {
    const auto first = static_cast<unsigned char>(bytes[at]);
    const auto second = static_cast<unsigned char>(bytes[at + 1]);
    return static_cast<std::uint32_t>(order == Order::Little ? first | second << 8
                                                             : first << 8 | second);
  };
  std::string out;
  for (std::size_t at = 0; at + 1 < bytes.size(); at += 2) {
    std::uint32_t code = unit(at);
    if (code >= 0xd800 && code < 0xdc00 && at + 3 < bytes.size()) {
      const std::uint32_t low = unit(at + 2);
      if (low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        at += 2;
      }
    }
    append(out, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
  }
  return out;
}

std::string from_windows_1252(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    const bool mapped = byte >= 0x80 && byte < 0xa0;
    const std::uint32_t code = mapped ? kWindows1252.at(byte - 0x80U) : byte;
    append(out, code == 0 && mapped ? 0xfffd : code);
  }
  return out;
}

std::string_view first_heading(std::string_view text) {
  for (int lines = 0; lines < 50 && !text.empty(); ++lines) {
    const auto end = std::min(text.size(), text.find('\n'));
    const std::string_view line = trimmed(text.substr(0, end));
    if (line.starts_with("# ")) return trimmed(line.substr(2));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return {};
}

std::string type_of(std::string_view content_type) {
  return ascii_lower(trimmed(content_type.substr(0, content_type.find(';'))));
}

}  // namespace

std::optional<Format> format_of_name(std::string_view name) {
  const std::string lower = ascii_lower(name);
  for (const auto& [ending, format] : kEndings) {
    if (lower.size() > ending.size() && lower.ends_with(ending)) return format;
  }
  return std::nullopt;
}

Result<Format> format_of_body(std::string_view content_type, std::string_view body) {
  const std::string type = type_of(content_type);
  if (type == "text/html" || type == "application/xhtml+xml") return Format::Html;
  if (type == "text/markdown" || type == "text/x-markdown") return Format::Markdown;
  if (type == "text/plain" || type == "text/csv") return Format::Plain;
  if (type == "application/pdf") return Format::Pdf;
  if (type.empty() || type == "application/octet-stream") {
    if (body.starts_with("%PDF-")) return Format::Pdf;
    const std::string start = ascii_lower(trimmed(body.substr(0, 512)));
    if (start.starts_with("<!doctype html") || start.starts_with("<html")) return Format::Html;
    if (type.empty()) return Format::Plain;
  }
  return Error{Code::InvalidArgument,
               fmt::format("content of type {} is not read", utf8_repaired(type.substr(0, 100)))};
}

std::string charset_of(std::string_view content_type) {
  const std::string lower = ascii_lower(content_type);
  const auto at = lower.find("charset=");
  if (at == std::string::npos) return {};
  std::string_view value = std::string_view(lower).substr(at + 8);
  if (value.starts_with('"')) value.remove_prefix(1);
  return std::string(value.substr(0, value.find_first_of("\"; ")));
}

Result<std::string> decoded(std::string_view bytes) {
  if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
  if (bytes.starts_with("\xff\xfe")) return from_utf16(bytes.substr(2), Order::Little);
  if (bytes.starts_with("\xfe\xff")) return from_utf16(bytes.substr(2), Order::Big);
  if (bytes.find('\0') != std::string_view::npos) {
    return Error{Code::InvalidArgument, "it is binary, not text"};
  }
  if (utf8_valid(bytes)) return std::string(bytes);
  return from_windows_1252(bytes);
}

Result<Extracted> read_text(Format format, std::string_view bytes, std::string_view name) {
  Extracted extracted;
  extracted.text = TRY(decoded(bytes));
  if (extracted.text.size() > kTextBytesMax) {
    extracted.text.resize(utf8_prefix(extracted.text, kTextBytesMax).size());
    extracted.cut = true;
  }
  const auto heading = format == Format::Markdown ? first_heading(extracted.text) : "";
  extracted.title = utf8_prefix(utf8_repaired(heading.empty() ? name : heading), 500);
  return extracted;
}

}  // namespace crawler
