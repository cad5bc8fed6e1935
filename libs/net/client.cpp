#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cassert>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "net/dial.h"
#include "net/stream.h"
#include "net/wire.h"

namespace net {

namespace beast = boost::beast;

namespace {

constexpr std::uint32_t kHeaderBytesMax = 64 * 1024;
constexpr std::size_t kReadBytes = 64 * 1024;

class Exchange;

// One kept or busy connection to a server.
struct Link {
  explicit Link(Executor executor) : stream(executor) {}

  Stream stream;
  beast::flat_buffer buffer{kHeaderBytesMax + kReadBytes};
  SteadyTime idle_since;

  // Whether the server has closed it, or said something unasked, while it was idle.
  bool stale() {
    if (stream.tls() != nullptr && stream.tls()->pending()) return true;
    char byte = 0;
    const auto got = ::recv(stream.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
  }
};

struct Host {
  std::vector<std::unique_ptr<Link>> idle;  // the most recently used is last, and used first
  std::size_t busy = 0;
  std::deque<Exchange*> waiting;

  bool unused() const { return busy == 0 && idle.empty() && waiting.empty(); }
};

// One request from send() to done. Loop thread only.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(Loop::Impl& loop_in, ClientRequest request_in, ClientEvents events_in)
      : loop(loop_in),
        request(std::move(request_in)),
        events(std::move(events_in)),
        event(loop.context.get_executor()),
        watchdog_(loop.context.get_executor(), [this] { expired(); }) {}

  // Ends it: the coroutine finds its socket closed, and the reason here.
  void stop(Error reason) {
    if (stopped || finished) return;
    stopped = std::move(reason);
    if (dial != nullptr) {
      dial->stop();
    } else if (link != nullptr) {
      link->stream.close();
    }
    event.signal();
  }

  void begin() { total_at_ = std::chrono::steady_clock::now() + request.total_timeout; }

  // Allows `phase` that much time, and never more than is left of the whole.
  void allow(std::string_view phase, Milliseconds delay) {
    const SteadyTime at = std::chrono::steady_clock::now() + delay;
    phase_ = at < total_at_ ? phase : "total";
    delay_ = at < total_at_ ? delay : request.total_timeout;
    watchdog_.set(std::min(at, total_at_));
  }

  // The last word, unless the exchange was stopped for another reason.
  Error failure(Code code, std::string_view what) const {
    if (stopped) return *stopped;
    return Error{code, fmt::format("{} {}: {}", http::name(request.method), where(), what)};
  }

  std::string where() const {
    return fmt::format("{}://{}{}", url.tls ? "https" : "http", url.authority,
                       url.target.substr(0, url.target.find('?')));
  }

  Loop::Impl& loop;
  ClientRequest request;
  ClientEvents events;
  Url url;
  std::optional<Error> stopped;
  bool finished = false;
  bool admitted = false;  // holds one of its host's connections
  Event event;
  Link* link = nullptr;
  Dial* dial = nullptr;

 private:
  void expired() {
    stop({Code::DeadlineExceeded,
          fmt::format("{} {}: {} time-out of {} ms passed", http::name(request.method), where(),
                      phase_, delay_.count())});
  }

  SteadyTime total_at_;
  std::string_view phase_ = "total";
  Milliseconds delay_{0};
  Watchdog watchdog_;
};

// Beast's parser, which hands head and body straight to the caller of the exchange.
class ResponseParser final : public beast::http::basic_parser<false> {
 public:
  explicit ResponseParser(Exchange& exchange) : exchange_(exchange) {
    header_limit(kHeaderBytesMax);
    body_limit(boost::none);  // counted here: Beast would count a length it only announces
    eager(true);
    skip(exchange.request.method == http::Method::Head);
  }

  bool informational() const { return status_ / 100 == 1; }
  bool can_take(const beast::flat_buffer& buffer) const {
    return !chunked() || chunk_bytes_left_ > 0 ||
           shows_chunk({static_cast<const char*>(buffer.cdata().data()), buffer.size()});
  }
  bool headed() const { return is_header_done() && !informational(); }
  std::size_t body_bytes() const { return body_bytes_; }

