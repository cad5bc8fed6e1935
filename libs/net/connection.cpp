#include "net/connection.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <utility>
#include <variant>

#include "http/guard.h"
#include "net/upgrade.h"
#include "net/wire.h"

namespace net {
namespace {

// A claimed length is not believed at once: it costs the sender nothing.
constexpr std::size_t kReservedBytesMax = 64 * 1024;
// What a client may send ahead while its request is handled; beyond it waits in the kernel.
constexpr std::size_t kAheadBytesMax = 64 * 1024;
// An idle connection is light.
constexpr std::size_t kKeptBytesMax = 1024;
// Each piece that the client takes renews the deadline.
constexpr std::size_t kPieceBytes = 1024 * 1024;
// How long a client is listened to after the last answer, so that it reads that and not a reset.
constexpr Milliseconds kLinger{5'000};
constexpr Milliseconds kDrainLinger{1'000};
// How often a client that is not listened to is looked at.
constexpr Milliseconds kGlance{500};

void lighten(std::string& text) {
  if (text.capacity() > kKeptBytesMax) text = {};
}

}  // namespace

Connection::Connection(std::shared_ptr<DoorState> door, Socket socket, std::string peer)
    : door_(std::move(door)),
      stream_(std::move(socket)),
      peer_(std::move(peer)),
      inlet_(door_->loop, stream_),
      watchdog_(stream_.get_executor(), [this] { expired(); }),
      outbox_(std::make_shared<Outbox>(*this, door_->options.limits.send_queue_bytes)),
      reader_(MessageReader::Kind::Request, {.head_bytes = door_->options.limits.header_bytes,
                                             .body_bytes = door_->options.limits.body_bytes}) {}

Connection::~Connection() = default;

void Connection::start() {
  if (door_->tls != nullptr) return spawn(&Connection::secure);
  await_request();
}

// --- parts that are coroutines: what happens once in a connection's life ------------------------

void Connection::spawn(Awaitable<void> (Connection::*part)()) {
  asio::co_spawn(
      door_->loop.context.get_executor(),
      [self = shared_from_this(), part]() -> Awaitable<void> {
        try {
          co_await ((*self).*part)();
        } catch (...) {
          // Out of memory, or a bug below a handler: this connection ends, the others go on.
          self->close();
        }
      },
      asio::detached);
}

Awaitable<void> Connection::secure() {
  watchdog_.set_after(door_->options.limits.header_timeout);
  secure_server(stream_, *door_->tls);
  phase_ = Phase::Ending;  // there is nothing yet that could be refused
  error_code failed;
  co_await stream_.async_handshake(asio::redirect_error(kAwait, failed));
  if (broken_) co_return;
  if (!failed) co_return await_request();
  if (plain_http(failed)) {
    constexpr std::string_view kAnswer =
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 28\r\n"
        "Connection: close\r\n\r\nThis door speaks TLS: https\n";
    ::send(stream_.socket().native_handle(), kAnswer.data(), kAnswer.size(),
           MSG_DONTWAIT | MSG_NOSIGNAL);
    stream_.socket().shutdown(Socket::shutdown_send, failed);
  }
  close();
}

// Without it the client could take the end of the last body for a cut.
Awaitable<void> Connection::say_goodbye() {
  error_code ignored;
  co_await stream_.async_shut_down(asio::redirect_error(kAwait, ignored));
  close();
}

// Hands the stream to a WebSocket and stays until it ends.
Awaitable<void> Connection::run_session() {
  const http::Request request = std::move(*request_);
  request_.reset();
  held_ = {};
  const bool accepted = co_await session_->accept(request, consent_->protocol);
  if (accepted) {
    WebSocketEvents events;
    if (consent_->opened) events = consent_->opened(session_->handle());
    if (door_->draining) session_->go_away();
    co_await session_->run(std::move(events));
  }
  leave();
}

// --- reading ------------------------------------------------------------------------------------

void Connection::listen() {
  if (inlet_.waiting()) return;
  inlet_.wait([self = shared_from_this()](const error_code& failed, std::string_view bytes) {
    self->heard(failed, bytes);
  });
}

void Connection::heard(const error_code& failed, std::string_view bytes) {
  if (broken_ || phase_ == Phase::Ending) return;
  if (failed) read_ended_ = true;
  try {
    switch (phase_) {
      case Phase::Idle:
      case Phase::Reading:
        if (sending_) {  // an invitation: what it asks for is read when it has left
          if (failed && failed != asio::error::eof) return close();
          held_.append(bytes);
          return;
        }
        if (failed) return end();
        if (held_.empty()) return read(bytes);
        held_.append(bytes);
        return read_held();
      case Phase::Answering:
        if (!failed) {
          held_.append(bytes);
          return watch();
        }
        // A client may have closed its half only, and still read: the answer is sent all the same.
        if (failed != asio::error::eof) return close();
        return outbox_->gone();
      case Phase::Refusing:
        if (failed && !sending_) return end();
        if (!failed) listen();
        return;
      case Phase::Lingering:
        return failed ? close() : listen();
      case Phase::Ending:
        return;
    }
  } catch (...) {
    // Out of memory: this connection ends, the others go on.
    close();
  }
}

void Connection::await_request() {
  const http::ServerLimits& limits = door_->options.limits;
  phase_ = Phase::Idle;
  head_only_ = http_1_0_ = false;
  reader_.next();
  watchdog_.set_after(first_request_ ? limits.header_timeout : limits.idle_timeout);
  first_request_ = false;
  if (held_.empty()) {
    if (read_ended_ || door_->draining) return end();
    return listen();
  }
  // Not at once: the others would wait until all that a client sent ahead has been answered.
  asio::post(door_->loop.context, [self = shared_from_this()] {
    if (self->broken_ || self->phase_ != Phase::Idle) return;
    self->read_held();
  });
}

void Connection::read_held() {
  try {
    read(held_);
  } catch (...) {
    // Out of memory: this connection ends, the others go on.
    close();
  }
}

// Takes from `bytes`, which is all that has not been read, what makes one request.
void Connection::read(std::string_view bytes) {
  for (;;) {
    const MessageReader::Taken taken = reader_.take(bytes);
    bytes.remove_prefix(taken.used);
    switch (taken.step) {
      case MessageReader::Step::More:
        keep(bytes);
        return await_more();
      case MessageReader::Step::Head:
        if (!head_acceptable()) return refuse();
        if (door_->upgrade && !http_1_0_ && wants_websocket(*request_)) return upgrade(bytes);
        if (!begin_body(bytes)) return;
        break;
      case MessageReader::Step::Body:
        request_->body.append(taken.body);
        break;
      case MessageReader::Step::End:
        keep(bytes);
        return answer();
      case MessageReader::Step::Fault:
        return refuse_fault(reader_.fault());
    }
  }
}

// `bytes` may lie in held_ itself.
void Connection::keep(std::string_view bytes) {
  if (bytes.empty()) return held_.clear();
  held_ = std::string(bytes);
}

void Connection::await_more() {
  if (phase_ == Phase::Idle && reader_.begun()) {
    phase_ = Phase::Reading;
    watchdog_.set_after(door_->options.limits.header_timeout);
  }
  if (read_ended_ || (phase_ == Phase::Idle && door_->draining)) return end();
  listen();
}

// False when the client is invited to send its body first.
bool Connection::begin_body(std::string_view bytes) {
  const MessageHead& head = reader_.head();
  if (!head.chunked && head.length == 0) return true;
  phase_ = Phase::Reading;
  watchdog_.set_after(door_->options.limits.body_timeout);
  request_->body.reserve(
      static_cast<std::size_t>(std::min<std::uint64_t>(head.length, kReservedBytesMax)));
  if (!bytes.empty() || http_1_0_ || !request_->headers.get("Expect")) return true;
  held_.clear();
  head_ = "HTTP/1.1 100 Continue\r\n\r\n";
  bytes_.clear();
  if (send()) return true;
  return false;
}

bool Connection::head_acceptable() {
  MessageHead& head = reader_.head();
  http::Request& request = request_.emplace();
  http_1_0_ = head.version == 10;
  request.peer = peer_;
  request.headers = std::move(head.headers);
  const auto method = http::method_from_name(head.method);
  if (!method) {
    refuse_with(501, Code::Unimplemented, "method not known");
    return false;
  }
  request.method = *method;
  head_only_ = *method == http::Method::Head;
  // The absolute form names the host in the target, and that one counts (RFC 9112 section 3.2.2).
  std::string target = std::move(head.target);
  if (target.starts_with("http://") || target.starts_with("https://")) {
    const auto url = parse_url(target);
    if (!url || request.headers.count("Host") != 1) {
      refuse_with(400, Code::InvalidArgument, "bad request target");
      return false;
    }
    request.headers.set("Host", url.value().authority);
    target = url.value().target;
  }
  if (!http::set_target(request, target)) {
    refuse_with(400, Code::InvalidArgument, "bad request target");
    return false;
  }
  if (auto foreign = http::refuse_foreign(request, door_->options.hosts)) {
    refusal_ = std::move(*foreign);
    return false;
  }
  const auto expect = request.headers.get("Expect");
  if (expect && !same_word(*expect, "100-continue")) {
    refuse_with(417, Code::InvalidArgument, "only Expect: 100-continue is understood");
    return false;
  }
  return true;
}

void Connection::upgrade(std::string_view bytes) {
  const auto refused = [this](http::Response refusal) {
    refusal_ = std::move(refusal);
    refuse();
  };
  if (auto refusal = refuse_handshake(*request_)) return refused(std::move(*refusal));
  const MessageHead& head = reader_.head();
  const bool more = head.chunked || head.length > 0 || !bytes.empty();
  if (more || (inlet_.waiting() && stream_.tls() != nullptr)) {
    // A client waits for the answer before it says more (RFC 6455 section 4.1).
    return refused(
        http::Response::error({Code::InvalidArgument, "bytes around a WebSocket handshake"}));
  }
  std::variant<WebSocketAccept, http::Response> answer;
  try {
    answer = door_->upgrade(*request_);
  } catch (...) {
    answer = http::Response::error({Code::Internal, "the handshake could not be handled"});
  }
  if (broken_) return;
  if (auto* refusal = std::get_if<http::Response>(&answer)) return refused(std::move(*refusal));
  consent_ = std::make_unique<WebSocketAccept>(std::move(std::get<WebSocketAccept>(answer)));
  if (!has_word(request_->headers, "Sec-WebSocket-Protocol", consent_->protocol)) {
    consent_->protocol.clear();
  }
  watchdog_.clear();
  session_ = make_session(door_->loop, std::move(stream_), consent_->options);
  broken_ = true;  // for HTTP
  spawn(&Connection::run_session);
}

// --- answering ----------------------------------------------------------------------------------

void Connection::answer() {
  phase_ = Phase::Answering;
  watchdog_.clear();
  keep_alive_ = reader_.head().keep_alive;
  last_ = cut_ = false;
  auto reply = outbox_->open({.chunked = !http_1_0_, .head_only = head_only_});
  if (read_ended_) outbox_->gone();
  handling_ = true;
  try {
    door_->handler(std::move(*request_), std::move(reply));
  } catch (...) {
    // The reply was dropped on the way out, which answers 500.
  }
  reply.reset();
  handling_ = false;
  request_.reset();
  pump();
}

// Listens while the handler works.
void Connection::watch() {
  if (read_ended_) return;
  if (held_.size() < kAheadBytesMax) return listen();
  // What it has said too much waits in the kernel, and hides its end.
  if (!sending_) watchdog_.set_after(kGlance);
}

// Whether the client has closed, behind what has not been read.
void Connection::glance() {
  const auto self = shared_from_this();
  pollfd seen{.fd = stream_.socket().native_handle(), .events = POLLRDHUP, .revents = 0};
  if (::poll(&seen, 1, 0) > 0) {
    if ((seen.revents & (POLLERR | POLLHUP)) != 0) return close();
    outbox_->gone();
  }
  if (!broken_ && phase_ == Phase::Answering) watch();
}

// Sends the answer as it comes.
void Connection::pump() {
  woken_ = false;
  while (phase_ == Phase::Answering && !broken_ && !sending_) {
    const Outbox::Batch batch = outbox_->take(bytes_);
    head_.clear();
    if (batch.has_head) build_head(batch);
    last_ = batch.finished;
    cut_ = batch.cut;
    if (!last_) watch();
    if (head_.empty() && bytes_.empty() && !last_) return;
    if (send() && last_) return answered();
  }
}

void Connection::answered() {
  if (cut_) return end();  // whoever still writes hears that nobody listens
  outbox_->close();
  lighten(bytes_);
  lighten(head_);
  if (!keep_alive_) return end();
  await_request();
}

void Connection::build_head(const Outbox::Batch& batch) {
  const int status = batch.head.status;
  const bool bodiless = status == 204 || status == 304 || status < 200;
  Framing framing = Framing::Length;
  if (bodiless) {
    framing = Framing::None;
  } else if (batch.streamed) {
    framing = http_1_0_ ? Framing::UntilClose : Framing::Chunked;
  }
  if (door_->draining || framing == Framing::UntilClose) keep_alive_ = false;
  const std::time_t now = std::time(nullptr);
  if (now != door_->date_at) {
    door_->date_at = now;
    door_->date = http_date(now);
  }
  append_head(head_, {.status = status,
                      .headers = batch.head.headers,
                      .framing = framing,
                      .length = bytes_.size(),
                      .keep_alive = keep_alive_,
                      .date = door_->date});
  // HTTP/1.0 closes unless told otherwise (RFC 9112 section 9.3).
  if (http_1_0_ && keep_alive_) head_.insert(head_.size() - 2, "Connection: keep-alive\r\n");
  if (bodiless || head_only_) bytes_.clear();
}

// Writes head_ and bytes_. False when they are not yet on their way: sent() follows.
bool Connection::send() {
  std::size_t sent_bytes = 0;
  if (send_at_once(sent_bytes)) return true;
  sending_ = true;
  watchdog_.set_after(door_->options.limits.body_timeout);
  const std::size_t of_head = std::min(sent_bytes, head_.size());
  const std::array<asio::const_buffer, 2> pieces{asio::buffer(head_) + of_head,
                                                 asio::buffer(bytes_) + (sent_bytes - of_head)};
  const auto renew = [self = shared_from_this()](const error_code& failed,
                                                 std::size_t) -> std::size_t {
    if (failed || self->broken_) return 0;
    self->watchdog_.set_after(self->door_->options.limits.body_timeout);
    return kPieceBytes;
  };
  asio::async_write(
      stream_, pieces, renew,
      [self = shared_from_this()](const error_code& failed, std::size_t) { self->sent(failed); });
  return false;
}

// Most answers fit into the socket's buffer, and go without a turn of the loop.
bool Connection::send_at_once(std::size_t& sent) {
  if (stream_.tls() != nullptr) return false;
  std::array<iovec, 2> pieces{iovec{head_.data(), head_.size()},
                              iovec{bytes_.data(), bytes_.size()}};
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  const auto taken =
      ::sendmsg(stream_.socket().native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (taken > 0) sent = static_cast<std::size_t>(taken);
  return sent == head_.size() + bytes_.size();
}

void Connection::sent(const error_code& failed) {
  sending_ = false;
  if (broken_) return;
  watchdog_.clear();
  if (failed) return close();
  switch (phase_) {
    case Phase::Answering:
      return last_ ? answered() : pump();
    case Phase::Reading:
      watchdog_.set_after(door_->options.limits.body_timeout);
      return read_held();
    case Phase::Refusing:
      return refuse();
    case Phase::Idle:
    case Phase::Lingering:
    case Phase::Ending:
      return;
  }
}

// Answers a request that is not served, and closes: where it ends is unknown or too far away.
void Connection::refuse() {
  if (phase_ != Phase::Refusing) {
    phase_ = Phase::Refusing;
    keep_alive_ = false;
    bytes_ = std::move(refusal_->body);
    head_.clear();
    build_head({.has_head = true, .head = std::move(*refusal_), .finished = true});
    if (!send()) return;
  }
  // TLS says goodbye afterwards: what follows its end could not be read.
  if (stream_.tls() == nullptr || read_ended_ || door_->draining) return end();
  watchdog_.set_after(kLinger);
  listen();
}

void Connection::refuse_with(int status, Code code, std::string message) {
  refusal_ = http::Response::error({code, std::move(message)});
  refusal_->status = status;
}

void Connection::refuse_fault(Fault fault) {
  const http::ServerLimits& limits = door_->options.limits;
  switch (fault) {
    case Fault::LineTooLong:
      refuse_with(414, Code::TooLarge,
                  fmt::format("the request line exceeds {} bytes", limits.header_bytes));
      break;
    case Fault::HeadTooLong:
      refuse_with(431, Code::TooLarge,
                  fmt::format("the header exceeds {} bytes", limits.header_bytes));
      break;
    case Fault::BodyTooLong:
      refuse_with(413, Code::TooLarge, fmt::format("the body exceeds {} bytes", limits.body_bytes));
      break;
    case Fault::Version:
      refuse_with(505, Code::InvalidArgument, std::string(explain(fault)));
      break;
    case Fault::None:
    case Fault::StartLine:
    case Fault::Field:
    case Fault::Framing:
    case Fault::Chunk:
      refuse_with(400, Code::InvalidArgument, fmt::format("malformed request: {}", explain(fault)));
      break;
  }
  refuse();
}

// --- waking and ending --------------------------------------------------------------------------

// Under the outbox's lock, on any thread.
void Connection::wake() {
  if (woken_.exchange(true)) return;
  if (door_->loop.on_thread() && handling_) return;  // pump() comes after the handler
  pump_soon();
}

// Under the outbox's lock, on any thread. The rest of a stream follows by wake().
void Connection::hasten() {
  Loop::Impl& loop = door_->loop;
  if (!loop.on_thread() || !loop.handing_on || loop.hasty != nullptr) return wake();
  if (woken_.exchange(true)) return;
  loop.hasty = shared_from_this();
}

// Behind all that has just arrived. At once would be sooner for one, but then each answer runs
// through all the code from reading to writing, which no first-level cache holds: many are read,
// and then many written (a twentieth less CPU a request over 64 connections).
void Connection::pump_soon() {
  asio::post(door_->loop.context, [self = shared_from_this()] { self->send_first(); });
}

void Connection::send_first() noexcept {
  try {
    pump();
  } catch (...) {
    // Out of memory: this connection ends, the others go on.
    close();
  }
}

void Connection::abort() {
  asio::post(door_->loop.context, [self = shared_from_this()] { self->close(); });
}

void Connection::expired() {
  // It has been silent for so long that no answer can be lost to it.
  if (phase_ == Phase::Idle) return stream_.tls() == nullptr ? close() : end();
  if (phase_ == Phase::Answering && !sending_) return glance();
  if (phase_ != Phase::Reading || sending_) return close();
  // A request that took too long is still answered.
  refuse_with(
      408, Code::DeadlineExceeded,
      reader_.headed() ? "the request's body took too long" : "the request's header took too long");
  refuse();
}

// Closes when all has been said.
void Connection::end() {
  if (broken_ || phase_ == Phase::Ending) return;
  if (stream_.tls() == nullptr) return read_ended_ ? close() : linger();
  phase_ = Phase::Ending;
  watchdog_.set_after(door_->draining ? kDrainLinger : kLinger);
  spawn(&Connection::say_goodbye);
}

// Says that nothing follows and waits until the client has closed: whatever it says meanwhile would
// make of a close a reset, which may destroy the answer on its way (RFC 9112 section 9.6).
void Connection::linger() {
  phase_ = Phase::Lingering;
  outbox_->detach();
  if (broken_) return;
  held_ = {};
  error_code failed;
  stream_.socket().shutdown(Socket::shutdown_send, failed);
  watchdog_.set_after(door_->draining ? kDrainLinger : kLinger);
  listen();
}

void Connection::close() {
  if (session_ != nullptr) return session_->abort();
  broken_ = true;
  stream_.close();
  watchdog_.clear();
  outbox_->detach();
  leave();
}

void Connection::leave() {
  if (std::exchange(left_, true)) return;
  outbox_->detach();
  const auto self = shared_from_this();
  door_->connections.erase(self);
  {
    const std::lock_guard lock(door_->mutex);
    --door_->open;
  }
  door_->changed.notify_all();
}

void Connection::drain() {
  if (session_ != nullptr) return session_->go_away();
  if (phase_ == Phase::Lingering) return watchdog_.set_after(kDrainLinger);
  error_code failed;
  // What has arrived unread is a request in flight for its sender.
  const bool idle = phase_ == Phase::Idle && !reader_.begun() && held_.empty() &&
                    stream_.socket().available(failed) == 0;
  if (idle || phase_ == Phase::Refusing || phase_ == Phase::Ending) close();
}

}  // namespace net
