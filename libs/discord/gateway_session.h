#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "discord/gateway.h"
#include "discord/protocol.h"
#include "json/json.h"

namespace discord {

// The answer to GET /gateway/bot.
struct GatewayInfo {
  std::string url;
  std::int64_t remaining = 1;  // session starts
  Milliseconds reset_after{0};
};

// Unavailable when it is not one.
Result<GatewayInfo> read_gateway_info(std::string_view body);

// What a Gateway connection does, without sockets, timers or threads
// (discord.com/developers/docs/events/gateway): each event is told and answered with what is to be
// done, in order. One connection and one timer of each kind exist at a time; after Open or Close
// nothing of an earlier connection may be told any more. Not thread-safe.
class GatewaySession {
 public:
  struct Options {
    std::string token = {};
    std::uint32_t intents = 0;
    bool compress = true;
    bool plain = false;  // ws:// will do: the REST API is not encrypted either
    Milliseconds backoff{1'000};
    Milliseconds backoff_max{60'000};
    std::size_t seen_max = 4096;  // messages that are remembered so as to come once
  };

  enum class Timer { Heartbeat, Next };
  struct Fetch {};  // GET /gateway/bot
  struct Open {
    std::string url;
  };
  struct Send {
    std::string text;
  };
  struct Close {
    std::uint16_t code;
  };
  struct Set {
    Timer timer;
    Milliseconds delay;
  };
  struct Cancel {
    Timer timer;
  };
  struct Dispatch {
    std::string name;
    json::Document payload;
    json::Value data() const { return *payload.root().find("d"); }
  };
  struct Change {
    Gateway::State state;
    std::string why;
  };
  using Action = std::variant<Fetch, Open, Send, Close, Set, Cancel, Dispatch, Change>;
  using Actions = std::vector<Action>;

  GatewaySession(Options options, const Clock& clock, Random random)
      : options_(std::move(options)), clock_(clock), random_(random) {}

  Actions start();
  Actions fetched(const GatewayInfo& info);
  Actions fetch_failed(const Failure& failure);
  Actions opened();
  Actions text(std::string_view payload);
  // The connection has ended, or there was none.
  Actions closed(std::uint16_t code, const std::string& why);
  // What came cannot be read, for instance a broken zlib stream.
  Actions unreadable(const std::string& why);
  Actions fired(Timer timer);

 private:
  enum class Phase { Idle, Fetching, Waiting, Opening, Hello, Slot, Handshake, Ready, Stopped };
  enum class Session { Kept, Lost };

  Actions take();
  void fetch();
  void open();
  void hello(const json::Value& data);
  void invalid(bool resumable);
  void dispatch(json::Document payload);
  void ready(const json::Value& data);
  void established(const std::string& why);
  bool is_new(std::string_view name, const json::Value& data);
  void beat();
  void introduce();
  void identify();
  void resume();
  bool send(std::string text, std::size_t reserve);
  void drop(const std::string& why, Session session, Milliseconds pause = Milliseconds(0));
  void reconnect(const std::string& why, Milliseconds pause);
  void stop(std::string why);
  // In place: GCC 12 sees uninitialised strings in a variant that is moved.
  template <class Kind>
  void act(Kind action) {
    actions_.emplace_back(std::in_place_type<Kind>, std::move(action));
  }
  void set(Timer timer, Milliseconds delay) { act(Set{timer, delay}); }
  void forget();
  bool resumable() const { return !session_id_.empty() && sequence_.has_value(); }
  bool connected() const { return phase_ >= Phase::Hello && phase_ <= Phase::Ready; }
  bool acceptable(std::string_view url) const;
  std::string disallowed_intents() const;

  const Options options_;
  const Clock& clock_;
  Random random_;
  Actions actions_;
  Phase phase_ = Phase::Idle;

  // Of all connections.
  std::string gateway_url_;
  std::int64_t starts_left_ = 1;
  SteadyTime starts_reset_{};
  SteadyTime identify_at_{};  // one a few seconds
  int failures_ = 0;          // connections in a row that were not healthy
  int failed_resumes_ = 0;
  std::unordered_set<std::string> seen_;
  std::deque<std::string> seen_order_;

  // Of the session.
  std::string session_id_;
  std::string resume_url_;
  std::optional<std::int64_t> sequence_;

  // Of the connection.
  Milliseconds interval_{0};
  bool acknowledged_ = true;
  std::deque<SteadyTime> sends_;
};

}  // namespace discord