 private:
  void on_request_impl(beast::http::verb, beast::string_view, beast::string_view, int,
                       error_code&) override {}
  void on_response_impl(int status, beast::string_view, int, error_code& failed) override {
    status_ = status;
    // Nobody asked for another protocol (RFC 9110 section 15.2.2).
    if (status < 100 || status == 101) failed = beast::http::error::bad_status;
  }
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     error_code& failed) override {
    count_line(name.size() + value.size() + 4, failed);
    if (!is_header_done()) headers_.add(std::string(name), std::string(value));
  }
  void on_header_impl(error_code& failed) override {
    if (informational()) return;
    if (exchange_.events.head) exchange_.events.head(status_, headers_);
    if (exchange_.stopped) failed = asio::error::operation_aborted;
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(beast::string_view body, error_code& failed) override {
    body_bytes_ += body.size();
    if (body_bytes_ > exchange_.request.body_bytes_max) {
      failed = beast::http::error::body_limit;
    } else if (exchange_.stopped) {
      failed = asio::error::operation_aborted;
    } else if (exchange_.events.data) {
      exchange_.events.data({body.data(), body.size()});
    }
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t size, beast::string_view extensions,
                            error_code& failed) override {
    chunk_bytes_left_ = size;
    count_line(extensions.size(), failed);
  }
  std::size_t on_chunk_body_impl(std::uint64_t left, beast::string_view body,
                                 error_code& failed) override {
    chunk_bytes_left_ = left - body.size();
    return on_body_impl(body, failed);
  }
  void on_finish_impl(error_code&) override {}

  // Head, chunk extensions and trailers together: Beast's own limit forgets what it has parsed.
  void count_line(std::size_t bytes, error_code& failed) {
    line_bytes_ += bytes;
    if (line_bytes_ > kHeaderBytesMax) failed = beast::http::error::header_limit;
  }

  Exchange& exchange_;
  int status_ = 0;
  http::Headers headers_;
  std::size_t line_bytes_ = 0;
  std::uint64_t chunk_bytes_left_ = 0;
  std::size_t body_bytes_ = 0;
};

// What the caller holds: it may outlive the exchange, the client and the loop.
class CallHandle final : public Client::Call {
 public:
  void attach(std::weak_ptr<Exchange> exchange, Loop::Impl& loop) {
    exchange_ = std::move(exchange);
    loop_ = &loop;
  }
  void detach() {
    const std::lock_guard lock(mutex_);
    loop_ = nullptr;
  }
  void cancel() override {
    const std::lock_guard lock(mutex_);
    if (loop_ == nullptr) return;
    loop_->dispatch([weak = exchange_] {
      if (const auto exchange = weak.lock()) exchange->stop({Code::Cancelled, "cancelled"});
    });
  }

 private:
  std::mutex mutex_;
  Loop::Impl* loop_ = nullptr;
  std::weak_ptr<Exchange> exchange_;
};

bool idempotent(http::Method method) {
  return method != http::Method::Post && method != http::Method::Patch;
}

// How far one exchange came on one connection.
struct Progress {
  error_code unsent;      // why the request was not sent whole
  bool begun = false;     // some of it may have reached the server
  bool answered = false;  // a byte of the response came
  bool reusable = false;  // the connection can take another request
};

}  // namespace

struct Client::Impl : std::enable_shared_from_this<Client::Impl> {
  Impl(Loop::Impl& loop_in, Options options_in) : loop(loop_in), options(std::move(options_in)) {}

  // Connections that have been idle for too long are closed by one timer for all.
  void start() {
    sweeper.emplace(loop.context.get_executor(), [this] { sweep(); });
  }

  Awaitable<void> run(std::shared_ptr<Exchange> exchange, std::shared_ptr<CallHandle> handle);
  Awaitable<Result<void>> perform(Exchange& exchange);
  Awaitable<Result<void>> attempt(Exchange& exchange, Host& host);
  Awaitable<Result<void>> admit(Exchange& exchange, Host& host);
  Awaitable<Result<void>> connect(Exchange& exchange, Link& link);
  Awaitable<Result<void>> talk(Exchange& exchange, Link& link, Progress& progress);
  Awaitable<Result<void>> receive(Exchange& exchange, Link& link, Progress& progress);
  static std::optional<Error> parse(Exchange& exchange, Link& link,
                                    std::optional<ResponseParser>& parser);
  void leave(const std::string& key, Host& host);
  std::unique_ptr<Link> take_idle(Host& host);
  void keep(Host& host, std::unique_ptr<Link> link);
  void sweep();
  void close();
  void finish_closing();

