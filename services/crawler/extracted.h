#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/fields.h"

namespace crawler {

inline constexpr std::size_t kTextBytesMax = 8UL * 1024 * 1024;
inline constexpr std::size_t kLinksMax = 2000;

// What a page or file says: its text as UTF-8 in Markdown, without what stands on every page of a
// site. It travels as JSON from the process that reads foreign formats.
struct Extracted {
  static constexpr std::string_view kName = "extracted";
  std::string title;
  std::string text;
  std::vector<std::string> links;  // as written, of a page
  std::string base;                // what they are relative to, when the page says so
  bool no_index = false;           // the page asks not to be indexed
  bool cut = false;                // there was more than kTextBytesMax

  static void fields(auto& self, auto&& visit) {
    visit("title", self.title, Field{.bytes_max = 500});
    visit("text", self.text, Field{.bytes_max = kTextBytesMax});
    visit("links", self.links, Field{.bytes_max = 2000, .items_max = kLinksMax});
    visit("base", self.base, Field{.bytes_max = 2000});
    visit("no_index", self.no_index);
    visit("cut", self.cut);
  }
};

}  // namespace crawler
