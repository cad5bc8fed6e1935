#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "http/http.h"
#include "retry/limiter.h"

namespace discord {

// What Discord counts a request against (discord.com/developers/docs, "Rate Limits").
struct Route {
  std::string name;   // "POST /channels/{}/messages"
  std::string major;  // "channels/1": the top-level resource, which has buckets of its own
};

// Of a path after the base, with or without its query.
Route route_of(http::Method method, std::string_view path);

// When a request may go: buckets learnt from answers, one request at a time in each, the global
// limit, and the guard against being banned for invalid requests. Pure: the time is passed in. Not
// thread-safe.
class Buckets {
 public:
  struct Options {
    double per_second = 50;
    int invalid_max = 5'000;  // 401, 403 and 429 in ten minutes
  };
  enum class Global { Bound, Free };  // interactions and webhooks do not count for the global limit

  explicit Buckets(Options options)
      : options_(options), global_({options.per_second, options.per_second}) {}

  struct Admission {
    bool go = false;
    // Of a refusal: not before then. Nothing: when the request before it is over.
    std::optional<SteadyTime> at{};
    std::string held{};  // of a go: the bucket, held until learn() or done() are given it
  };
  Admission admit(const Route& route, Global global, SteadyTime now);

  struct Answer {
    int status = 0;
    const http::Headers& headers;
    // Of the body of a 429, which is more exact than the header.
    std::optional<double> retry_after_s{};
    bool global = false;
  };
  void learn(const Route& route, const std::string& held, const Answer& answer, SteadyTime now);
  // There was no answer.
  void done(const std::string& held);

  // Equal for requests that wait for one another.
  std::string key(const Route& route) const;
  std::size_t size() const { return buckets_.size(); }

 private:
  struct Bucket {
    bool busy = false;
    std::int64_t remaining = 1;
    SteadyTime reset{};  // when `remaining` is of no account any more
  };
  bool busy(const std::string& key) const;
  void limit(Bucket& bucket, const Answer& answer, SteadyTime now);
  void count_invalid(SteadyTime now);
  void make_room(SteadyTime now);

  const Options options_;
  retry::Limiter global_;
  SteadyTime global_until_{};
  std::map<std::string, std::string, std::less<>> hashes_;  // route name -> X-RateLimit-Bucket
  std::map<std::string, Bucket, std::less<>> buckets_;
  std::deque<SteadyTime> invalid_;
};

}  // namespace discord
