#include <algorithm>

#include "fuzz/door.h"
#include "net/net.h"

// Any bytes to a door of net: it answers HTTP and nothing else, its handler sees nothing over the
// limits, and how the bytes are split changes nothing.

fuzz::Corpus fuzz::corpus() { return door_corpus(); }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static net::Loop loop;
  static const auto server = net::listen(loop, fuzz::door_options(), fuzz::echo);
  fuzz::require(server.ok(), "there is a door");
  const std::uint16_t port = server.value()->port();

  const std::string text = std::string(fuzz::text_of(data, size)) + fuzz::ending();
  const auto whole = fuzz::exchange(port, {text});
  auto expected = fuzz::statuses(whole);
  fuzz::require(!expected.empty() || whole.reset, "there is an answer");
  if (!expected.empty() && expected.front() == 200) fuzz::keep();

  Random draw(hash64(text));
  const std::size_t first = draw.below(text.size());
  const std::size_t second = first + draw.below(text.size() - first);
  const std::string_view view = text;
  const auto parts = fuzz::exchange(
      port, {view.substr(0, first), view.substr(first, second - first), view.substr(second)});
  auto heard = fuzz::statuses(parts);
  // Of a head that is wrong in several ways the one is named that is seen first, which depends on
  // what has arrived: malformed, too long, of another HTTP.
  for (auto* all : {&expected, &heard}) {
    std::replace_if(
        all->begin(), all->end(), [](int status) { return status == 431 || status == 505; }, 400);
  }
  const std::size_t common = std::min(heard.size(), expected.size());
  fuzz::require(std::equal(heard.begin(), heard.begin() + static_cast<std::ptrdiff_t>(common),
                           expected.begin()),
                "the split does not change the answers");
  fuzz::require(heard.size() == expected.size() || parts.reset || whole.reset,
                "the split does not change how many there are");
  return 0;
}
