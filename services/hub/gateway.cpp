#include "hub/gateway.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "discord/protocol.h"
#include "discord/zlib_stream.h"

namespace hub {
namespace {

// Room for the reader to be told that 4096 bytes were too many, rather than be cut off.
constexpr std::size_t kMessageBytes = 4 * discord::kGatewayPayloadBytes;
constexpr Milliseconds kTickMax{1'000};
constexpr Milliseconds kTickMin{10};
constexpr std::uint16_t kLost = 1006;

class SocketLine final : public Line {
 public:
  SocketLine(std::shared_ptr<net::WebSocket> socket, bool compressed) : socket_(std::move(socket)) {
    if (compressed) deflater_.emplace();
  }

  // A reader that is too slow is closed by its socket, which then tells of the end.
  void send(std::string text) override {
    if (deflater_) {
      socket_->send(net::WebSocket::Kind::Binary, deflater_->push(text));
    } else {
      socket_->send(net::WebSocket::Kind::Text, std::move(text));
    }
  }
  void send(std::string head, const Tail& tail) override {
    if (deflater_) return send(head + *tail);
    socket_->send(net::WebSocket::Kind::Text, std::move(head), tail);
  }
  void close(std::uint16_t code, std::string_view reason) override {
    socket_->close(code, std::string(reason));
  }

 private:
  std::shared_ptr<net::WebSocket> socket_;
  std::optional<discord::Deflater> deflater_;  // one for the connection's whole life
};

std::string asked_for(const http::Request& request, const std::string& name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? std::string() : found->second;
}

}  // namespace

class Gateway::Hub : public std::enable_shared_from_this<Hub> {
 public:
  Hub(net::Loop& loop, const Roster& roster, Options options, telemetry::Metrics& metrics,
      const Clock& clock)
      : loop_(loop),
        queue_bytes_(options.queue_bytes),
        board_(roster, std::move(options.rules), clock),
        sessions_(metrics.gauge("troupe_hub_gateway_sessions",
                                "Sessions, also those whose client may resume")),
        connections_(metrics.gauge("troupe_hub_gateway_connections", "Open connections")),
        dispatches_(metrics.counter("troupe_hub_gateway_dispatches_total",
                                    "Events sent, once for each client")),
        breaches_(metrics.counter("troupe_hub_gateway_breaches_total",
                                  "Connections closed for what they said or did not say")),
        invalid_(metrics.counter("troupe_hub_gateway_invalid_sessions_total",
                                 "Resumes of sessions that cannot be resumed")) {}

  Switchboard& board() { return board_; }

  // Four times in a heartbeat, so that who is silent is closed after 1.5 to 1.75 of them.
  void tick_later() {
    const Milliseconds period = std::clamp(board_.heartbeat() / 4, kTickMin, kTickMax);
    timer_ = loop_.after(period, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self) return;
      self->board_.tick();
      self->measure();
      self->tick_later();
    });
  }

  net::WebSocketAccept accept(const http::Request& request) {
    const Switchboard::Terms terms{asked_for(request, "v"), asked_for(request, "encoding")};
    const bool compressed = asked_for(request, "compress") == "zlib-stream";
    net::WebSocketOptions options;
    options.message_bytes = kMessageBytes;
    options.queue_bytes = queue_bytes_;
    options.idle_timeout = std::max(Milliseconds(60'000), 2 * board_.heartbeat());
    return {.options = options,
            .opened = [weak = weak_from_this(), terms,
                       compressed](std::shared_ptr<net::WebSocket> socket) {
              const auto self = weak.lock();
              if (!self) return net::WebSocketEvents{};
              return self->opened(std::move(socket), terms, compressed);
            }};
  }

 private:
  net::WebSocketEvents opened(std::shared_ptr<net::WebSocket> socket,
                              const Switchboard::Terms& terms, bool compressed) {
    const auto id = board_.open(std::make_unique<SocketLine>(std::move(socket), compressed), terms);
    return {.message =
                [weak = weak_from_this(), id](net::WebSocket::Kind, const std::string& text) {
                  if (const auto self = weak.lock()) self->board_.heard(id, text);
                },
            .ended =
                [weak = weak_from_this(), id](const net::WebSocketEnd& end) {
                  const auto self = weak.lock();
                  if (!self) return;
                  const bool said = end.cause == net::WebSocketEnd::Cause::Peer;
                  self->board_.ended(id, said ? end.code : kLost);
                }};
  }

  void measure() {
    const Switchboard::Counts& now = board_.counts();
    sessions_.set(static_cast<double>(board_.sessions()));
    connections_.set(static_cast<double>(board_.connections()));
    dispatches_.add(static_cast<double>(now.dispatched - told_.dispatched));
    breaches_.add(static_cast<double>(now.closed - told_.closed));
    invalid_.add(static_cast<double>(now.invalid - told_.invalid));
    told_ = now;
  }

  net::Loop& loop_;
  const std::size_t queue_bytes_;
  Switchboard board_;
  telemetry::Gauge sessions_;
  telemetry::Gauge connections_;
  telemetry::Counter dispatches_;
  telemetry::Counter breaches_;
  telemetry::Counter invalid_;
  Switchboard::Counts told_;
  std::unique_ptr<net::Loop::Timer> timer_;
};

Gateway::Gateway(net::Loop& loop, const Roster& roster, Options options,
                 telemetry::Metrics& metrics, const Clock& clock)
    : hub_(std::make_shared<Hub>(loop, roster, std::move(options), metrics, clock)) {
  hub_->tick_later();
}

Gateway::~Gateway() = default;

net::UpgradeHandler Gateway::upgrade() {
  return [weak = std::weak_ptr<Hub>(hub_)](
             const http::Request& request) -> std::variant<net::WebSocketAccept, http::Response> {
    const bool here =
        request.path == "/gateway" || request.path == "/gateway/" || request.path == "/";
    if (!here) {
      return http::Response::error({Code::NotFound, "the Gateway is at /gateway"});
    }
    const auto hub = weak.lock();
    if (!hub) return http::Response::error({Code::Unavailable, "the Gateway is closed"});
    return hub->accept(request);
  };
}

void Gateway::announce(Event event) { hub_->board().announce(std::move(event)); }
std::string_view Gateway::status(Snowflake user) const { return hub_->board().status(user); }
void Gateway::disconnect(Snowflake user, std::uint16_t code) {
  hub_->board().disconnect(user, code);
}
void Gateway::reconnect_all() { hub_->board().reconnect_all(); }
std::size_t Gateway::sessions() const { return hub_->board().sessions(); }
void Gateway::set_url(std::string url) { hub_->board().set_url(std::move(url)); }

}  // namespace hub
