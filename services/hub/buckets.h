#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "http/http.h"

namespace hub {

// Discord's rate limits ("Rate Limits" of its reference): a window of so many requests for each
// route, major parameter and user, and one of all a bot's requests in a second. Not thread-safe.
class Buckets {
 public:
  struct Options {
    int messages = 5;  // posted in one channel
    Milliseconds messages_window{5'000};
    int others = 50;  // of any other route
    Milliseconds others_window{5'000};
    int global_per_second = 50;
    int people_factor = 10;  // people get that many times as much
    std::size_t keys_max = 20'000;
  };
  Buckets(Options options, const Clock& clock) : options_(options), clock_(clock) {}

  struct Asked {
    std::string_view route;  // "POST /channels/{channel}/messages"
    std::string_view major;
    std::string_view user;  // or the address of who has none
    bool posts = false;     // counts as a message
    bool person = false;
    bool global = true;  // interactions are not bound to it
  };
  // What to put on the answer; `refusal` is the 429 to give instead, already with the headers.
  struct Granted {
    http::Headers headers;
    std::optional<http::Response> refusal;
  };
  Granted take(const Asked& asked);

 private:
  struct Window {
    int used = 0;
    SteadyTime ends{};
  };
  Window& window(std::string key, Milliseconds length, SteadyTime now);

  Options options_;
  const Clock& clock_;
  std::unordered_map<std::string, Window> windows_;
};

}  // namespace hub
