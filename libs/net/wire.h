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
  bool tls = false;
  std::string host;       // without brackets
  std::string port;       // "80" when the URL names none
  std::string authority;  // for the Host line: brackets kept, default port left out
  std::string target;     // path and query, at least "/"
};

// InvalidArgument unless it is an absolute http or https URL in ASCII without user information.
Result<Url> parse_url(std::string_view url);

// The whole request in front of its body. InvalidArgument for a header line that cannot be sent.
Result<std::string> request_head(http::Method method, const Url& url, const http::Headers& headers,
                                 std::size_t body_bytes);

bool same_word(std::string_view a, std::string_view b);

}  // namespace net
