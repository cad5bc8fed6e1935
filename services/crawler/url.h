#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

// Web addresses, for following links (RFC 3986). Pure.
namespace crawler {

// An http or https URL in its normal form: scheme and host in lower case, no fragment, no port that
// is the scheme's own, no dot segments, visible ASCII only.
struct Url {
  std::string scheme;  // http or https
  std::string host;    // an IPv6 address with its brackets
  std::string port;    // always said
  std::string target;  // path and query, begins with /

  // "https://example.org", with the port when it is not the scheme's own.
  std::string origin() const;
  std::string text() const { return origin() + target; }
};

inline constexpr std::size_t kUrlBytesMax = 2000;

// InvalidArgument: another scheme, user information, a port that is none, a host that is no name
// and no plain address (2130706433, 0x7f.1 and 127.1 are ways to hide one, RFC 3986 section 7.4).
Result<Url> parse_url(std::string_view text);

// What `reference`, found in the page at `base`, leads to (RFC 3986 section 5.2).
Result<Url> resolve(const Url& base, std::string_view reference);

}  // namespace crawler
