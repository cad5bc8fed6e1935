#include "discord/gateway_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "retry/policy.h"

namespace discord {
namespace {

// Any code but 1000 and 1001 keeps the session for a Resume; discord.js uses this one.
constexpr std::uint16_t kCloseAndResume = 4200;
constexpr Milliseconds kHelloTimeout{20'000};
constexpr Milliseconds kHandshakeTimeout{60'000};
constexpr Milliseconds kIdentifyEvery{5'000};
constexpr Milliseconds kRateLimitedPause{5'000};
constexpr Milliseconds kSendWindow{60'000};
constexpr std::size_t kBeatReserve = 10;  // of the sends of a minute, kept for heartbeats in time
constexpr int kResumesMax = 3;            // then a new session
constexpr int kFailuresMax = 3;           // then the address is asked for anew

std::string payload_of(Opcode opcode, std::string data) {
  return fmt::format(R"({{"op":{},"d":{}}})", static_cast<int>(opcode), data);
}

std::string with_query(std::string url, bool compress) {
  const std::size_t authority = url.find("://") + 3;
  const bool query = url.find('?') != std::string::npos;
  if (!query && url.find('/', authority) == std::string::npos) url += '/';
  return fmt::format("{}{}v={}&encoding=json{}", url, query ? '&' : '?', kVersion,
                     compress ? "&compress=zlib-stream" : "");
}

// Why a close ends it all, for the one who can mend it; empty: it does not.
std::string fatal(std::uint16_t code, const std::string& intents) {
  switch (code) {
    case close_code::kAuthenticationFailed:
      return "Discord does not accept the bot's token (4004): copy the token anew from the "
             "developer portal (Bot, Reset Token) and start again";
    case close_code::kInvalidShard:
      return "Discord refuses the shard (4010): this program always sends shard 0 of 1; is another "
             "gateway between it and Discord?";
    case close_code::kShardingRequired:
      return "the bot is in too many servers for one connection (4011): remove it from some, 2,500 "
             "is the limit";
    case close_code::kInvalidVersion:
      return "Discord no longer speaks version 10 of its Gateway (4012): this program needs an "
             "update";
    case close_code::kInvalidIntents:
      return "Discord does not know the intents asked for (4013): correct the setting of intents";
    case close_code::kDisallowedIntents:
      return "Discord does not allow the bot its intents (4014): open "
             "https://discord.com/developers/applications, choose the application, then Bot, and "
             "under Privileged Gateway Intents switch on " +
             intents + "; then start again";
    default:
      return {};
  }
}

bool new_session(std::uint16_t code) {
  switch (code) {
    case 1000:
    case close_code::kNotAuthenticated:
    case close_code::kAlreadyAuthenticated:
    case close_code::kInvalidSequence:
    case close_code::kRateLimited:
    case close_code::kSessionTimedOut:
      return true;
    default:
      return false;
  }
}

}  // namespace

Result<GatewayInfo> read_gateway_info(std::string_view body) {
  const json::Document document = TRY(json::Document::parse(body));
  GatewayInfo info;
  info.url = document.root().text_or("url", "");
  if (info.url.empty()) return Error{Code::Unavailable, "the answer names no url"};
  if (const auto limit = document.root().find("session_start_limit")) {
    info.remaining =
        static_cast<std::int64_t>(std::clamp(limit->number_or("remaining", 1), 0.0, 1e6));
    info.reset_after = Milliseconds(static_cast<std::int64_t>(
        std::clamp(limit->number_or("reset_after", 0), 0.0, 24 * 3600 * 1e3)));
  }
  return info;
}

GatewaySession::Actions GatewaySession::take() { return std::exchange(actions_, {}); }

GatewaySession::Actions GatewaySession::start() {
  if (phase_ != Phase::Idle) return {};
  act(Change{Gateway::State::Connecting, "asks Discord where to connect"});
  fetch();
  return take();
}

void GatewaySession::fetch() {
  phase_ = Phase::Fetching;
  act(Fetch{});
}

GatewaySession::Actions GatewaySession::fetched(const GatewayInfo& info) {
  if (phase_ != Phase::Fetching) return {};
  if (!acceptable(info.url)) {
    reconnect("Discord names an address that is not encrypted: " + info.url, Milliseconds(0));
    return take();
  }
  gateway_url_ = info.url;
  starts_left_ = info.remaining;
  starts_reset_ = clock_.now() + info.reset_after;
  open();
  return take();
}

GatewaySession::Actions GatewaySession::fetch_failed(const Failure& failure) {
  if (phase_ != Phase::Fetching) return {};
  if (failure.status == 401) {
    stop(fatal(close_code::kAuthenticationFailed, {}));
  } else {
    reconnect("Discord does not say where to connect: " + failure.error.message, Milliseconds(0));
  }
  return take();
}

bool GatewaySession::acceptable(std::string_view url) const {
  return url.starts_with("wss://") || (options_.plain && url.starts_with("ws://"));
}

void GatewaySession::open() {
  const Milliseconds wait = retry::remaining(clock_.now(), starts_reset_);
  if (!resumable() && starts_left_ <= 0 && wait.count() > 0) {
    // Over the limit Discord resets the token.
    phase_ = Phase::Waiting;
    gateway_url_.clear();
    act(Change{Gateway::State::Reconnecting,
               fmt::format("the bot has used up its session starts; Discord allows more in {} s",
                           (wait.count() + 999) / 1000)});
    return set(Timer::Next, wait);
  }
  phase_ = Phase::Opening;
  const bool own = resumable() && acceptable(resume_url_) && failures_ <= 2 * kFailuresMax;
  act(Open{with_query(own ? resume_url_ : gateway_url_, options_.compress)});
}

GatewaySession::Actions GatewaySession::opened() {
  if (phase_ != Phase::Opening) return {};
  phase_ = Phase::Hello;
  acknowledged_ = true;
  sends_.clear();
  set(Timer::Next, kHelloTimeout);
  return take();
}

GatewaySession::Actions GatewaySession::text(std::string_view payload) {
  if (!connected()) return {};
  auto document = json::Document::parse(payload);
  const auto opcode = document ? document.value().root().find("op") : std::nullopt;
  if (!opcode || !opcode->is(json::Kind::Integer)) {
    return unreadable("Discord sent what is no payload of the Gateway");
  }
  const auto data = document.value().root().find("d");
  switch (static_cast<Opcode>(opcode->integer())) {
    case Opcode::Dispatch:
      if (data) dispatch(std::move(document).value());
      break;
    case Opcode::Heartbeat:
      beat();
      break;
    case Opcode::Reconnect:
      drop("Discord asks for a new connection", Session::Kept);
      break;
    case Opcode::InvalidSession:
      invalid(data && data->boolean());
      break;
    case Opcode::Hello:
      if (data) hello(*data);
      break;
    case Opcode::HeartbeatAck:
      acknowledged_ = true;
      // Not before: who greets and hangs up would be called again at once, for ever.
      if (phase_ == Phase::Ready) failures_ = 0;
      break;
    case Opcode::Identify:
    case Opcode::PresenceUpdate:
    case Opcode::VoiceStateUpdate:
    case Opcode::Resume:
    case Opcode::RequestGuildMembers:
      break;  // these and what is unknown are not a server's to say
  }
  return take();
}

GatewaySession::Actions GatewaySession::unreadable(const std::string& why) {
  if (!connected()) return {};
  drop(why, Session::Kept);
  return take();
}

void GatewaySession::hello(const json::Value& data) {
  if (phase_ != Phase::Hello) return;
  interval_ = Milliseconds(static_cast<std::int64_t>(
      std::clamp(data.number_or("heartbeat_interval", 41'250), 10.0, 600'000.0)));
  set(Timer::Heartbeat, Milliseconds(static_cast<std::int64_t>(
                            static_cast<double>(interval_.count()) * random_.uniform())));
  introduce();
}

void GatewaySession::introduce() {
  if (resumable()) return resume();
  const Milliseconds wait = retry::remaining(clock_.now(), identify_at_);
  if (wait.count() == 0) return identify();
  phase_ = Phase::Slot;
  set(Timer::Next, wait);
}

void GatewaySession::identify() {
  json::Writer writer;
  writer.begin_object();
  writer.key("token");
  writer.string(options_.token);
  writer.key("intents");
  writer.integer(options_.intents);
  writer.key("properties");
  writer.begin_object();
  writer.key("os");
  writer.string("linux");
  writer.key("browser");
  writer.string("troupe");
  writer.key("device");
  writer.string("troupe");
  writer.end_object();
  writer.key("shard");
  writer.raw("[0,1]");
  writer.key("compress");
  writer.boolean(false);
  writer.end_object();
  std::string payload = payload_of(Opcode::Identify, writer.take());
  if (payload.size() > kGatewayPayloadBytes) return stop("the bot's token is too long to be one");
  phase_ = Phase::Handshake;
  forget();
  identify_at_ = clock_.now() + kIdentifyEvery;
  --starts_left_;
  send(std::move(payload), 0);
  set(Timer::Next, kHandshakeTimeout);
}

void GatewaySession::resume() {
  phase_ = Phase::Handshake;
  ++failed_resumes_;  // until RESUMED says otherwise
  send(payload_of(Opcode::Resume,
                  fmt::format(R"({{"token":{},"session_id":{},"seq":{}}})",
                              json::quoted(options_.token), json::quoted(session_id_), *sequence_)),
       0);
  set(Timer::Next, kHandshakeTimeout);
}

void GatewaySession::invalid(bool resumable_still) {
  if (resumable_still && resumable() && failed_resumes_ < kResumesMax) return resume();
  const double seconds = 1 + 4 * random_.uniform();
  drop("Discord has forgotten the session", Session::Lost,
       Milliseconds(static_cast<std::int64_t>(seconds * 1000)));
}

void GatewaySession::dispatch(json::Document payload) {
  const json::Value root = payload.root();
  const std::string name(root.text_or("t", ""));
  const auto number = root.find("s");
  if (number && number->is(json::Kind::Integer)) {
    const bool replayed = sequence_ && number->integer() <= *sequence_;
    if (replayed && name != "RESUMED") return;
    if (!replayed) sequence_ = number->integer();
  }
  const json::Value data = *root.find("d");
  if (!is_new(name, data)) return;
  if (name == "READY") {
    ready(data);
    if (phase_ != Phase::Ready) return;
  }
  if (name == "RESUMED") established("the session goes on");
  if (!name.empty()) act(Dispatch{name, std::move(payload)});
}

// Messages also by their id: a new session may tell again what an old one has told.
bool GatewaySession::is_new(std::string_view name, const json::Value& data) {
  if (name != "MESSAGE_CREATE") return true;
  std::string id(data.text_or("id", ""));
  if (id.empty() || id.size() > limits::kIdBytes) return true;
  if (!seen_.insert(id).second) return false;
  seen_order_.push_back(std::move(id));
  if (seen_order_.size() > options_.seen_max) {
    seen_.erase(seen_order_.front());
    seen_order_.pop_front();
  }
  return true;
}

void GatewaySession::ready(const json::Value& data) {
  session_id_ = data.text_or("session_id", "");
  resume_url_ = data.text_or("resume_gateway_url", "");
  established("connected to Discord");
}

void GatewaySession::established(const std::string& why) {
  phase_ = Phase::Ready;
  failed_resumes_ = 0;
  act(Cancel{Timer::Next});
  act(Change{Gateway::State::Ready, why});
}

void GatewaySession::beat() {
  send(payload_of(Opcode::Heartbeat, sequence_ ? std::to_string(*sequence_) : "null"),
       kBeatReserve);
}

// False: it would be one too many for this minute.
bool GatewaySession::send(std::string text, std::size_t reserve) {
  const SteadyTime now = clock_.now();
  while (!sends_.empty() && sends_.front() + kSendWindow <= now) sends_.pop_front();
  if (sends_.size() + reserve >= static_cast<std::size_t>(kGatewaySendsPerMinute)) return false;
  sends_.push_back(now);
  act(Send{std::move(text)});
  return true;
}

GatewaySession::Actions GatewaySession::fired(Timer timer) {
  if (timer == Timer::Heartbeat) {
    if (!connected()) return {};
    if (!acknowledged_) {
      drop("Discord has not answered a heartbeat", Session::Kept);
      return take();
    }
    acknowledged_ =
        !send(payload_of(Opcode::Heartbeat, sequence_ ? std::to_string(*sequence_) : "null"), 0);
    set(Timer::Heartbeat, interval_);
    return take();
  }
  switch (phase_) {
    case Phase::Waiting:
      // How many session starts there are in a new day only Discord can tell.
      gateway_url_.empty() || failures_ >= kFailuresMax || (!resumable() && starts_left_ <= 0)
          ? fetch()
          : open();
      break;
    case Phase::Slot:
      identify();
      break;
    case Phase::Hello:
      drop("Discord does not say hello", Session::Kept);
      break;
    case Phase::Handshake:
      drop("Discord does not answer the log-in", Session::Kept);
      break;
    case Phase::Idle:
    case Phase::Fetching:
    case Phase::Opening:
    case Phase::Ready:
    case Phase::Stopped:
      break;
  }
  return take();
}

GatewaySession::Actions GatewaySession::closed(std::uint16_t code, const std::string& why) {
  if (!connected() && phase_ != Phase::Opening) return {};
  const std::string last_word = fatal(code, disallowed_intents());
  if (!last_word.empty()) {
    phase_ = Phase::Opening;  // there is nothing left to close
    stop(last_word);
    return take();
  }
  if (new_session(code)) forget();
  const bool own_bug = code == close_code::kUnknownOpcode || code == close_code::kDecodeError;
  reconnect(fmt::format("the connection ended: {} ({}){}", why, code,
                        own_bug ? "; Discord did not understand us, which is a defect here" : ""),
            code == close_code::kRateLimited ? kRateLimitedPause : Milliseconds(0));
  return take();
}

void GatewaySession::drop(const std::string& why, Session session, Milliseconds pause) {
  act(Close{kCloseAndResume});
  if (session == Session::Lost) forget();
  reconnect(why, pause);
}

// At once after a healthy connection, give or take; later and later after others.
void GatewaySession::reconnect(const std::string& why, Milliseconds pause) {
  ++failures_;
  if (failed_resumes_ >= kResumesMax) {
    forget();
    gateway_url_.clear();
  }
  Milliseconds wait{static_cast<std::int64_t>(static_cast<double>(options_.backoff.count()) *
                                              random_.uniform() / 4)};
  if (failures_ > 1) {
    const retry::Policy policy{0, options_.backoff, 2.0, options_.backoff_max, true};
    wait = retry::delay(policy, failures_ - 1, random_);
  }
  phase_ = Phase::Waiting;
  act(Change{Gateway::State::Reconnecting, why});
  act(Cancel{Timer::Heartbeat});
  set(Timer::Next, std::max(wait, pause));
}

void GatewaySession::stop(std::string why) {
  if (connected()) act(Close{kCloseAndResume});
  phase_ = Phase::Stopped;
  act(Cancel{Timer::Heartbeat});
  act(Cancel{Timer::Next});
  act(Change{Gateway::State::Stopped, std::move(why)});
}

void GatewaySession::forget() {
  session_id_.clear();
  resume_url_.clear();
  sequence_.reset();
  failed_resumes_ = 0;
}

std::string GatewaySession::disallowed_intents() const {
  std::string toggles;
  const auto add = [&](std::uint32_t bit, std::string_view toggle) {
    if ((options_.intents & bit) == 0) return;
    toggles += toggles.empty() ? "" : ", ";
    toggles += toggle;
  };
  add(intent::kMessageContent, "\"Message Content Intent\"");
  add(intent::kGuildMembers, "\"Server Members Intent\"");
  add(intent::kGuildPresences, "\"Presence Intent\"");
  return toggles.empty() ? "what the bot asks for" : toggles;
}

}  // namespace discord
