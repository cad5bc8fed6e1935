#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "discord/types.h"

namespace bot {

// What a page of a channel's messages, as GET /channels/{id}/messages?after= answers, says about a
// search for one of them.
struct SearchedPage {
  std::string found;  // the id of the message; empty: not on this page
  std::string after;  // where the next page begins
  bool last = false;
};
inline constexpr std::size_t kSearchPage = 100;  // messages of a page, the most that there can be

// The messages of a page, the newest first. Pure.
Result<std::vector<discord::Message>> messages_of(std::string_view body);

// Looks for a message of `author` with this text, white space at its ends aside, as Discord cuts
// that off. Pure.
Result<SearchedPage> search_page(std::string_view body, std::string_view author,
                                 std::string_view text, std::string after);

}  // namespace bot
