#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "discord/rest.h"
#include "discord/types.h"
#include "json/codec.h"

// What a bot's classes need of the world, so that tests can be the world. All of it is used on the
// thread of the bot's loop, and calls back there.
namespace bot {

// The id of a message, or why there is none.
struct Posted {
  std::string message_id;
  std::optional<discord::Failure> failure;
};

inline constexpr std::size_t kRecentMax = 50;

// The channels of Discord. Implementations bound what waits.
class Channels {
 public:
  virtual ~Channels() = default;
  virtual void post(const std::string& channel, discord::NewMessage message,
                    std::function<void(Posted)> done) = 0;
  // An empty text removes the message.
  virtual void edit(const std::string& channel, const std::string& message, const std::string& text,
                    std::function<void(Posted)> done) = 0;
  // The bot's own message with this text, posted after message `after`; empty when it is not there.
  virtual void find_own(const std::string& channel, const std::string& after,
                        const std::string& text,
                        std::function<void(Result<std::string> message_id)> done) = 0;
  // The channel's latest messages, at most kRecentMax, the newest first.
  virtual void recent(const std::string& channel,
                      std::function<void(Result<std::vector<discord::Message>>)> done) = 0;
  virtual void typing(const std::string& channel) = 0;
};

// Application commands.
class Interactions {
 public:
  virtual ~Interactions() = default;
  // Says within the three seconds that there are that an answer will come, for the asker's eyes.
  // `done` hears whether there can be one: before, Discord knows of nothing to answer.
  virtual void defer(const discord::Interaction& interaction, std::function<void(bool)> done) = 0;
  virtual void answer(const discord::Interaction& interaction, const std::string& text) = 0;
  // Replaces the commands of a guild; failures are logged.
  virtual void install(const std::string& application, const std::string& guild,
                       std::string commands) = 0;
};

// The other services, by RPC.
class Peers {
 public:
  virtual ~Peers() = default;
  virtual void call(const std::string& service, const std::string& method, std::string body,
                    Milliseconds within, std::function<void(Result<std::string>)> done) = 0;

  template <HasFields Reply, HasFields Request>
  void ask(const std::string& service, const std::string& method, const Request& request,
           Milliseconds within, std::function<void(Result<Reply>)> done) {
    call(service, method, json::encode(request), within,
         [done = std::move(done), service](Result<std::string> body) {
           if (!body) return done(std::move(body).error());
           auto reply = json::decode<Reply>(std::string_view(body.value()));
           if (reply) return done(std::move(reply));
           done(Error{Code::Internal, "bad reply of " + service + ": " + reply.error().message});
         });
  }
};

class Timers {
 public:
  virtual ~Timers() = default;
  virtual void after(Milliseconds delay, std::function<void()> task) = 0;
};

// Brings what other threads have for the bot to its loop; nothing is delivered once it has ended.
using Home = std::function<void(std::function<void()> task)>;

// Whether asking again may help. Also what has taken too long: whatever a bot asks for may be asked
// twice.
inline bool may_pass(Code code) { return retryable(code) || code == Code::DeadlineExceeded; }

// How long to wait before the next try: 0.5 s, growing by half to 5 s, without jitter as it is one
// bot that waits.
inline Milliseconds pause_after(int tries) {
  double pause_ms = 500;
  for (int i = 1; i < tries && pause_ms < 5'000; ++i) pause_ms *= 1.5;
  return Milliseconds(static_cast<std::int64_t>(std::min(pause_ms, 5'000.0)));
}

}  // namespace bot
