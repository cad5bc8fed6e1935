#include "net/connection.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <chrono>
#include <functional>
#include <utility>
#include <variant>

#include "http/guard.h"
#include "net/upgrade.h"
#include "net/wire.h"

namespace net {

namespace beast = boost::beast;

namespace {

// What an idle connection holds ready; most requests fit into it.
constexpr std::size_t kIdleReadBytes = 1024;
constexpr std::size_t kHeadReadBytes = 8 * 1024;
constexpr std::size_t kBodyReadBytes = 64 * 1024;
// What a client may send ahead while its request is handled; beyond it waits in the kernel.
constexpr std::size_t kAheadBytesMax = 64 * 1024;
constexpr std::size_t kKeptBytesMax = 1024;
// Up to here copying a body behind its head is cheaper than handing two pieces to the kernel.
constexpr std::size_t kJoinBytesMax = 4 * 1024;
// How long a refused client is listened to, so that it reads the refusal and not a reset.
constexpr Milliseconds kLinger{5'000};

std::string_view text_of(const beast::flat_buffer& buffer) {
  return {static_cast<const char*>(buffer.cdata().data()), buffer.size()};
}

// Two servers must never disagree on where a request ends (RFC 9112 sections 6.1, 6.3 and 11.2), so
// whatever leaves room for two readings is refused, more strictly than the parser does.
bool framing_clear(const http::Headers& headers, bool http_1_0) {
  const auto coding = headers.get("Transfer-Encoding");
  const auto length = headers.get("Content-Length");
  if (coding && (http_1_0 || length || headers.count("Transfer-Encoding") != 1 ||
                 !same_word(*coding, "chunked"))) {
    return false;
  }
  return !length || (headers.count("Content-Length") == 1 &&
                     length->find_first_not_of("0123456789") == std::string_view::npos);
}

// Whether a request line that the parser stumbled over does end in the version of another HTTP.
bool of_another_version(std::string_view line) {
  line = line.substr(0, line.find("\r\n"));
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const std::string_view version = line.substr(line.size() - std::min<std::size_t>(line.size(), 9));
  return version.size() == 9 && version.starts_with(" HTTP/") && digit(version[6]) &&
         version[7] == '.' && digit(version[8]) && !version.ends_with("1.0") &&
         !version.ends_with("1.1");
}

}  // namespace

// Beast's parser over our own Request: each field is stored once.
class RequestParser final : public beast::http::basic_parser<true> {
 public:
  http::Request request;
  std::string method;
  int version = 11;

  // Limits all lines of the head and, by themselves, all chunk extensions and trailers.
  void limit_lines(std::size_t bytes_max) {
    lines_bytes_max_ = bytes_max;
    header_limit(static_cast<std::uint32_t>(bytes_max));
  }
  bool can_take(const beast::flat_buffer& buffer) const {
    return !chunked() || chunk_bytes_left_ > 0 || shows_chunk(text_of(buffer));
  }

