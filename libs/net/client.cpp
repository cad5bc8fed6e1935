#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>
#include <cassert>
#include <condition_variable>
#include <deque>
#include <future>
#include <unordered_map>
#include <vector>

#include "net/exchange.h"

namespace net {
namespace {

// Up to here copying a body behind its head is cheaper than handing two pieces to the kernel.
constexpr std::size_t kJoinBytesMax = 16 * 1024;
constexpr std::size_t kPieceBytes = 1024 * 1024;  // each that is sent renews the idle time
constexpr std::size_t kSitesMax = 64;
constexpr std::size_t kKeptBytesMax = 4 * 1024;  // of a link that waits

MessageReader::Body body_after(http::Method method) {
  return method == http::Method::Head ? MessageReader::Body::None : MessageReader::Body::Usual;
}

bool idempotent(http::Method method) {
  return method != http::Method::Post && method != http::Method::Patch;
}

using ExchangeRef = std::shared_ptr<Exchange>;
using LinkRef = std::shared_ptr<Link>;

struct Host {
  std::vector<LinkRef> idle;  // the most recently used is last, and used first
  std::size_t busy = 0;
  std::deque<Exchange*> waiting;

  bool unused() const { return busy == 0 && idle.empty() && waiting.empty(); }
};

}  // namespace

struct Client::Impl : std::enable_shared_from_this<Client::Impl> {
  Impl(Loop::Impl& loop_in, Options options_in) : loop(loop_in), options(std::move(options_in)) {}

  // Connections that have been idle for too long are closed by one timer for all.
  void open() {
    sweeper.emplace(loop.context.get_executor(), [this] { sweep(); });
  }

  void start(const ExchangeRef& exchange);
  Result<std::shared_ptr<const Site>> site(const std::string& url);
  void admit(Exchange& exchange, Host& host);
  void attempt(const ExchangeRef& exchange, LinkRef link);
  Awaitable<void> connect(ExchangeRef exchange, LinkRef link);
  void talk(const ExchangeRef& exchange);
  void write_rest(const ExchangeRef& exchange, std::size_t sent);
  void listen_to(const LinkRef& link);
  auto hearer(const LinkRef& link) {
    return [impl = weak_from_this(), link](const error_code& failed, std::string_view bytes) {
      if (const auto self = impl.lock()) self->heard(link, failed, bytes);
    };
  }
  void heard(const LinkRef& link, const error_code& failed, std::string_view bytes);
  void read_on(const LinkRef& link, bool begun);
  std::optional<Result<void>> read(Exchange& exchange, Link& link, std::string_view bytes);
  std::optional<Result<void>> ended(const ExchangeRef& exchange, const error_code& failed);
  bool repeatable(const Exchange& exchange) const;
  void finish_soon(const ExchangeRef& exchange, Result<void> outcome);
  void finish(const ExchangeRef& exchange, Result<void> outcome);
  void release(Exchange& exchange, Host& host, bool reusable);
  void leave(const std::string& key, Host& host);
  LinkRef take_idle(Host& host);
  void forget(const Link& link);
  void sweep();
  void close();
  void finish_closing();

  // Loop thread only.
  Loop::Impl& loop;
  const Options options;
  std::unordered_map<std::string, std::shared_ptr<const Site>> sites;  // by URL
  std::unordered_map<std::string, Host> hosts;                         // by their key
  std::vector<ExchangeRef> exchanges;
  std::size_t waiting = 0;
  std::optional<Watchdog> sweeper;
  bool sweeping = false;
  bool closing = false;

