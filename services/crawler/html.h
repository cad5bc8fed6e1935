#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "crawler/extracted.h"

// What an HTML page says. libxml2's parser does the reading: it is kept and mended by Debian, while
// gumbo, which follows the HTML standard more closely, has had no release since 2015. Pages are
// written by strangers, so this runs in a process of its own (extractor.h).
namespace crawler {

// The main content as Markdown: headings, paragraphs, lists, quotes, tables, code. Left out is what
// stands around it: scripts, styles, navigation, headers, footers, asides, forms, and what is
// hidden. `charset` is what the server says, or empty: then the page's own word counts.
Result<Extracted> read_html(std::string_view bytes, const std::string& charset);

}  // namespace crawler
