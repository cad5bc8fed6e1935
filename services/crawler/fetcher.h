#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "crawler/address.h"
#include "crawler/url.h"
#include "net/net.h"

namespace crawler {

// What a server said in the end.
struct Fetched {
  int status = 0;
  Url url;  // where the answer came from
  std::string content_type;
  std::string etag;
  std::string last_modified;
  Milliseconds retry_after{0};
  std::string body;  // of a 200
};

struct Wanted {
  Url url;
  std::string etag;  // of what is known already; with them a 304 is possible
  std::string last_modified;
  std::size_t bytes_max = 0;
};

// What the URL alone shows of a place that may not be connected to: PermissionDenied.
Result<void> check_place(const AllowedPlaces& allowed, const Url& url);

// The one way in which the crawler reaches the web, safe against requests to where only this
// machine can get (SSRF): http and https, ports 80 and 443, no credentials; each name is resolved
// once and connected to at one of the public addresses it then had (address.h); a redirect is a
// new request that passes the same checks. Everything has a bound: hops, header (net), body, time.
// No compression is asked for, and none is undone, so no body grows. Thread-safe.
class Fetcher {
 public:
  struct Options {
    std::string user_agent;
    AllowedPlaces allowed;
    Milliseconds timeout{30'000};  // of all hops together, without the waits at the gate
    int redirects_max = 5;
    std::string ca_file{};  // trusted instead of the system's authorities
  };
  // `loop` and `clock` must outlive it.
  Fetcher(net::Loop& loop, Options options, const Clock& clock = SystemClock::instance());

  // Asked before each hop, so that a redirect is held to a site's wishes too. It may wait for the
  // site's turn, which says nothing against the page: that time is not taken from the fetch's own.
  using Gate = std::function<Result<void>(const Url& url)>;

  // Any answer is a Fetched, also a 404. PermissionDenied: the URL leads where it may not;
  // TooLarge; InvalidArgument: what came is no usable answer; else Unavailable, DeadlineExceeded,
  // or Cancelled by `stop`.
  Result<Fetched> fetch(const Wanted& wanted, const Gate& gate, const std::stop_token& stop);

 private:
  Result<http::Response> hop(const Url& url, const Wanted& wanted, SteadyTime end,
                             const std::stop_token& stop);

  const Options options_;
  const Clock& clock_;
  net::Client client_;
};

}  // namespace crawler
