#include "net/upgrade.h"

#include <algorithm>

#include "base/utf8.h"
#include "net/wire.h"

namespace net {
namespace {

// 16 bytes in base 64, whose last digit has four bits to spare.
bool valid_key(std::string_view key) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return key.size() == 24 && key.ends_with("==") &&
         key.substr(0, 22).find_first_not_of(kDigits) == std::string_view::npos;
}

http::Response bad(std::string message) {
  return http::Response::error({Code::InvalidArgument, "WebSocket handshake: " + message});
}

}  // namespace

bool has_word(const http::Headers& headers, std::string_view name, std::string_view word) {
  const auto holds = [&](std::string_view list) {
    while (!list.empty()) {
      const std::size_t comma = std::min(list.find(','), list.size());
      if (same_word(trimmed(list.substr(0, comma)), word)) return true;
      list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return false;
  };
  const auto& lines = headers.lines();
  return std::any_of(lines.begin(), lines.end(), [&](const auto& line) {
    return same_word(line.first, name) && holds(line.second);
  });
}

bool wants_websocket(const http::Request& request) {
  return has_word(request.headers, "Upgrade", "websocket");
}

std::optional<http::Response> refuse_handshake(const http::Request& request) {
  if (request.method != http::Method::Get) return bad("the method must be GET");
  if (!has_word(request.headers, "Connection", "upgrade")) return bad("no 'Connection: Upgrade'");
  if (request.headers.count("Sec-WebSocket-Version") != 1 ||
      *request.headers.get("Sec-WebSocket-Version") != "13") {
    http::Response response = bad("only version 13 is spoken here");
    response.status = 426;
    response.headers.add("Sec-WebSocket-Version", "13");
    response.headers.add("Upgrade", "websocket");
    return response;
  }
  if (request.headers.count("Sec-WebSocket-Key") != 1 ||
      !valid_key(*request.headers.get("Sec-WebSocket-Key"))) {
    return bad("Sec-WebSocket-Key must be 16 bytes in base 64, once");
  }
  return std::nullopt;
}

}  // namespace net
