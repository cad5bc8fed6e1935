#include "bot/search.h"

#include <utility>

#include "base/utf8.h"
#include "discord/types.h"
#include "json/codec.h"

namespace bot {
namespace {

// Ids are numbers of at most 20 digits, without leading zeros.
bool younger(std::string_view left, std::string_view right) {
  return left.size() != right.size() ? left.size() > right.size() : left > right;
}

}  // namespace

Result<SearchedPage> search_page(std::string_view body, std::string_view author,
                                 std::string_view text, std::string after) {
  const auto document = TRY(json::Document::parse(body));
  const auto page = document.root();
  if (!page.is(json::Kind::Array)) return Error{Code::Internal, "messages: must be a list"};
  SearchedPage result{"", std::move(after), page.size() < kSearchPage};
  for (std::size_t i = 0; i < page.size(); ++i) {
    const auto message = TRY(json::decode<discord::Message>(page.at(i)));
    if (message.author.id == author && trimmed(message.content) == trimmed(text)) {
      result.found = message.id;
      return result;
    }
    if (younger(message.id, result.after)) result.after = message.id;
  }
  return result;
}

}  // namespace bot
