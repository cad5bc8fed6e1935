#include "bot/search.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "json/codec.h"

namespace bot {
namespace {

// Ids are numbers of at most 20 digits, without leading zeros.
bool younger(std::string_view left, std::string_view right) {
  return left.size() != right.size() ? left.size() > right.size() : left > right;
}

}  // namespace

Result<std::vector<discord::Message>> messages_of(std::string_view body) {
  const auto document = TRY(json::Document::parse(body));
  const auto page = document.root();
  if (!page.is(json::Kind::Array)) return Error{Code::Internal, "messages: must be a list"};
  std::vector<discord::Message> messages;
  for (std::size_t i = 0; i < page.size(); ++i) {
    messages.push_back(TRY(json::decode<discord::Message>(page.at(i))));
  }
  std::sort(messages.begin(), messages.end(),
            [](const auto& left, const auto& right) { return younger(left.id, right.id); });
  return messages;
}

Result<SearchedPage> search_page(std::string_view body, std::string_view author,
                                 std::string_view text, std::string after) {
  const auto page = TRY(messages_of(body));
  SearchedPage result{"", std::move(after), page.size() < kSearchPage};
  for (const auto& message : page) {
    if (message.author.id == author && trimmed(message.content) == trimmed(text)) {
      result.found = message.id;
      return result;
    }
    if (younger(message.id, result.after)) result.after = message.id;
  }
  return result;
}

}  // namespace bot
