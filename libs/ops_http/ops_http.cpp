#include "ops_http/ops_http.h"

#include <fmt/format.h>
#include <httplib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "base/utf8.h"
#include "http/guard.h"
#include "ops_http/connection.h"
#include "ops_http/exchange.h"
#include "ops_http/workers.h"

namespace ops_http {
namespace {

constexpr std::size_t kConnectionsMax = 128;  // each holds a thread
constexpr int kBacklog = 1024;
// The reserved worker serves one connection after the other, so none may keep it for long.
constexpr Milliseconds kReservedPatience{250};
constexpr Milliseconds kLinger{1000};
constexpr Milliseconds kAcceptPause{10};

http::Response with_status(int status, const Error& error) {
  http::Response response = http::Response::error(error);
  response.status = status;
  return response;
}

http::Response overloaded() {
  return with_status(503, {Code::Overloaded, "every connection of this door is in use"});
}

http::Response closing() {
  return http::Response::error({Code::Unavailable, "the service is closing"});
}

bool about_health(const http::Request& request) {
  return (request.method == http::Method::Get || request.method == http::Method::Head) &&
         (request.path == "/health" || request.path == "/ready" || request.path == "/metrics");
}

// An answer to a head that cpp-httplib never gets to see.
void refuse(Connection& connection, const http::Response& response) {
  connection.write(fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n"
      "Connection: close\r\n\r\n{}",
      response.status, http::reason(response.status), response.body.size(), response.body));
}

// Shows cpp-httplib a head that has been read completely, and writes for it.
class Wire final : public httplib::Stream {
 public:
  explicit Wire(Connection& connection) : connection_(connection) {}

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* data, std::size_t size) override {
    return static_cast<ssize_t>(connection_.take_head(data, size));
  }
  ssize_t write(const char* data, std::size_t size) override {
    return connection_.write({data, size}) ? static_cast<ssize_t>(size) : -1;
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  // The library selects on it no more, and must not refuse descriptors of 1024 and above.
  socket_t socket() const override { return 0; }

 private:
  Connection& connection_;
};

// A connection and the request on it.
struct Session {
  Session(int fd, const http::ServerLimits& limits) : connection(fd, limits) {}

  // Closes after this answer. The library takes what it says about that from the request's field.
  void make_last() {
    last = true;
    parsed->headers.erase("Connection");
    parsed->headers.emplace("Connection", "close");
  }

  Connection connection;
  const std::string peer = connection.peer();
  httplib::Request* parsed = nullptr;  // the library's own, while it handles one
  http::Request request;
  bool last = false;
  bool unread = false;  // a rest of the request may still come

  // Under the listener's mutex.
  bool busy = false;
  std::shared_ptr<Exchange> exchange;
};

// The library calls back without saying for which connection; each has its thread.
thread_local Session* current_session = nullptr;

// Lends the workers to the library, which shuts its queue down and deletes it.
class Queue final : public httplib::TaskQueue {
 public:
  explicit Queue(Workers& workers) : workers_(workers) {}
  void enqueue(std::function<void()> job) override { workers_.run(std::move(job)); }
  void shutdown() override {}

 private:
  Workers& workers_;
};

// Copies all but the fields that the library writes itself.
void fill(httplib::Response& out, http::Response response) {
  static constexpr std::array<std::string_view, 4> kFraming{"connection", "keep-alive",
                                                            "content-length", "transfer-encoding"};
  out.status = response.status;
  for (const auto& [name, value] : response.headers.lines()) {
    if (std::find(kFraming.begin(), kFraming.end(), ascii_lower(name)) != kFraming.end()) continue;
    out.headers.emplace(name, value);
  }
  out.body = std::move(response.body);
}

// cpp-httplib accepts, parses heads and writes answers. Waiting, reading and the limits of both are
// Connection's, which takes over where the library hands out an accepted socket.
class Listener final : public httplib::Server {
 public:
  Listener(http::ServerOptions options, http::Handler handler);
  ~Listener() override;

