#include "llm/fault.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/utf8.h"
#include "llm/wire_json.h"

namespace llm {
namespace {

constexpr std::int64_t kPauseSecondsMax = 60;
constexpr std::size_t kTextBytesMax = 200;
constexpr std::string_view kInPlace = "(key)";

Milliseconds pause_of(std::string_view retry_after) {
  std::int64_t seconds = 0;
  const char* const end = retry_after.data() + retry_after.size();
  const auto [rest, failed] = std::from_chars(retry_after.data(), end, seconds);
  if (failed != std::errc() || rest != end || seconds < 0) return Milliseconds(0);
  return std::chrono::seconds(std::min(seconds, kPauseSecondsMax));
}

}  // namespace

Failure failure_of(Error error) {
  switch (error.code) {
    case Code::Unauthenticated:
      // To our own clients it is not their key that was refused.
      return {{Code::Unavailable, std::move(error.message)}, Blame::Key};
    case Code::Overloaded:
    case Code::TooLarge:
    case Code::NotFound:
    case Code::PermissionDenied:
    case Code::Cancelled:
      return {std::move(error), Blame::Nobody};
    case Code::InvalidArgument:
    case Code::Conflict:
    case Code::DeadlineExceeded:
    case Code::Unavailable:
    case Code::Unimplemented:
    case Code::DataLoss:
    case Code::Internal:
      break;
  }
  return {std::move(error), Blame::Provider};
}

Failure failure_of_status(int status, std::string_view retry_after, std::string_view body,
                          std::string_view model) {
  const Error said = error_in(body);
  const auto text = [&](std::string_view meaning) {
    return fmt::format("HTTP {}: {}{}", status, meaning, said.message);
  };
  if (status == 404 || (status == 403 && said.code == Code::NotFound)) {
    const auto meaning =
        model.empty() ? "" : fmt::format("it does not have the model '{}': ", model);
    return {{Code::NotFound, text(meaning)}, Blame::Nobody};
  }
  // What is said with a 401 often shows a part of the key.
  if (status == 401) return {{Code::Unavailable, "HTTP 401: the key is refused"}, Blame::Key};
  // Moderation, regions and quotas answer 403 as well: only what is said tells a refused key.
  if (status == 403) {
    const bool key = said.code == Code::Unauthenticated;
    return {{Code::Unavailable, text("access is refused: ")}, key ? Blame::Key : Blame::Nobody};
  }
  if (status == 429) return {{Code::Overloaded, text("")}, Blame::Nobody, pause_of(retry_after)};
  const bool refused = status >= 400 && status < 500 && status != 408;
  const bool too_long = status == 413 || (refused && said.code == Code::TooLarge);
  return {{too_long ? Code::TooLarge : Code::Unavailable, text("")},
          refused ? Blame::Nobody : Blame::Provider};
}

std::string without_key(std::string text, std::string_view key) {
  // The search goes on behind what stands in the key's place: that may hold the key again.
  for (std::size_t at = 0; !key.empty() && (at = text.find(key, at)) != text.npos;
       at += kInPlace.size()) {
    text.replace(at, key.size(), kInPlace);
  }
  return std::string(utf8_prefix(text, kTextBytesMax));
}

}  // namespace llm
