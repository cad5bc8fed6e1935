#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crawler/extracted.h"

// What a body is, and what plain text says. Pure.
namespace crawler {

// DOCX and other office formats are not read yet.
enum class Format { Markdown, Plain, Html, Pdf };

// By the ending of a file's name; nothing for one that is not read.
std::optional<Format> format_of_name(std::string_view name);

// Of a fetched body: by its Content-Type, where that says nothing by the body's beginning. The
// error says which type is not read.
Result<Format> format_of_body(std::string_view content_type, std::string_view body);

// The charset parameter of a Content-Type, in lower case, or nothing.
std::string charset_of(std::string_view content_type);

// Text in UTF-8: as it is, from UTF-16 with a byte order mark, else read as Windows-1252, the
// superset of Latin-1 that is meant by it (WHATWG Encoding). InvalidArgument for what is binary.
Result<std::string> decoded(std::string_view bytes);

// A plain or Markdown text: its title is its first heading, else `name`.
Result<Extracted> read_text(Format format, std::string_view bytes, std::string_view name);

}  // namespace crawler
