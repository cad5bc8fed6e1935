#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "discord/protocol.h"
#include "discord/rest.h"
#include "json/json.h"
#include "net/net.h"

namespace discord {

// A bot's standing connection to the Gateway: asks for its address, identifies within the limits of
// session starts, beats, resumes what breaks, and delivers each event once and in order. What to do
// is decided by gateway_session.h, a state machine without sockets; this class carries it out.
// Lives on the loop's thread: construct and destroy it anywhere, callbacks come there.
class Gateway {
 public:
  struct Options {
    std::string token;
    std::uint32_t intents = 0;
    bool compress = true;  // zlib-stream
    Milliseconds connect_timeout{10'000};
    // Between connections that failed: the first wait and the longest.
    Milliseconds backoff{1'000};
    Milliseconds backoff_max{60'000};
    std::string ca_file = {};
  };
  enum class State { Connecting, Ready, Reconnecting, Stopped };
  struct Events {
    // Every dispatch ("READY", "MESSAGE_CREATE", "RESUMED", ...) with its `d`; messages that a
    // resume replays come once.
    std::function<void(std::string_view name, json::Value data)> dispatch;
    // `why` is for an operator, in plain language. After Stopped nothing comes any more: only a
    // person can mend it (a wrong token, an intent that is switched off).
    std::function<void(State state, const std::string& why)> changed;
  };

  // `rest` gives GET /gateway/bot; all must outlive this.
  Gateway(net::Loop& loop, Rest& rest, Options options, Events events);
  // Closes with 1000, so that the bot goes offline; on the loop's thread it just hangs up.
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  void start();

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

constexpr std::string_view name(Gateway::State state) {
  switch (state) {
    case Gateway::State::Connecting:
      return "connecting";
    case Gateway::State::Ready:
      return "ready";
    case Gateway::State::Reconnecting:
      return "reconnecting";
    case Gateway::State::Stopped:
      return "stopped";
  }
  return "unknown";
}

}  // namespace discord
