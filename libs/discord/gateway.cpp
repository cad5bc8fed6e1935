#include "discord/gateway.h"

#include <fmt/format.h>

#include <array>
#include <future>
#include <optional>

#include "discord/gateway_session.h"
#include "discord/zlib_stream.h"
#include "net/websocket.h"

namespace discord {
namespace {

constexpr std::size_t kPayloadBytes = 4 * limits::kBodyBytes;  // of a GUILD_CREATE
constexpr Milliseconds kFetchDeadline{15'000};
constexpr Milliseconds kGoodbye{2'000};

}  // namespace

struct Gateway::Impl : std::enable_shared_from_this<Gateway::Impl> {
  Impl(net::Loop& loop_in, Rest& rest_in, Options options_in, Events events_in)
      : loop(loop_in),
        rest(rest_in),
        options(std::move(options_in)),
        events(std::move(events_in)),
        session({.token = options.token,
                 .intents = options.intents,
                 .compress = options.compress,
                 .plain = !rest_in.encrypted(),
                 .backoff = options.backoff,
                 .backoff_max = options.backoff_max},
                SystemClock::instance(), Random(hash64(make_id("gateway")))),
        client(std::make_unique<net::WebSocketClient>(
            loop, net::WebSocketClient::Options{.connections = 8, .ca_file = options.ca_file})) {}

  void run(GatewaySession::Actions actions);
  void act(GatewaySession::Fetch);
  void act(const GatewaySession::Open& open);
  void act(GatewaySession::Send& send);
  void act(GatewaySession::Close close);
  void act(GatewaySession::Set set);
  void act(GatewaySession::Cancel cancel) { timer_of(cancel.timer).reset(); }
  void act(const GatewaySession::Dispatch& dispatch);
  void act(const GatewaySession::Change& change);
  void heard(net::WebSocket::Kind kind, const std::string& message);
  void ended(const net::WebSocketEnd& end);
  void close();
  void part();

  std::unique_ptr<net::Loop::Timer>& timer_of(GatewaySession::Timer timer) {
    return timers[static_cast<std::size_t>(timer)];
  }

  // Loop thread only.
  net::Loop& loop;
  Rest& rest;
  const Options options;
  const Events events;
  GatewaySession session;
  std::array<std::unique_ptr<net::Loop::Timer>, 2> timers;
  std::shared_ptr<net::WebSocket> socket;
  std::optional<Inflater> inflater;
  std::uint64_t connection = 0;  // which one is now: what older ones say is not heard
  bool closing = false;
  std::shared_ptr<std::promise<void>> farewell;  // when the last connection is closed
  std::unique_ptr<net::WebSocketClient> client;
};

Gateway::Gateway(net::Loop& loop, Rest& rest, Options options, Events events)
    : impl_(std::make_shared<Impl>(loop, rest, std::move(options), std::move(events))) {}

Gateway::~Gateway() {
  const auto impl = impl_;
  if (impl->loop.on_loop_thread()) {
    impl->close();
    return;
  }
  const auto ended = std::make_shared<std::promise<void>>();
  impl->loop.post([impl, ended] {
    impl->farewell = ended;
    impl->close();
  });
  // Cut at once, the server would not read the 1000 and would keep the bot online.
  ended->get_future().wait_for(kGoodbye);
  impl->client.reset();
}

void Gateway::start() {
  impl_->loop.post([impl = impl_] {
    if (!impl->closing) impl->run(impl->session.start());
  });
}

// Callbacks may destroy the gateway: each action asks anew whether it still is.
void Gateway::Impl::run(GatewaySession::Actions actions) {
  const auto self = shared_from_this();
  for (auto& action : actions) {
    if (closing) return;
    std::visit([this](auto& one) { act(one); }, action);
  }
}

void Gateway::Impl::act(GatewaySession::Fetch) {
  rest.send({.path = "/gateway/bot", .deadline = kFetchDeadline},
            [weak = weak_from_this()](const Rest::Outcome& outcome) {
              const auto self = weak.lock();
              if (!self || self->closing) return;
              if (!outcome) return self->run(self->session.fetch_failed(outcome.failure));
              const auto info = read_gateway_info(outcome.reply->body);
              self->run(info ? self->session.fetched(info.value())
                             : self->session.fetch_failed({info.error()}));
            });
}

void Gateway::Impl::act(const GatewaySession::Open& open) {
  const std::uint64_t mine = ++connection;
  inflater.reset();
  if (options.compress) inflater.emplace(kPayloadBytes);
  net::WebSocketRequest request;
  request.url = open.url;
  request.connect_timeout = options.connect_timeout;
  request.options.message_bytes = kPayloadBytes;
  request.options.handshake_timeout = options.connect_timeout;
  const auto with = [weak = weak_from_this(), mine](auto&& tell) {
    const auto self = weak.lock();
    if (self && !self->closing && self->connection == mine) tell(*self);
  };
  socket = client->connect(
      std::move(request),
      {.message =
           [with](net::WebSocket::Kind kind, const std::string& message) {
             with([&](Impl& self) { self.heard(kind, message); });
           },
       .ended =
           [weak = weak_from_this(), mine](const net::WebSocketEnd& end) {
             const auto self = weak.lock();
             if (self && self->connection == mine) self->ended(end);
           }},
      [with](const std::string&) { with([](Impl& self) { self.run(self.session.opened()); }); });
}

void Gateway::Impl::ended(const net::WebSocketEnd& end) {
  if (closing) return part();
  ++connection;
  socket.reset();
  const std::string status = end.status == 0 ? "" : fmt::format("HTTP {} ", end.status);
  run(session.closed(end.code, status + (end.reason.empty() ? "no reason given" : end.reason)));
}

void Gateway::Impl::heard(net::WebSocket::Kind kind, const std::string& message) {
  if (kind == net::WebSocket::Kind::Text) return run(session.text(message));
  if (!inflater) return run(session.unreadable("Discord sent bytes where text was asked for"));
  const auto inflated = inflater->feed(message);
  if (!inflated) return run(session.unreadable(inflated.error().message));
  if (inflated.value()) run(session.text(*inflated.value()));
}

void Gateway::Impl::act(GatewaySession::Send& send) {
  if (socket) socket->send(net::WebSocket::Kind::Text, std::move(send.text));
}

void Gateway::Impl::act(GatewaySession::Close close) {
  ++connection;
  if (socket) socket->close(close.code, "");
  socket.reset();
}

void Gateway::Impl::act(GatewaySession::Set set) {
  timer_of(set.timer) = loop.after(set.delay, [weak = weak_from_this(), which = set.timer] {
    const auto self = weak.lock();
    if (self && !self->closing) self->run(self->session.fired(which));
  });
}

void Gateway::Impl::act(const GatewaySession::Dispatch& dispatch) {
  if (events.dispatch) events.dispatch(dispatch.name, dispatch.data());
}

void Gateway::Impl::act(const GatewaySession::Change& change) {
  if (events.changed) events.changed(change.state, change.why);
}

void Gateway::Impl::close() {
  if (closing) return;
  closing = true;
  for (auto& timer : timers) timer.reset();
  if (socket) {
    socket->close(1000, "");
  } else {
    part();
  }
}

// Nothing is left to wait for.
void Gateway::Impl::part() {
  if (farewell) std::exchange(farewell, nullptr)->set_value();
}

}  // namespace discord
