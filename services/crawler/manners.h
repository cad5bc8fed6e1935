#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "crawler/pacer.h"
#include "crawler/robots.h"
#include "crawler/url.h"

namespace crawler {

// How the crawler behaves on the sites of others: it reads their robots.txt, keeps to it, and keeps
// its distance. Thread-safe.
class Manners {
 public:
  struct Options {
    std::string agent;                     // the product token that robots.txt names
    Milliseconds delay{1'000};             // between two requests to a site
    Milliseconds crawl_delay_max{30'000};  // of what a robots.txt may ask for
    Milliseconds keep{86'400'000};         // RFC 9309 section 2.4: at most a day
    Milliseconds keep_unreachable{60'000};
    std::size_t sites_max = 1'000;
  };
  // What a server answers for a robots.txt: the status and, of a 200, the text.
  struct Answer {
    int status = 0;
    std::string text;
  };
  using FetchRobots = std::function<Result<Answer>(const Url&, const std::stop_token&)>;

  Manners(Options options, Pacer& pacer, FetchRobots fetch, const Clock& clock)
      : options_(std::move(options)), pacer_(pacer), fetch_(std::move(fetch)), clock_(clock) {}

  // Returns when `url` may be fetched. PermissionDenied: the site does not want it; Unavailable:
  // its robots.txt cannot be had, which means no for now; Cancelled.
  Result<void> enter(const Url& url, const std::stop_token& stop);

 private:
  struct Known {
    Robots robots;
    bool unreachable = false;
    SteadyTime until{};
  };
  Result<Known> rules(const Url& url, const std::stop_token& stop);
  void keep(const std::string& origin, const Known& known);

  const Options options_;
  Pacer& pacer_;
  const FetchRobots fetch_;
  const Clock& clock_;
  std::mutex mutex_;
  std::unordered_map<std::string, Known> known_;  // guarded by mutex_
};

}  // namespace crawler
