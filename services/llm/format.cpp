#include "llm/format.h"

#include <algorithm>
#include <charconv>

namespace llm::talk {
namespace {

constexpr std::int64_t kPauseMsMax = 60'000;

}  // namespace

Failure failure_of_answer(int status, const http::Headers& headers, std::string_view body,
                          std::string_view model) {
  constexpr int kOverloaded = 529;  // Anthropic's own: it has no room, whoever asks
  Failure failure = failure_of_status(status == kOverloaded ? 429 : status,
                                      headers.get("retry-after").value_or(""), body, model);
  failure.no_room = status == kOverloaded;
  std::int64_t ms = 0;
  const std::string_view exact = headers.get("retry-after-ms").value_or("");
  const char* const end = exact.data() + exact.size();
  const auto [rest, failed] = std::from_chars(exact.data(), end, ms);
  const bool sound = !exact.empty() && failed == std::errc() && rest == end && ms >= 0;
  if (status == 429 && sound) failure.pause = Milliseconds(std::min(ms, kPauseMsMax));
  return failure;
}

}  // namespace llm::talk