  std::mutex mutex;
  std::condition_variable changed;
  bool closed = false;
};

// Its done comes from the loop, never from inside this call: the caller may be one of its events.
void Exchange::stop(Error reason) {
  if (stopped || finished) return;
  stopped = std::move(reason);
  if (dial != nullptr) {
    dial->stop();
  } else if (link != nullptr) {
    link->close();
  }
  client->finish_soon(shared_from_this(), *stopped);
}

Client::Client(Loop& loop, Options options)
    : impl_(std::make_shared<Impl>(loop.impl(), std::move(options))) {
  impl_->loop.dispatch([impl = impl_] { impl->open(); });
}

Client::~Client() {
  impl_->loop.dispatch([impl = impl_] { impl->close(); });
  if (impl_->loop.on_thread()) return;  // the calls end a little later
  std::unique_lock lock(impl_->mutex);
  impl_->changed.wait(lock, [&] { return impl_->closed; });
}

std::shared_ptr<Client::Call> Client::send(ClientRequest request, ClientEvents events) {
  auto exchange =
      std::make_shared<Exchange>(impl_, impl_->loop, std::move(request), std::move(events));
  impl_->loop.dispatch([exchange] { exchange->client->start(exchange); });
  return exchange;
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

void Client::Impl::start(const ExchangeRef& exchange) {
  exchange->slot = exchanges.size();
  exchanges.push_back(exchange);
  if (closing) return finish_soon(exchange, Error{Code::Cancelled, "the client is closed"});
  auto found = site(exchange->request.url);
  if (!found) return finish_soon(exchange, found.error());
  exchange->site = std::move(found).value();
  exchange->total_at = std::chrono::steady_clock::now() + exchange->request.total_timeout;
  Host& host = hosts[exchange->site->key];
  if (host.busy < options.connections_per_host && host.waiting.empty()) {
    return admit(*exchange, host);
  }
  if (waiting >= options.waiting_max) {
    return finish_soon(
        exchange, exchange->failure(Code::Overloaded, "too many requests wait for a connection"));
  }
  host.waiting.push_back(exchange.get());
  ++waiting;
  exchange->queued = true;
  exchange->allow("total", exchange->request.total_timeout);
}

Result<std::shared_ptr<const Site>> Client::Impl::site(const std::string& url) {
  if (const auto known = sites.find(url); known != sites.end()) return known->second;
  Site made{TRY(parse_url(url)), {}};
  made.key =
      fmt::format("{}://{}:{}", made.url.tls ? "https" : "http", made.url.host, made.url.port);
  if (sites.size() >= kSitesMax) sites.clear();
  return sites.emplace(url, std::make_shared<const Site>(std::move(made))).first->second;
}

void Client::Impl::admit(Exchange& exchange, Host& host) {
  if (exchange.stopped) return;  // and is about to finish
  ++host.busy;
  exchange.admitted = true;
  attempt(exchange.shared_from_this(), take_idle(host));
}

void Client::Impl::attempt(const ExchangeRef& exchange, LinkRef link) {
  exchange->begun = exchange->sent = exchange->answered = false;
  exchange->unsent = {};
  if (link != nullptr) {
    exchange->link = std::move(link);
    exchange->link->exchange = exchange.get();
    return talk(exchange);
  }
  const auto fresh = std::make_shared<Link>(loop);
  exchange->link = fresh;
  fresh->exchange = exchange.get();
  asio::co_spawn(loop.context.get_executor(), connect(exchange, fresh), asio::detached);
}

Awaitable<void> Client::Impl::connect(ExchangeRef exchange, LinkRef link) {
  const auto self = shared_from_this();
  std::optional<Error> failed;
  try {
    Dial dial(loop, link->stream, exchange->site->url, options.ca_file, options.may_connect);
    exchange->dial = &dial;
    const Result<void> connected = co_await dial.run([&](std::string_view phase) {
      if (!exchange->finished) exchange->allow(phase, exchange->request.connect_timeout);
    });
    exchange->dial = nullptr;
    if (!connected) failed = exchange->failure(connected.error().code, connected.error().message);
  } catch (...) {
    exchange->dial = nullptr;
    failed = Error{Code::Internal, "a callback threw"};
  }
  if (exchange->finished || exchange->stopped) co_return link->close();
  if (failed) {
    finish_soon(exchange, std::move(*failed));
  } else {
    talk(exchange);
  }
}

// Sends the request; most fit into the socket's buffer, and go without a turn of the loop.
void Client::Impl::talk(const ExchangeRef& exchange) {
  Link& link = *exchange->link;
  const ClientRequest& request = exchange->request;
  link.out.clear();
  const Result<void> made = append_request_head(link.out, request.method, exchange->site->url,
                                                request.headers, request.body.size());
  if (!made) return finish_soon(exchange, made.error());
  link.reader.next(body_after(request.method));
  link.held.clear();
  if (!link.inlet.waiting()) listen_to(exchange->link);
  link.body = request.body;
  if (link.stream.tls() != nullptr) return write_rest(exchange, 0);
  const bool joined = request.body.size() <= kJoinBytesMax;
  if (joined) link.out += std::exchange(link.body, {});
  const std::size_t bytes = link.out.size() + link.body.size();
  const auto sent = ::send(link.stream.socket().native_handle(), link.out.data(), link.out.size(),
                           MSG_DONTWAIT | MSG_NOSIGNAL | (joined ? 0 : MSG_MORE));
  exchange->begun = sent > 0;
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    // The server may have said why, and its close is heard in any case.
    exchange->unsent = error_code(errno, boost::system::system_category());
  } else if (sent < static_cast<ssize_t>(bytes)) {
    return write_rest(exchange, sent > 0 ? static_cast<std::size_t>(sent) : 0);
  }
  exchange->sent = true;
  exchange->allow("first byte", request.first_byte_timeout);
}

// Meanwhile the server is listened to: it may refuse what it has not read to its end.
void Client::Impl::write_rest(const ExchangeRef& exchange, std::size_t sent) {
  const LinkRef link = exchange->link;
  // What TLS counts is what it sent whole; a record may be on its way beside that.
  exchange->begun = true;
  exchange->allow("idle", exchange->request.idle_timeout);
  const std::array<asio::const_buffer, 2> pieces{asio::buffer(link->out) + sent,
                                                 asio::buffer(link->body)};
  const auto renew = [exchange, link](const error_code& failed, std::size_t) -> std::size_t {
    if (failed || exchange->finished || exchange->link != link) return 0;
    if (!link->reader.headed()) exchange->allow("idle", exchange->request.idle_timeout);
    return kPieceBytes;
  };
  asio::async_write(link->stream, pieces, renew,
                    [exchange, link](const error_code& failed, std::size_t) {
                      if (exchange->finished || exchange->link != link) return;
                      exchange->unsent = failed;
                      exchange->sent = true;
                      if (link->reader.headed()) return;
                      exchange->allow("first byte", exchange->request.first_byte_timeout);
                    });
}

// Until it speaks, which may take long.
void Client::Impl::listen_to(const LinkRef& link) { link->inlet.wait(hearer(link)); }

void Client::Impl::heard(const LinkRef& link, const error_code& failed, std::string_view bytes) {
  if (!link->open) return;
  if (link->exchange == nullptr) return forget(*link);  // closed, or it speaks unasked
  const ExchangeRef exchange = link->exchange->shared_from_this();
  if (exchange->stopped) return;
  std::optional<Result<void>> outcome;
  loop.handing_on = true;
  try {
    outcome = failed ? ended(exchange, failed) : read(*exchange, *link, bytes);
  } catch (...) {
    // The caller's callback, or no memory: this call ends, the others go on.
    outcome = Error{Code::Internal, "a callback threw"};
  }
  loop.handing_on = false;
  const auto hasty = std::exchange(loop.hasty, nullptr);
  if (hasty) hasty->send_first();
  if (exchange->stopped) return;
  if (outcome) {
    // TLS would take what the server says unasked out of the socket, where stale() sees it.
    if (outcome->ok() && link->open && link->stream.tls() == nullptr) listen_to(link);
    return finish(exchange, std::move(*outcome));
  }
  if (exchange->link == link) read_on(link, hasty != nullptr);
}

// Reads what follows; `begun` when the beginning of a stream has just been sent. Whoever reads that
// is often on this machine, and gets no core as long as more comes than can be handed on. So behind
// one stream that came like this, and with nobody else to serve, the loop rests once in the next.
void Client::Impl::read_on(const LinkRef& link, bool begun) {
  constexpr std::chrono::microseconds kRest{200};
  constexpr std::chrono::microseconds kFlood{100};  // and what follows was there
  if (begun) {
    const bool rests = link->floods && exchanges.size() == 1;
    link->reads_on = std::chrono::steady_clock::now() + (rests ? kRest : kRest.zero());
    if (rests) return link->inlet.read_after(kRest, hearer(link));
  } else if (link->reads_on != SteadyTime{}) {
    const SteadyTime since = std::exchange(link->reads_on, SteadyTime{});
    link->floods = std::chrono::steady_clock::now() - since < kFlood;
  }
  link->inlet.read(hearer(link));
}

// Hands the response on; interim (1xx) ones are passed over. Nothing while more is to come.
std::optional<Result<void>> Client::Impl::read(Exchange& exchange, Link& link,
                                               std::string_view bytes) {
  exchange.answered = true;
  if (!link.held.empty()) bytes = link.held.append(bytes);
  MessageReader& reader = link.reader;
  for (;;) {
    const MessageReader::Taken taken = reader.take(bytes);
    bytes.remove_prefix(taken.used);
    switch (taken.step) {
      case MessageReader::Step::More:
        link.held = std::string(bytes);
        if (reader.headed()) exchange.allow("idle", exchange.request.idle_timeout);
        return std::nullopt;
      case MessageReader::Step::Head:
        if (reader.head().status < 200) {
          reader.next(body_after(exchange.request.method));
          break;
        }
        link.heed(reader.head().headers);
        exchange.body_bytes = 0;
        if (exchange.events.head) exchange.events.head(reader.head().status, reader.head().headers);
        break;
      case MessageReader::Step::Body:
        exchange.body_bytes += taken.body.size();
        if (exchange.body_bytes > exchange.request.body_bytes_max) {
          return exchange.failure(Code::TooLarge, fmt::format("the response exceeds {} bytes",
                                                              exchange.request.body_bytes_max));
        }
        if (exchange.events.data) exchange.events.data(taken.body);
        break;
      case MessageReader::Step::End:
        link.held = std::string(bytes);
        return Result<void>{};
      case MessageReader::Step::Fault:
        return exchange.failure(Code::Unavailable,
                                fmt::format("malformed response: {}", explain(reader.fault())));
    }
    if (exchange.stopped) return std::nullopt;
  }
}

// The stream has ended, or is broken.
std::optional<Result<void>> Client::Impl::ended(const ExchangeRef& exchange,
                                                const error_code& failed) {
  const LinkRef link = exchange->link;
  link->close();
  if (failed == asio::error::eof && link->reader.whole_at_end()) return Result<void>{};
  if (link->reader.headed()) {
    return exchange->failure(
        Code::Unavailable,
        fmt::format("the response was cut after {} body bytes", exchange->body_bytes));
  }
  if (link->kept && repeatable(*exchange)) {
    link->exchange = nullptr;
    attempt(exchange, nullptr);
    return std::nullopt;
  }
  const error_code& reason = exchange->unsent ? exchange->unsent : failed;
  return exchange->failure(
      Code::Unavailable,
      fmt::format("the connection was closed before an answer ({})", reason.message()));
}

// The server closed a kept connection as the request was on its way: it may have read it, and what
// is not idempotent must not happen twice (RFC 9110 section 9.2.2).
bool Client::Impl::repeatable(const Exchange& exchange) const {
  return !exchange.answered && (!exchange.begun || idempotent(exchange.request.method));
}

// Never from inside send(): the caller has no handle yet.
void Client::Impl::finish_soon(const ExchangeRef& exchange, Result<void> outcome) {
  asio::post(loop.context, [self = shared_from_this(), exchange, outcome = std::move(outcome)] {
    self->finish(exchange, outcome);
  });
}

void Client::Impl::finish(const ExchangeRef& exchange, Result<void> outcome) {
  if (exchange->finished) return;
  const auto self = shared_from_this();
  exchange->finished = true;
  if (exchange->stopped) outcome = *exchange->stopped;
  if (exchange->site != nullptr) {
    Host& host = hosts[exchange->site->key];
    release(*exchange, host, outcome.ok());
    leave(exchange->site->key, host);
  }
  exchange->detach();
  exchanges[exchange->slot] = std::move(exchanges.back());
  exchanges[exchange->slot]->slot = exchange->slot;
  exchanges.pop_back();
  ClientEvents events = std::move(exchange->events);
  exchange->client.reset();
  try {
    if (events.done) events.done(std::move(outcome));
  } catch (...) {
    // It has had its last word.
  }
  events = {};
  finish_closing();
}

// Gives back what the exchange holds of its host.
void Client::Impl::release(Exchange& exchange, Host& host, bool answered) {
  if (exchange.queued) {
    std::erase(host.waiting, &exchange);
    --waiting;
    exchange.queued = false;
  }
  if (exchange.admitted) --host.busy;
  exchange.admitted = false;
  const LinkRef link = std::exchange(exchange.link, nullptr);
  exchange.rest();
  if (link == nullptr) return;
  link->exchange = nullptr;
  const bool reusable = answered && !closing && link->open && link->reader.head().keep_alive &&
                        exchange.sent && !exchange.unsent && link->held.empty();
  if (!reusable) return link->close();
  link->kept = true;
  link->watchdog.clear();
  if (link->out.capacity() > kKeptBytesMax) link->out = {};
  link->inlet.lighten();  // an idle one waits without
  link->idle_until = std::chrono::steady_clock::now() + std::min(link->keep, options.keep_alive);
  host.idle.push_back(link);
  if (std::exchange(sweeping, true)) return;
  sweeper->set_after(options.keep_alive);
}

// Hands a free connection to the next in line; forgets a host that nobody talks to.
void Client::Impl::leave(const std::string& key, Host& host) {
  while (!host.waiting.empty() && host.busy < options.connections_per_host) {
    Exchange& next = *host.waiting.front();
    host.waiting.pop_front();
    --waiting;
    next.queued = false;
    admit(next, host);
  }
  if (host.unused()) hosts.erase(key);
}

LinkRef Client::Impl::take_idle(Host& host) {
  const SteadyTime now = std::chrono::steady_clock::now();
  while (!host.idle.empty()) {
    const LinkRef link = std::move(host.idle.back());
    host.idle.pop_back();
    if (now < link->idle_until && !link->stale()) return link;
    link->close();
  }
  return nullptr;
}

// An idle link has ended.
void Client::Impl::forget(const Link& gone) {
  for (auto entry = hosts.begin(); entry != hosts.end(); ++entry) {
    auto& idle = entry->second.idle;
    const auto found = std::find_if(idle.begin(), idle.end(),
                                    [&](const LinkRef& link) { return link.get() == &gone; });
    if (found == idle.end()) continue;
    (*found)->close();
    idle.erase(found);
    if (entry->second.unused()) hosts.erase(entry);
    return;
  }
}

void Client::Impl::sweep() {
  const SteadyTime now = std::chrono::steady_clock::now();
  sweeping = false;
  for (auto entry = hosts.begin(); entry != hosts.end();) {
    Host& host = entry->second;
    std::erase_if(host.idle, [&](const LinkRef& link) {
      if (now < link->idle_until && !link->stale()) return false;
      link->close();
      return true;
    });
    sweeping = sweeping || !host.idle.empty();
    entry = host.unused() ? hosts.erase(entry) : std::next(entry);
  }
  // Half the time: what is idle now is closed at most that much late.
  if (sweeping) sweeper->set_after(options.keep_alive / 2);
}

void Client::Impl::close() {
  closing = true;
  const std::vector<ExchangeRef> open = exchanges;
  for (const ExchangeRef& exchange : open)
    exchange->stop({Code::Cancelled, "the client is closed"});
  finish_closing();
}

void Client::Impl::finish_closing() {
  if (!closing || !exchanges.empty()) return;
  for (auto& [key, host] : hosts) {
    for (const LinkRef& link : host.idle) link->close();
  }
  hosts.clear();
  sweeper.reset();
  {
    const std::lock_guard lock(mutex);
    closed = true;
  }
  changed.notify_all();
}

}  // namespace net
