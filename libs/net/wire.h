#pragma once

#include <cstddef>
#include <ctime>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/http.h"

// How HTTP/1.1 heads and URLs are written and read; pure text, no I/O.
namespace net {

// How the end of a message's body is marked (RFC 9112 section 6).
enum class Framing { None, Length, Chunked, UntilClose };

struct ResponseHead {
  int status = 200;
  const http::Headers& headers;
  Framing framing = Framing::Length;
  std::size_t length = 0;
  bool keep_alive = true;
  std::string_view date;
};

// Appends the head. Lines that frame the message are net's own and skipped in `headers`; a line
// that would break the head (RFC 9110 section 5.5) is left out.
void append_head(std::string& out, const ResponseHead& head);

// Appends one chunk of a chunked body (RFC 9112 section 7.1).
void append_chunk(std::string& out, std::string_view data);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// IMF-fixdate (RFC 9110 section 5.6.7).
std::string http_date(std::time_t time);

struct Url {
  bool tls = false;       // https and wss
  std::string host;       // without brackets
  std::string port;       // "80" or "443" when the URL names none
  std::string authority;  // for the Host line: brackets kept, default port left out
  std::string target;     // path and query, at least "/"
};

enum class Scheme { Http, WebSocket };

// InvalidArgument unless it is an absolute URL in ASCII without user information: http or https, or
// ws or wss.
Result<Url> parse_url(std::string_view url, Scheme scheme = Scheme::Http);

// Appends the whole request in front of its body. InvalidArgument for a header line that cannot be
// sent.
Result<void> append_request_head(std::string& out, http::Method method, const Url& url,
                                 const http::Headers& headers, std::size_t body_bytes);

bool same_word(std::string_view a, std::string_view b);

// Whether it may name a method or a header line (RFC 9110 section 5.6.2).
bool token(std::string_view name);

// Lines that say how the message is framed, and whether its connection lives on: net's own.
bool framing_line(std::string_view name);

// Whether a header line can be sent as it is (RFC 9110 section 5.5).
bool sendable(std::string_view name, std::string_view value);

}  // namespace net
