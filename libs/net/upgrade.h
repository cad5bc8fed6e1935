#pragma once

#include <optional>
#include <string_view>

#include "http/http.h"

// The request side of the WebSocket handshake (RFC 6455 section 4.2.1); pure, no I/O.
namespace net {

// Whether the client asks to speak WebSocket from here on.
bool wants_websocket(const http::Request& request);

// The answer to such a request when its handshake is not valid: 400, or 426 for another version.
std::optional<http::Response> refuse_handshake(const http::Request& request);

// Whether one of the comma-separated words in the lines of that name is `word`, without case.
bool has_word(const http::Headers& headers, std::string_view name, std::string_view word);

}  // namespace net
