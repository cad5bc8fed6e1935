#include "net/session.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <boost/beast/zlib/error.hpp>
#include <utility>

#include "base/utf8.h"
#include "net/dial.h"
#include "net/mailbox.h"
#include "net/upgrade.h"

namespace net {

namespace beast = boost::beast;
namespace websocket = beast::websocket;

// How Beast ends a stream of ours. What goes wrong here changes nothing any more.
void beast_close_socket(Stream& stream) { stream.close(); }

template <class Handler>
void async_teardown(beast::role_type role, Stream& stream, Handler&& handler) {
  auto finish = [handler = std::forward<Handler>(handler)](const error_code&) mutable {
    handler(error_code{});
  };
  if (stream.tls() == nullptr) {
    return websocket::async_teardown(role, stream.socket(), std::move(finish));
  }
  stream.async_shut_down(
      [role, &stream, finish = std::move(finish)](const error_code&, std::size_t) mutable {
        websocket::async_teardown(role, stream.socket(), std::move(finish));
      });
}

namespace {

// What a message may leave behind for the next one.
constexpr std::size_t kKeptBytesMax = 64 * 1024;
const std::string kNothing;
constexpr std::uint16_t kGoingAway = 1001;
constexpr std::uint16_t kBadPayload = 1007;
constexpr std::uint16_t kInternalError = 1011;
constexpr std::uint16_t kNoCode = 1005;

using Cause = WebSocketEnd::Cause;

// Lines of the handshake that are not the caller's to say.
bool reserved_line(std::string_view name) {
  return framing_line(name) || same_word(name, "Upgrade") || same_word(name, "Sec-WebSocket-Key") ||
         same_word(name, "Sec-WebSocket-Version") || same_word(name, "Sec-WebSocket-Extensions");
}

class BeastSession final : public Session,
                           public Mailbox::Carrier,
                           public std::enable_shared_from_this<BeastSession> {
 public:
  BeastSession(Loop::Impl& loop, Stream stream, const WebSocketOptions& options)
      : loop_(loop),
        options_(options),
        ws_(std::move(stream)),
        mailbox_(std::make_shared<Mailbox>(*this, options.queue_bytes)),
        event_(loop.context.get_executor()),
        written_(loop.context.get_executor()),
        watchdog_(loop.context.get_executor(), [this] { expired(); }) {
    ws_.set_option(websocket::stream_base::timeout{.handshake_timeout = options.handshake_timeout,
                                                   .idle_timeout = options.idle_timeout,
                                                   .keep_alive_pings = true});
    ws_.read_message_max(options.message_bytes);
    ws_.auto_fragment(false);
    websocket::permessage_deflate deflate;
    deflate.client_enable = deflate.server_enable = options.deflate;
    deflate.compLevel = 6;
    ws_.set_option(deflate);
  }

  ~BeastSession() override { mailbox_->detach(); }

  std::shared_ptr<WebSocket> handle() const override { return mailbox_; }

  Awaitable<bool> accept(const http::Request& request, const std::string& protocol) override {
    beast::http::request<beast::http::empty_body> handshake(beast::http::verb::get, "/", 11);
    for (const auto& [name, value] : request.headers.lines()) handshake.insert(name, value);
    ws_.set_option(websocket::stream_base::decorator([&](websocket::response_type& response) {
      if (!protocol.empty()) response.set("Sec-WebSocket-Protocol", protocol);
    }));
    error_code failed;
    co_await ws_.async_accept(handshake, asio::redirect_error(kAwait, failed));
    co_return !failed;
  }

  Awaitable<Opened> connect(const Url& url, const WebSocketRequest& request,
                            const std::string& ca_file) override {
    for (const auto& [name, value] : request.headers.lines()) {
      if (!sendable(name, value)) co_return refused("a header line that cannot be sent");
    }
    Dial dial(loop_, ws_.next_layer(), url, ca_file);
    dial_ = &dial;
    const Result<void> dialled = co_await dial.run([&](std::string_view phase) {
      phase_ = phase;
      watchdog_.set_after(request.connect_timeout);
    });
    dial_ = nullptr;
    watchdog_.clear();
    if (end_) co_return Opened{{}, end_};
    if (!dialled) co_return refused(dialled.error().message);
    Opened opened = co_await handshake(url, request);
    co_return opened;
  }

  Awaitable<void> run(WebSocketEvents events) override {
    const auto self = shared_from_this();
    running_ = writing_ = true;
    asio::co_spawn(loop_.context.get_executor(), write_all(self), asio::detached);
    beast::flat_buffer buffer;
    error_code failed;
    while (!failed) {
      co_await ws_.async_read(buffer, asio::redirect_error(kAwait, failed));
      if (failed) break;
      deliver(events, {static_cast<const char*>(buffer.cdata().data()), buffer.size()});
      buffer.clear();
      if (buffer.capacity() > kKeptBytesMax) buffer = {};
    }
    const WebSocketEnd end = end_of(failed);
    ended_ = true;
    ws_.next_layer().close();
    event_.signal();
    while (writing_) co_await written_.wait();
    fail(events, end);
  }

  void fail(const WebSocketEvents& events, const WebSocketEnd& end) override {
    mailbox_->detach();
    try {
      if (events.ended) events.ended(end);
    } catch (...) {
      // There is nothing left to close.
    }
  }

  void go_away() override { mailbox_->close(kGoingAway, "going away"); }

  void abort() override {
    if (!end_) end_ = WebSocketEnd{Cause::Own, 1006, "cut", 0};
    cut();
  }

  // Under the mailbox's lock, on any thread: nothing may happen before this has returned.
  void wake() override {
    if (auto self = weak_from_this().lock()) {
      asio::post(loop_.context, [self = std::move(self)] { self->woken(); });
    }
  }

 private:
  void woken() {
    if (!running_ && mailbox_->closing()) {
      if (!end_) end_ = WebSocketEnd{Cause::Own, 1006, "closed before it was open", 0};
      cut();
    }
    event_.signal();
  }

  Awaitable<Opened> handshake(const Url& url, const WebSocketRequest& request) {
    ws_.set_option(websocket::stream_base::decorator([&](websocket::request_type& head) {
      for (const auto& [name, value] : request.headers.lines()) {
        if (same_word(name, "Host")) {
          head.set(name, value);  // in place of the URL's: a second one would be malformed
        } else if (!reserved_line(name)) {
          head.insert(name, value);
        }
      }
    }));
    websocket::response_type response;
    error_code failed;
    co_await ws_.async_handshake(response, url.authority, url.target,
                                 asio::redirect_error(kAwait, failed));
    if (end_) co_return Opened{{}, end_};
    if (failed == websocket::error::upgrade_declined) {
      Opened declined =
          refused(fmt::format("the server answered {} to the handshake", response.result_int()));
      declined.failure->status = static_cast<int>(response.result_int());
      co_return declined;
    }
    if (failed) co_return refused("handshake: " + failed.message());
    std::string protocol(response["Sec-WebSocket-Protocol"]);
    if (!protocol.empty() && !has_word(request.headers, "Sec-WebSocket-Protocol", protocol)) {
      cut();
      co_return refused("the server chose a protocol that was not offered");
    }
    co_return Opened{std::move(protocol), std::nullopt};
  }

  static Opened refused(std::string why) {
    return {{}, WebSocketEnd{Cause::Refused, 1006, std::move(why), 0}};
  }

  // Sends what the mailbox holds, one message at a time, and the close after the last.
  Awaitable<void> write_all([[maybe_unused]] std::shared_ptr<BeastSession> self) {
    while (!ended_) {
      const Mailbox::Next next = mailbox_->take();
      error_code failed;
      if (next.overflowed) {
        too_slow(fmt::format("more than {} bytes wait for the peer", options_.queue_bytes));
        break;
      }
      if (next.message) {
        phase_ = "send";
        watchdog_.set_after(options_.send_timeout);
        if (next.more) cork(true);
        ws_.text(next.message->kind == WebSocket::Kind::Text);
        const std::string& rest = next.message->rest ? *next.message->rest : kNothing;
        const std::array<asio::const_buffer, 2> parts{asio::buffer(next.message->bytes),
                                                      asio::buffer(rest)};
        co_await ws_.async_write(parts, asio::redirect_error(kAwait, failed));
        if (!next.more) cork(false);
        watchdog_.clear();
      } else if (next.closing) {
        if (!end_) end_ = WebSocketEnd{Cause::Own, next.closing->code, next.closing->reason, 0};
        const auto code = static_cast<websocket::close_code>(next.closing->code);
        co_await ws_.async_close({code, next.closing->reason},
                                 asio::redirect_error(kAwait, failed));
        break;
      } else {
        co_await event_.wait();
      }
      if (failed) break;  // the reader sees the same, and knows why
    }
    writing_ = false;
    written_.signal();
  }

  // While several messages wait, the kernel gathers them: what a message costs is its packet, and
  // the reader that each packet wakes. They go out together, after the last.
  void cork(bool on) {
    if (corked_ == on) return;
    corked_ = on;
    const int value = on ? 1 : 0;
    setsockopt(ws_.next_layer().socket().native_handle(), IPPROTO_TCP, TCP_CORK, &value,
               sizeof value);
  }

  void deliver(const WebSocketEvents& events, std::string_view bytes) {
    if (end_ && end_->cause == Cause::Breach) return;
    // Beast does not look at the end of a text whose last frame is empty.
    if (ws_.got_text() && !utf8_valid(bytes)) {
      end_ = WebSocketEnd{Cause::Breach, kBadPayload, "a text ends inside a code point", 0};
      return mailbox_->close(kBadPayload, end_->reason);
    }
    if (!events.message) return;
    try {
      events.message(ws_.got_text() ? WebSocket::Kind::Text : WebSocket::Kind::Binary,
                     std::string(bytes));
    } catch (...) {
      mailbox_->close(kInternalError, "internal error");
    }
  }

  WebSocketEnd end_of(const error_code& failed) const {
    if (end_) return *end_;
    if (failed == websocket::error::closed) {
      const websocket::close_reason& said = ws_.reason();
      const std::uint16_t code = said.code == websocket::close_code::none ? kNoCode : said.code;
      return {Cause::Peer, code, std::string(said.reason.data(), said.reason.size()), 0};
    }
    if (failed == websocket::error::message_too_big) {
      return {Cause::TooLarge, 1009,
              fmt::format("a message exceeds {} bytes", options_.message_bytes), 0};
    }
    if (failed == beast::error::timeout) {
      return {Cause::Idle, 1006,
              fmt::format("no sign of life for {} ms", options_.idle_timeout.count()), 0};
    }
    if (failed == websocket::error::bad_frame_payload) {
      return {Cause::Breach, 1007, failed.message(), 0};
    }
    if (failed == websocket::condition::protocol_violation ||
        failed.category() == make_error_code(beast::zlib::error::need_buffers).category()) {
      return {Cause::Breach, 1002, failed.message(), 0};
    }
    return {Cause::Lost, 1006, failed.message(), 0};
  }

  void too_slow(std::string why) {
    if (!end_) end_ = WebSocketEnd{Cause::SlowReader, 1006, std::move(why), 0};
    cut();
  }

  void expired() {
    if (dial_ == nullptr) {
      return too_slow(fmt::format("the peer did not take a message within {} ms",
                                  options_.send_timeout.count()));
    }
    if (!end_) {
      end_ = WebSocketEnd{Cause::Refused, 1006, fmt::format("{} time-out passed", phase_), 0};
    }
    cut();
  }

  void cut() {
    if (dial_ != nullptr) {
      dial_->stop();
    } else {
      ws_.next_layer().close();
    }
  }

  Loop::Impl& loop_;
  const WebSocketOptions options_;
  websocket::stream<Stream> ws_;
  const std::shared_ptr<Mailbox> mailbox_;
  Event event_;    // for the writer
  Event written_;  // the writer has ended
  Watchdog watchdog_;
  Dial* dial_ = nullptr;
  std::string_view phase_;
  std::optional<WebSocketEnd> end_;  // known before the reader sees it
  bool running_ = false;
  bool writing_ = false;
  bool corked_ = false;
  bool ended_ = false;
};

}  // namespace

std::shared_ptr<Session> make_session(Loop::Impl& loop, Stream stream,
                                      const WebSocketOptions& options) {
  return std::make_shared<BeastSession>(loop, std::move(stream), options);
}

}  // namespace net