 private:
  void count_extra(std::size_t bytes, error_code& failed) {
    extra_bytes_ += bytes;
    if (extra_bytes_ > lines_bytes_max_) failed = beast::http::error::header_limit;
  }
  void on_request_impl(beast::http::verb, beast::string_view method_text, beast::string_view target,
                       int version_in, error_code&) override {
    method = std::string(method_text);
    request.target = std::string(target);
    version = version_in;
  }
  void on_response_impl(int, beast::string_view, int, error_code&) override {}
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     error_code& failed) override {
    if (folded(name, value)) {
      failed = beast::http::error::bad_value;  // RFC 9112 section 5.2
    } else if (is_header_done()) {
      // Trailers are read and dropped: merged into the head they could replace what was checked.
      count_extra(name.size() + value.size() + 4, failed);
    } else {
      request.headers.add(std::string(name), std::string(value));
    }
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    // Not the whole length at once: a claim costs the sender nothing.
    if (length) request.body.reserve(std::min<std::size_t>(*length, kBodyReadBytes));
  }
  std::size_t on_body_impl(beast::string_view body, error_code&) override {
    request.body.append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t size, beast::string_view extensions,
                            error_code& failed) override {
    chunk_bytes_left_ = size;
    count_extra(extensions.size(), failed);
  }
  std::size_t on_chunk_body_impl(std::uint64_t left, beast::string_view body,
                                 error_code&) override {
    chunk_bytes_left_ = left - body.size();
    request.body.append(body.data(), body.size());
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  // The parser hands on where a value stands: behind its name, or, when it had to join lines, in
  // memory of its own.
  bool folded(beast::string_view name, beast::string_view value) const {
    if (value.empty()) return false;
    const char* const name_end = name.data() + name.size();
    const std::less<const char*> before;
    return before(value.data(), name_end) || before(name_end + lines_bytes_max_, value.data()) ||
           std::find(name_end, value.data(), '\r') != value.data();
  }

  std::size_t lines_bytes_max_ = 0;
  std::size_t extra_bytes_ = 0;
  std::uint64_t chunk_bytes_left_ = 0;
};

Connection::Connection(std::shared_ptr<DoorState> door, Socket socket, std::string peer)
    : door_(std::move(door)),
      stream_(std::move(socket)),
      peer_(std::move(peer)),
      event_(stream_.get_executor()),
      watchdog_(stream_.get_executor(), [this] { expired(); }),
      outbox_(std::make_shared<Outbox>(*this, door_->options.limits.send_queue_bytes)),
      buffer_(std::max(door_->options.limits.header_bytes, kAheadBytesMax) + kHeadReadBytes) {}

Connection::~Connection() = default;

Awaitable<void> Connection::run() {
  try {
    bool more = door_->tls == nullptr;
    if (!more) more = co_await secure();
    while (more) more = co_await serve_one();
    if (refusal_ && !broken_) co_await refuse();
    if (stream_.tls() != nullptr && !broken_) co_await say_goodbye();
  } catch (...) {
    // Out of memory, or a bug below a handler: this connection ends, the others go on.
  }
  close();
}

Awaitable<bool> Connection::secure() {
  watchdog_.set_after(door_->options.limits.header_timeout);
  secure_server(stream_, *door_->tls);
  error_code failed;
  co_await stream_.async_handshake(asio::redirect_error(kAwait, failed));
  if (!failed) co_return true;
  if (plain_http(failed)) {
    constexpr std::string_view kAnswer =
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 28\r\n"
        "Connection: close\r\n\r\nThis door speaks TLS: https\n";
    ::send(stream_.socket().native_handle(), kAnswer.data(), kAnswer.size(),
           MSG_DONTWAIT | MSG_NOSIGNAL);
    stream_.socket().shutdown(Socket::shutdown_send, failed);
  }
  broken_ = true;
  co_return false;
}

// Without it the client could take the end of the last body for a cut.
Awaitable<void> Connection::say_goodbye() {
  phase_ = Phase::Ending;
  watchdog_.set_after(kLinger);
  error_code ignored;
  co_await stream_.async_shut_down(asio::redirect_error(kAwait, ignored));
}

// Hands the stream to a WebSocket and stays until it ends.
Awaitable<void> Connection::upgrade() {
  const http::Request& request = parser_->request;
  if (auto refusal = refuse_handshake(request)) {
    refusal_ = std::move(*refusal);
    co_return;
  }
  if (!parser_->is_done() || buffer_.size() > 0) {
    // A client waits for the answer before it says more (RFC 6455 section 4.1).
    co_return refuse_with(400, Code::InvalidArgument, "bytes after a WebSocket handshake");
  }
  std::variant<WebSocketAccept, http::Response> answer;
  try {
    answer = door_->upgrade(request);
  } catch (...) {
    answer = http::Response::error({Code::Internal, "the handshake could not be handled"});
  }
  if (auto* refusal = std::get_if<http::Response>(&answer)) {
    refusal_ = std::move(*refusal);
    co_return;
  }
  auto& consent = std::get<WebSocketAccept>(answer);
  if (!has_word(request.headers, "Sec-WebSocket-Protocol", consent.protocol)) {
    consent.protocol.clear();
  }
  watchdog_.clear();
  session_ = make_session(door_->loop, std::move(stream_), consent.options);
  broken_ = true;  // for HTTP
  const bool accepted = co_await session_->accept(request, consent.protocol);
  if (!accepted) co_return;
  parser_.reset();
  buffer_ = boost::beast::flat_buffer(0);
  WebSocketEvents events;
  if (consent.opened) events = consent.opened(session_->handle());
  if (door_->draining) session_->go_away();
  co_await session_->run(std::move(events));
}

Awaitable<bool> Connection::serve_one() {
  parser_ = std::make_unique<RequestParser>();
  const bool head = co_await read_head();
  if (!head || !head_acceptable()) co_return false;
  if (door_->upgrade && !http_1_0_ && wants_websocket(parser_->request)) {
    co_await upgrade();
    co_return false;
  }
  const bool body = co_await read_body();
  if (!body) co_return false;
  const bool more = co_await answer();
  co_return more;
}

Awaitable<bool> Connection::read_head() {
  const http::ServerLimits& limits = door_->options.limits;
  phase_ = Phase::Idle;
  timed_out_ = head_only_ = http_1_0_ = false;
  watchdog_.set_after(first_request_ ? limits.header_timeout : limits.idle_timeout);
  first_request_ = false;
  parser_->limit_lines(limits.header_bytes);
  parser_->body_limit(limits.body_bytes);
  std::size_t head_bytes = 0;
  while (!parser_->is_header_done()) {
    // An empty line in front of a request is passed over (RFC 9112 section 2.2).
    while (phase_ == Phase::Idle && text_of(buffer_).starts_with("\r\n")) {
      buffer_.consume(2);
    }
    const bool half_an_empty_line = phase_ == Phase::Idle && text_of(buffer_) == "\r";
    if (buffer_.size() > 0 && !half_an_empty_line) {
      const bool begins = phase_ == Phase::Idle;
      phase_ = Phase::Reading;
      error_code failed;
      const std::size_t used = parser_->put(buffer_.cdata(), failed);
      buffer_.consume(used);
      head_bytes += used;  // Beast's own limit forgets the lines it has parsed already
      if (head_bytes > limits.header_bytes) failed = beast::http::error::header_limit;
      if (failed && failed != beast::http::error::need_more) {
        refuse_parse_error(failed);
        co_return false;
      }
      if (parser_->is_header_done()) break;
      if (begins) watchdog_.set_after(limits.header_timeout);
    } else if (door_->draining) {
      co_return false;
    }
    const bool read = co_await fill(phase_ == Phase::Idle ? kIdleReadBytes : kHeadReadBytes);
    if (!read) {
      if (timed_out_ && phase_ == Phase::Reading) {
        refuse_with(408, Code::DeadlineExceeded, "the request's header took too long");
      }
      co_return false;
    }
  }
  co_return true;
}

bool Connection::head_acceptable() {
  http::Request& request = parser_->request;
  http_1_0_ = parser_->version < 11;
  request.peer = peer_;
  const auto method = http::method_from_name(parser_->method);
  if (!method) {
    refuse_with(501, Code::Unimplemented, "method not known");
    return false;
  }
  request.method = *method;
  head_only_ = *method == http::Method::Head;
  if (!framing_clear(request.headers, http_1_0_)) {
    refuse_with(400, Code::InvalidArgument,
                "the body's end must be given by one Content-Length, or by chunked alone");
    return false;
  }
  // The absolute form names the host in the target, and that one counts (RFC 9112 section 3.2.2).
  std::string target = request.target;
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

Awaitable<bool> Connection::read_body() {
  if (parser_->is_done()) co_return true;
  parser_->eager(true);
  if (buffer_.size() == 0 && !http_1_0_ && parser_->request.headers.get("Expect")) {
    head_ = "HTTP/1.1 100 Continue\r\n\r\n";
    bytes_.clear();
    const bool sent = co_await send();
    if (!sent) co_return false;
  }
  watchdog_.set_after(door_->options.limits.body_timeout);
  while (!parser_->is_done()) {
    if (buffer_.size() > 0 && parser_->can_take(buffer_)) {
      error_code failed;
      buffer_.consume(parser_->put(buffer_.cdata(), failed));
      // What is left over is one line of a chunk, or trailers, without an end so far.
      if (failed == beast::http::error::need_more &&
          buffer_.size() > door_->options.limits.header_bytes) {
        failed = beast::http::error::header_limit;
      }
      if (failed && failed != beast::http::error::need_more) {
        refuse_parse_error(failed);
        co_return false;
      }
      if (parser_->is_done()) break;
    }
    const bool read = co_await fill(kBodyReadBytes);
    if (!read) {
      if (timed_out_) refuse_with(408, Code::DeadlineExceeded, "the request's body took too long");
      co_return false;
    }
  }
  co_return true;
}

// Reads more into the buffer; false at the end, on a time-out, and when a piece that must be seen
// whole does not fit.
Awaitable<bool> Connection::fill(std::size_t bytes) {
  if (timed_out_ || broken_ || read_error_) co_return false;
  if (read_pending_) {
    while (read_pending_) co_await event_.wait();
    co_return !read_error_ && !broken_;
  }
  const std::size_t room = buffer_.max_size() - buffer_.size();
  if (room == 0) {
    refuse_with(400, Code::InvalidArgument, "a chunk's header is too long");
    co_return false;
  }
  const auto space = buffer_.prepare(std::min(bytes, room));
  const std::size_t read =
      co_await stream_.async_read_some(space, asio::redirect_error(kAwait, read_error_));
  buffer_.commit(read);
  co_return !read_error_ && !broken_;
}

Awaitable<bool> Connection::answer() {
  if (broken_) co_return false;
  // The read that watches the client becomes that of the idle connection, which is to be light.
  if (buffer_.size() == 0 && buffer_.capacity() > kIdleReadBytes) buffer_.shrink_to_fit();
  phase_ = Phase::Answering;
  watchdog_.clear();
  timed_out_ = false;
  keep_alive_ = parser_->keep_alive();
  auto reply = outbox_->open({.chunked = !http_1_0_, .head_only = head_only_});
  if (read_error_) outbox_->gone();
  try {
    door_->handler(std::move(parser_->request), std::move(reply));
  } catch (...) {
    // The reply was dropped on the way out, which answers 500.
  }
  reply.reset();
  const bool sent = co_await send_answer();
  if (!sent) co_return false;
  outbox_->close();
  phase_ = Phase::Idle;
  if (!keep_alive_) co_return false;
  co_await settle_watch();
  // An idle connection is light.
  if (bytes_.capacity() > kKeptBytesMax) bytes_ = {};
  if (head_.capacity() > kKeptBytesMax) head_ = {};
  if (buffer_.size() == 0 && !read_pending_ && buffer_.capacity() > kIdleReadBytes) {
    buffer_.shrink_to_fit();
  }
  co_return !read_error_ || buffer_.size() > 0;
}

// Sends the answer as it comes; false when the connection cannot go on after it.
Awaitable<bool> Connection::send_answer() {
  for (;;) {
    if (broken_) co_return false;
    const Outbox::Batch batch = outbox_->take(bytes_);
    head_.clear();
    if (batch.has_head) build_head(batch);
    if (!batch.finished) watch();
    if (head_.empty() && bytes_.empty() && !batch.finished) {
      co_await event_.wait();
      continue;
    }
    const bool sent = co_await send();
    if (!sent) co_return false;
    if (batch.finished) co_return !batch.cut;
  }
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

// Writes head and bytes; each piece that the client takes renews the deadline.
Awaitable<bool> Connection::send() {
  if (bytes_.size() <= kJoinBytesMax) {
    head_.append(bytes_);
    bytes_.clear();
  }
  const std::size_t sent = send_at_once();
  if (sent == head_.size() && bytes_.empty()) co_return true;
  const std::array<asio::const_buffer, 2> pieces{asio::buffer(head_) + sent, asio::buffer(bytes_)};
  error_code failed;
  const auto progress = [this](const error_code& stopped, std::size_t) -> std::size_t {
    if (stopped) return 0;
    watchdog_.set_after(door_->options.limits.body_timeout);
    return 1024 * 1024;
  };
  co_await asio::async_write(stream_, pieces, progress, asio::redirect_error(kAwait, failed));
  watchdog_.clear();
  co_return !failed;
}

// Most answers fit into the socket's buffer, and go without a turn of the loop. A client that sends
// ahead gets no such favour: the others would wait for all its answers.
std::size_t Connection::send_at_once() {
  if (stream_.tls() != nullptr || buffer_.size() > 0) return 0;
  const auto sent = ::send(stream_.socket().native_handle(), head_.data(), head_.size(),
                           MSG_DONTWAIT | MSG_NOSIGNAL | (bytes_.empty() ? 0 : MSG_MORE));
  return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

// Answers a request that is not served, and closes: where it ends is unknown or too far away.
Awaitable<void> Connection::refuse() {
  phase_ = Phase::Refusing;
  timed_out_ = false;
  keep_alive_ = false;
  bytes_ = std::move(refusal_->body);
  head_.clear();
  build_head({.has_head = true, .head = std::move(*refusal_), .finished = true});
  const bool sent = co_await send();
  if (!sent || read_error_) co_return;
  error_code failed;
  // TLS says goodbye afterwards: what follows its end could not be read.
  if (stream_.tls() == nullptr) stream_.socket().shutdown(Socket::shutdown_send, failed);
  watchdog_.set_after(kLinger);
  buffer_.clear();
  const auto space = buffer_.prepare(std::min(kBodyReadBytes, buffer_.max_size()));
  while (!failed && !timed_out_ && !door_->draining) {
    co_await stream_.async_read_some(space, asio::redirect_error(kAwait, failed));
  }
}

void Connection::refuse_with(int status, Code code, std::string message) {
  if (refusal_) return;
  refusal_ = http::Response::error({code, std::move(message)});
  refusal_->status = status;
}

void Connection::refuse_parse_error(const error_code& failed) {
  const http::ServerLimits& limits = door_->options.limits;
  using beast::http::error;
  if (failed == error::header_limit && parser_->method.empty() &&
      text_of(buffer_).substr(0, limits.header_bytes).find("\r\n") == std::string_view::npos) {
    refuse_with(414, Code::TooLarge,
                fmt::format("the request line exceeds {} bytes", limits.header_bytes));
  } else if (failed == error::header_limit) {
    refuse_with(431, Code::TooLarge,
                fmt::format("the header exceeds {} bytes", limits.header_bytes));
  } else if (failed == error::body_limit) {
    refuse_with(413, Code::TooLarge, fmt::format("the body exceeds {} bytes", limits.body_bytes));
  } else if (failed == error::bad_version) {
    const bool other = of_another_version(text_of(buffer_));
    refuse_with(other ? 505 : 400, Code::InvalidArgument,
                "only HTTP/1.0 and HTTP/1.1 are spoken here");
  } else {
    refuse_with(400, Code::InvalidArgument, "malformed request: " + failed.message());
  }
}

// Keeps a read pending while the handler works.
void Connection::watch() {
  if (read_pending_ || read_error_ || buffer_.size() >= kAheadBytesMax) return;
  read_pending_ = true;
  stream_.async_read_some(buffer_.prepare(kIdleReadBytes),
                          [self = shared_from_this()](const error_code& failed, std::size_t bytes) {
                            self->watched(failed, bytes);
                          });
}

void Connection::watched(const error_code& failed, std::size_t bytes) {
  read_pending_ = false;
  buffer_.commit(bytes);
  if (failed && !read_cancelled_) read_error_ = failed;
  if (phase_ == Phase::Answering && !read_cancelled_) {
    if (read_error_) {
      // A client may have closed its half only, and still read: the answer is sent all the same.
      if (failed != asio::error::eof) broken_ = true;
      outbox_->gone();
    } else {
      watch();
    }
  }
  event_.signal();
}

// The next request may be parsed only when no read fills the buffer. With nothing in the buffer the
// pending read is simply the next one.
Awaitable<void> Connection::settle_watch() {
  if (!read_pending_ || buffer_.size() == 0) co_return;
  read_cancelled_ = true;
  stream_.cancel();
  while (read_pending_) co_await event_.wait();
  read_cancelled_ = false;
}

void Connection::expired() {
  timed_out_ = true;
  // A request that took too long is still answered. Later there is nothing left to say, and to
  // cancel would not do: under TLS one operation may wait for another's end, and begin only then.
  if (phase_ != Phase::Idle && phase_ != Phase::Reading) return close();
  stream_.cancel();
  event_.signal();
}

void Connection::wake() {
  if (door_->loop.on_thread()) {
    event_.signal();
  } else {
    asio::post(door_->loop.context, [self = shared_from_this()] { self->event_.signal(); });
  }
}

void Connection::abort() {
  asio::post(door_->loop.context, [self = shared_from_this()] { self->close(); });
}

void Connection::close() {
  broken_ = true;
  if (session_ != nullptr) {
    session_->abort();
  } else {
    stream_.close();
  }
  watchdog_.clear();
  outbox_->detach();
  event_.signal();
}

void Connection::drain() {
  if (session_ != nullptr) return session_->go_away();
  error_code failed;
  // What has arrived unread is a request in flight for its sender.
  const bool idle =
      phase_ == Phase::Idle && buffer_.size() == 0 && stream_.socket().available(failed) == 0;
  if (idle || phase_ == Phase::Refusing || phase_ == Phase::Ending) close();
}

}  // namespace net