  Result<std::uint16_t> bind();
  // Accepts until stop_accepting(), and returns when every connection has ended.
  void run();
  void stop_accepting();
  void drain(Milliseconds timeout);
  // Ends every connection, and every wait for a handler's answer.
  void abandon();

 private:
  bool process_and_close_socket(socket_t fd) override;
  void serve(Session& session);
  bool serve_request(Session& session);
  void take_head(httplib::Request& parsed) const;
  void answer(Session& session, httplib::Response& out);
  std::optional<http::Response> prepare(Session& session) const;
  void ask(Session& session, httplib::Response& out);

  bool begin(Session& session);
  void attach(Session& session, std::shared_ptr<Exchange> exchange);
  bool finish(Session& session);
  bool draining();

  http::ServerOptions options_;
  const http::Handler handler_;
  Workers workers_;
  socket_t listening_ = INVALID_SOCKET;  // our own descriptor of the library's socket

  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<Session*> sessions_;
  bool accepting_ = true;
  bool draining_ = false;
  bool abandoned_ = false;
};

Listener::Listener(http::ServerOptions options, http::Handler handler)
    : options_(std::move(options)),
      handler_(std::move(handler)),
      workers_(std::clamp<std::size_t>(options_.limits.connections, 1, kConnectionsMax)) {
  options_.hosts.push_back(options_.bind);
  new_task_queue = [this] { return new Queue(workers_); };
  set_tcp_nodelay(true);
  set_keep_alive_max_count(1'000'000);
  set_keep_alive_timeout(
      std::chrono::duration_cast<std::chrono::seconds>(options_.limits.idle_timeout).count());
  // Not the library's SO_REUSEPORT: a second process must not share a port unnoticed.
  set_socket_options([](socket_t fd) {
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  });
  set_pre_routing_handler([this](const httplib::Request&, httplib::Response& out) {
    answer(*current_session, out);
    return HandlerResponse::Handled;
  });
  // What went wrong on our side of the library: no descriptors, no memory.
  set_exception_handler([](const httplib::Request&, httplib::Response& out, std::exception_ptr) {
    fill(out, http::Response::error({Code::Internal, "the door could not handle the request"}));
  });
  // What the library refuses by itself is a head it cannot read.
  set_error_handler([](const httplib::Request&, httplib::Response& out) {
    if (current_session->parsed != nullptr) return;
    const Error error{Code::InvalidArgument, "the request's head cannot be read"};
    fill(out, with_status(out.status, error));
  });
}

Result<std::uint16_t> Listener::bind() {
  errno = 0;
  const int port = options_.port == 0                           ? bind_to_any_port(options_.bind)
                   : bind_to_port(options_.bind, options_.port) ? options_.port
                                                                : -1;
  if (port <= 0) {
    // A name that is none leaves no errno.
    return Error{Code::Unavailable,
                 fmt::format("cannot listen on {} port {}: {}", options_.bind, options_.port,
                             errno == 0 ? "no such address" : std::strerror(errno))};
  }
  listening_ = ::fcntl(svr_sock_, F_DUPFD_CLOEXEC, 0);
  if (listening_ < 0 || ::listen(listening_, kBacklog) != 0) {
    return Error{Code::Unavailable, fmt::format("cannot listen: {}", std::strerror(errno))};
  }
  return static_cast<std::uint16_t>(port);
}

Listener::~Listener() {
  if (listening_ >= 0) ::close(listening_);
}

void Listener::run() {
  // The library takes an interrupted accept() for the end.
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  std::unique_lock lock(mutex_);
  while (accepting_) {
    lock.unlock();
    listen_after_bind();
    lock.lock();
    // It also takes a connection that broke in the backlog for the end, and closes its socket.
    if (!changed_.wait_for(lock, kAcceptPause, [&] { return !accepting_; })) {
      svr_sock_ = ::fcntl(listening_, F_DUPFD_CLOEXEC, 0);
    }
  }
  lock.unlock();
  workers_.stop();
}

// Not the library's stop(), which would cut the streams.
void Listener::stop_accepting() {
  const std::lock_guard lock(mutex_);
  accepting_ = false;
  ::shutdown(listening_, SHUT_RDWR);
  changed_.notify_all();
}

void Listener::drain(Milliseconds timeout) {
  std::unique_lock lock(mutex_);
  draining_ = true;
  for (Session* session : sessions_) {
    if (!session->busy) ::shutdown(session->connection.fd(), SHUT_RD);
  }
  changed_.wait_for(lock, timeout, [&] {
    return std::none_of(sessions_.begin(), sessions_.end(),
                        [](auto* session) { return session->busy; });
  });
}

void Listener::abandon() {
  const std::lock_guard lock(mutex_);
  draining_ = abandoned_ = true;
  for (Session* session : sessions_) {
    ::shutdown(session->connection.fd(), SHUT_RDWR);
    if (session->exchange) session->exchange->abandon(closing());
  }
}

bool Listener::process_and_close_socket(socket_t fd) {
  try {
    Session session(fd, options_.limits);
    current_session = &session;
    {
      const std::lock_guard lock(mutex_);
      if (!abandoned_) sessions_.insert(&session);
    }
    serve(session);
    const std::lock_guard lock(mutex_);
    sessions_.erase(&session);
  } catch (const std::exception&) {
    // Out of memory before there was a request to answer: all that is left is to close.
  }
  ::shutdown(fd, SHUT_RDWR);
  ::close(fd);
  return true;
}

void Listener::serve(Session& session) {
  if (current_role() == Role::Refusing) {
    refuse(session.connection, overloaded());
    return session.connection.linger(Milliseconds(0));
  }
  const bool full = current_role() == Role::Full;
  Milliseconds patience = full ? options_.limits.header_timeout : kReservedPatience;
  bool again = true;
  while (again && session.connection.await_request(patience) && begin(session)) {
    again = serve_request(session);
    again &= finish(session);
    patience = options_.limits.idle_timeout;
  }
  if (session.unread) session.connection.linger(full ? kLinger : kReservedPatience);
}

// Whether the connection may bring another request.
bool Listener::serve_request(Session& session) {
  const bool full = current_role() == Role::Full;
  const auto head =
      session.connection.read_head(full ? options_.limits.header_timeout : kReservedPatience);
  session.unread = true;
  if (!head.ok()) {
    const int status = head.error().code == Code::TooLarge           ? 431
                       : head.error().code == Code::DeadlineExceeded ? 408
                                                                     : 0;
    if (status != 0) refuse(session.connection, with_status(status, head.error()));
    return false;
  }
  if (!http::method_from_name(session.connection.method())) {
    const Error error{Code::Unimplemented, "no such method"};
    refuse(session.connection, http::Response::error(error));
    return false;
  }
  Wire wire(session.connection);
  session.parsed = nullptr;
  bool closed = false;
  const bool written =
      process_request(wire, !full, closed, [this](httplib::Request& parsed) { take_head(parsed); });
  return written && !closed && full && session.parsed != nullptr && !session.last;
}

void Listener::take_head(httplib::Request& parsed) const {
  Session& session = *current_session;
  session.parsed = &parsed;
  session.request = {};
  for (const auto& [name, value] : parsed.headers) {
    // The library's own additions; a client's are not to be believed either.
    if (name == "REMOTE_ADDR" || name == "REMOTE_PORT") continue;
    if (name == "LOCAL_ADDR" || name == "LOCAL_PORT") continue;
    session.request.headers.add(name, value);
  }
  // The library would cut ranges out of any answer, and hold streams back to compress them.
  parsed.ranges.clear();
  parsed.headers.erase("Accept-Encoding");
}

void Listener::answer(Session& session, httplib::Response& out) {
  auto refusal = prepare(session);
  if (refusal) {
    session.make_last();
    return fill(out, std::move(*refusal));
  }
  session.unread = false;
  ask(session, out);
}

// Completes the session's request; or what to answer instead.
std::optional<http::Response> Listener::prepare(Session& session) const {
  http::Request& request = session.request;
  request.method = *http::method_from_name(session.parsed->method);
  request.peer = session.peer;
  if (!http::set_target(request, session.parsed->target)) {
    return http::Response::error({Code::InvalidArgument, "the request's target cannot be read"});
  }
  if (auto foreign = http::refuse_foreign(request, options_.hosts)) return foreign;
  if (current_role() != Role::Full && !about_health(request)) return overloaded();
  const auto framing = framing_of(request.headers, options_.limits);
  if (!framing.ok()) return http::Response::error(framing.error());
  auto body = session.connection.read_body(framing.value());
  if (!body.ok()) {
    if (body.error().code == Code::DeadlineExceeded) return with_status(408, body.error());
    return http::Response::error(body.error());
  }
  request.body = std::move(body).value();
  return std::nullopt;
}

void Listener::ask(Session& session, httplib::Response& out) {
  const auto exchange =
      std::make_shared<Exchange>(session.connection.fd(), options_.limits.send_queue_bytes);
  attach(session, exchange);
  {
    const auto reply = Exchange::reply_to(exchange);
    try {
      handler_(std::move(session.request), reply);
    } catch (const std::exception& exception) {
      reply->respond(http::Response::error({Code::Internal, exception.what()}));
    } catch (...) {
      reply->respond(http::Response::error({Code::Internal, "the handler failed"}));
    }
  }
  auto response = exchange->wait();
  if (draining()) session.make_last();
  if (response) {
    exchange->close();
    if (response->headers.get("Connection") == "close") session.make_last();
    return fill(out, std::move(*response));
  }
  http::Response head = std::move(exchange->stream());
  const std::string type(head.headers.get("Content-Type").value_or("application/octet-stream"));
  fill(out, std::move(head));
  out.headers.erase("Content-Type");
  const auto provide = [exchange, &session](std::size_t, httplib::DataSink& sink) {
    if (const auto chunk = exchange->next_chunk()) return sink.write(chunk->data(), chunk->size());
    session.last |= !exchange->complete();
    if (exchange->complete()) sink.done();
    return exchange->complete();
  };
  const auto release = [exchange](bool) { exchange->close(); };
  // HTTP/1.0 knows no chunks: there the end of the connection ends the body.
  if (session.parsed->version == "HTTP/1.0") {
    session.make_last();
    return out.set_content_provider(type, provide, release);
  }
  out.set_chunked_content_provider(type, provide, release);
}

bool Listener::begin(Session& session) {
  const std::lock_guard lock(mutex_);
  session.busy = !draining_;
  return session.busy;
}

void Listener::attach(Session& session, std::shared_ptr<Exchange> exchange) {
  const std::lock_guard lock(mutex_);
  if (abandoned_) exchange->abandon(closing());
  session.exchange = std::move(exchange);
}

// Whether another request may follow.
bool Listener::finish(Session& session) {
  const std::lock_guard lock(mutex_);
  session.busy = false;
  session.exchange = nullptr;
  changed_.notify_all();
  return !draining_;
}

bool Listener::draining() {
  const std::lock_guard lock(mutex_);
  return draining_;
}

class Door final : public http::Server {
 public:
  Door(std::unique_ptr<Listener> listener, std::uint16_t port)
      : listener_(std::move(listener)), port_(port), acceptor_([this] { listener_->run(); }) {}
  ~Door() override {
    listener_->stop_accepting();
    listener_->abandon();
  }

  std::uint16_t port() const override { return port_; }
  void drain(Milliseconds timeout) override {
    listener_->stop_accepting();
    listener_->drain(timeout);
  }

 private:
  const std::unique_ptr<Listener> listener_;
  const std::uint16_t port_;
  std::jthread acceptor_;  // last, so that it is joined first
};

}  // namespace

Result<std::unique_ptr<http::Server>> listen(http::ServerOptions options, http::Handler handler) {
  auto listener = std::make_unique<Listener>(std::move(options), std::move(handler));
  const std::uint16_t port = TRY(listener->bind());
  return std::unique_ptr<http::Server>(std::make_unique<Door>(std::move(listener), port));
}

}  // namespace ops_http