  // Loop thread only.
  Loop::Impl& loop;
  const Options options;
  std::unordered_map<std::string, Host> hosts;
  std::unordered_set<std::shared_ptr<Exchange>> exchanges;
  std::size_t waiting = 0;
  std::optional<Watchdog> sweeper;
  bool sweeping = false;
  bool closing = false;

  std::mutex mutex;
  std::condition_variable changed;
  bool closed = false;
};

Client::Client(Loop& loop, Options options)
    : impl_(std::make_shared<Impl>(loop.impl(), std::move(options))) {
  impl_->loop.dispatch([impl = impl_] { impl->start(); });
}

Client::~Client() {
  impl_->loop.dispatch([impl = impl_] { impl->close(); });
  if (impl_->loop.on_thread()) return;  // the calls end a little later
  std::unique_lock lock(impl_->mutex);
  impl_->changed.wait(lock, [&] { return impl_->closed; });
}

std::shared_ptr<Client::Call> Client::send(ClientRequest request, ClientEvents events) {
  auto exchange = std::make_shared<Exchange>(impl_->loop, std::move(request), std::move(events));
  auto handle = std::make_shared<CallHandle>();
  handle->attach(exchange, impl_->loop);
  impl_->loop.dispatch([impl = impl_, exchange = std::move(exchange), handle] {
    impl->exchanges.insert(exchange);
    asio::co_spawn(impl->loop.context.get_executor(), impl->run(exchange, handle), asio::detached);
  });
  return handle;
}

Result<http::Response> Client::fetch(ClientRequest request) {
  assert(!impl_->loop.on_thread());
  struct Wait {
    http::Response response;
    std::promise<Result<void>> done;
  };
  const auto wait = std::make_shared<Wait>();
  auto done = wait->done.get_future();
  send(std::move(request),
       {.head =
            [wait](int status, const http::Headers& headers) {
              wait->response.status = status;
              wait->response.headers = headers;
            },
        .data = [wait](std::string_view bytes) { wait->response.body.append(bytes); },
        .done = [wait](Result<void> outcome) { wait->done.set_value(std::move(outcome)); }});
  TRY(done.get());
  return std::move(wait->response);
}

Awaitable<void> Client::Impl::run(std::shared_ptr<Exchange> exchange,
                                  std::shared_ptr<CallHandle> handle) {
  const auto self = shared_from_this();
  Result<void> outcome = Error{Code::Internal, "a callback threw"};
  try {
    outcome = co_await perform(*exchange);
  } catch (...) {
    // The caller's callback, or no memory: this call ends, the others go on.
  }
  // Never from inside send(): the caller has no handle yet.
  if (!outcome.ok()) co_await asio::post(loop.context.get_executor(), kAwait);
  if (exchange->stopped) outcome = *exchange->stopped;
  exchange->finished = true;
  handle->detach();
  ClientEvents events = std::move(exchange->events);
  try {
    if (events.done) events.done(std::move(outcome));
  } catch (...) {
    // As above.
  }
  events = {};
  exchanges.erase(exchange);
  exchange.reset();
  finish_closing();
}

Awaitable<Result<void>> Client::Impl::perform(Exchange& exchange) {
  if (closing) co_return Error{Code::Cancelled, "the client is closed"};
  Result<Url> url = parse_url(exchange.request.url);
  if (!url) co_return url.error();
  exchange.url = std::move(url).value();
  exchange.begin();
  const std::string key = fmt::format("{}://{}:{}", exchange.url.tls ? "https" : "http",
                                      exchange.url.host, exchange.url.port);
  Host& host = hosts[key];
  std::optional<Result<void>> outcome;
  try {
    outcome = co_await admit(exchange, host);
    if (outcome->ok()) outcome = co_await attempt(exchange, host);
  } catch (...) {
    outcome = Error{Code::Internal, "a callback threw"};
  }
  exchange.link = nullptr;
  if (exchange.admitted) --host.busy;
  leave(key, host);
  co_return *outcome;
}

// Waits for one of the host's connections, in order of arrival.
Awaitable<Result<void>> Client::Impl::admit(Exchange& exchange, Host& host) {
  if (host.busy < options.connections_per_host && host.waiting.empty()) {
    ++host.busy;
    exchange.admitted = true;
    co_return Result<void>{};
  }
  if (waiting >= options.waiting_max) {
    co_return exchange.failure(Code::Overloaded, "too many requests wait for a connection");
  }
  host.waiting.push_back(&exchange);
  ++waiting;
  exchange.allow("total", exchange.request.total_timeout);
  while (!exchange.admitted && !exchange.stopped) co_await exchange.event.wait();
  if (!exchange.admitted) {
    std::erase(host.waiting, &exchange);
    --waiting;
  }
  if (exchange.stopped) co_return *exchange.stopped;
  co_return Result<void>{};
}

// Hands a free connection to the next in line; forgets a host that nobody talks to.
void Client::Impl::leave(const std::string& key, Host& host) {
  while (!host.waiting.empty() && host.busy < options.connections_per_host) {
    Exchange* next = host.waiting.front();
    host.waiting.pop_front();
    --waiting;
    ++host.busy;
    next->admitted = true;
    next->event.signal();
  }
  if (host.unused()) hosts.erase(key);
}

Awaitable<Result<void>> Client::Impl::attempt(Exchange& exchange, Host& host) {
  std::unique_ptr<Link> link = take_idle(host);
  for (;;) {
    const bool kept = link != nullptr;
    if (!kept) {
      link = std::make_unique<Link>(loop.context.get_executor());
      exchange.link = link.get();
      Result<void> connected = co_await connect(exchange, *link);
      if (!connected) co_return connected;
    }
    exchange.link = link.get();
    Progress progress;
    Result<void> outcome = co_await talk(exchange, *link, progress);
    exchange.link = nullptr;
    if (outcome.ok() && progress.reusable && !closing) keep(host, std::move(link));
    if (outcome.ok() || progress.answered || !kept || exchange.stopped) co_return outcome;
    // The server closed a kept connection as the request was on its way: it may have read it, and
    // what is not idempotent must not happen twice (RFC 9110 section 9.2.2). Else a fresh one,
    // once.
    if (progress.begun && !idempotent(exchange.request.method)) co_return outcome;
    link = nullptr;
  }
}

Awaitable<Result<void>> Client::Impl::connect(Exchange& exchange, Link& link) {
  Dial dial(loop, link.stream, exchange.url, options.ca_file, options.may_connect);
  exchange.dial = &dial;
  const Result<void> outcome = co_await dial.run(
      [&](std::string_view phase) { exchange.allow(phase, exchange.request.connect_timeout); });
  exchange.dial = nullptr;
  if (!outcome) co_return exchange.failure(outcome.error().code, outcome.error().message);
  if (exchange.stopped) co_return *exchange.stopped;
  co_return Result<void>{};
}

// Sends the request and hands the response on.
Awaitable<Result<void>> Client::Impl::talk(Exchange& exchange, Link& link, Progress& progress) {
  const ClientRequest& request = exchange.request;
  const Result<std::string> head =
      request_head(request.method, exchange.url, request.headers, request.body.size());
  if (!head) {
    progress.answered = true;  // another connection would not help
    co_return head.error();
  }
  const std::array<asio::const_buffer, 2> pieces{asio::buffer(head.value()),
                                                 asio::buffer(request.body)};
  const auto renew = [&](const error_code& failed, std::size_t) -> std::size_t {
    if (failed) return 0;
    exchange.allow("idle", request.idle_timeout);
    return kReadBytes * 16;
  };
  const std::size_t sent = co_await asio::async_write(
      link.stream, pieces, renew, asio::redirect_error(kAwait, progress.unsent));
  // What TLS counts is what it sent whole; a record may be on its way beside that.
  progress.begun = sent > 0 || exchange.url.tls;
  if (exchange.stopped) co_return *exchange.stopped;
  // Also when it could not be sent whole: a server may refuse what it has not read to its end.
  Result<void> outcome = co_await receive(exchange, link, progress);
  co_return outcome;
}

Awaitable<Result<void>> Client::Impl::receive(Exchange& exchange, Link& link, Progress& progress) {
  exchange.allow("first byte", exchange.request.first_byte_timeout);
  std::optional<ResponseParser> parser(std::in_place, exchange);
  while (!parser->is_done()) {
    if (link.buffer.size() + kReadBytes > link.buffer.max_size()) {
      co_return exchange.failure(Code::Unavailable, "malformed response: a line is too long");
    }
    error_code failed;
    const std::size_t bytes = co_await link.stream.async_read_some(
        link.buffer.prepare(kReadBytes), asio::redirect_error(kAwait, failed));
    link.buffer.commit(bytes);
    progress.answered = progress.answered || bytes > 0;
    if (exchange.stopped) co_return *exchange.stopped;
    if (failed == asio::error::eof && parser->headed()) {
      parser->put_eof(failed);
      if (!failed) co_return Result<void>{};  // a body that lasts until the close
    }
    if (failed && parser->headed()) {
      co_return exchange.failure(
          Code::Unavailable,
          fmt::format("the response was cut after {} body bytes", parser->body_bytes()));
    }
    if (failed) {
      const error_code& reason = progress.unsent ? progress.unsent : failed;
      co_return exchange.failure(
          Code::Unavailable,
          fmt::format("the connection was closed before an answer ({})", reason.message()));
    }
    if (auto error = parse(exchange, link, parser)) co_return std::move(*error);
    if (parser->headed()) exchange.allow("idle", exchange.request.idle_timeout);
  }
  progress.reusable = parser->keep_alive() && link.buffer.size() == 0 && !progress.unsent;
  co_return Result<void>{};
}

// Parses what the buffer holds; interim (1xx) responses are passed over.
std::optional<Error> Client::Impl::parse(Exchange& exchange, Link& link,
                                         std::optional<ResponseParser>& parser) {
  while (link.buffer.size() > 0 && !parser->is_done() && parser->can_take(link.buffer)) {
    error_code failed;
    link.buffer.consume(parser->put(link.buffer.cdata(), failed));
    if (failed == beast::http::error::need_more) break;
    if (failed == beast::http::error::body_limit) {
      return exchange.failure(Code::TooLarge, fmt::format("the response exceeds {} bytes",
                                                          exchange.request.body_bytes_max));
    }
    if (failed) {
      return exchange.failure(Code::Unavailable, "malformed response: " + failed.message());
    }
    if (parser->is_done() && parser->informational()) parser.emplace(exchange);
  }
  return std::nullopt;
}

std::unique_ptr<Link> Client::Impl::take_idle(Host& host) {
  while (!host.idle.empty()) {
    std::unique_ptr<Link> link = std::move(host.idle.back());
    host.idle.pop_back();
    if (!link->stale()) return link;
  }
  return nullptr;
}

void Client::Impl::keep(Host& host, std::unique_ptr<Link> link) {
  link->idle_since = std::chrono::steady_clock::now();
  host.idle.push_back(std::move(link));
  if (sweeping) return;
  sweeping = true;
  sweeper->set_after(options.keep_alive);
}

void Client::Impl::sweep() {
  const SteadyTime now = std::chrono::steady_clock::now();
  sweeping = false;
  for (auto entry = hosts.begin(); entry != hosts.end();) {
    Host& host = entry->second;
    std::erase_if(host.idle, [&](const std::unique_ptr<Link>& link) {
      return now - link->idle_since >= options.keep_alive || link->stale();
    });
    sweeping = sweeping || !host.idle.empty();
    entry = host.unused() ? hosts.erase(entry) : std::next(entry);
  }
  // Half the time: what is idle now is closed at most that much late.
  if (sweeping) sweeper->set_after(options.keep_alive / 2);
}

void Client::Impl::close() {
  closing = true;
  const std::vector<std::shared_ptr<Exchange>> open(exchanges.begin(), exchanges.end());
  for (const auto& exchange : open) exchange->stop({Code::Cancelled, "the client is closed"});
  finish_closing();
}

void Client::Impl::finish_closing() {
  if (!closing || !exchanges.empty()) return;
  hosts.clear();
  sweeper.reset();
  {
    const std::lock_guard lock(mutex);
    closed = true;
  }
  changed.notify_all();
}

}  // namespace net
