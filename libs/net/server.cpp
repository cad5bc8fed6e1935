#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/redirect_error.hpp>
#include <cassert>
#include <utility>
#include <vector>

#include "net/connection.h"
#include "net/tls.h"
#include "telemetry/log.h"

namespace net {
namespace {

using Acceptor = asio::basic_socket_acceptor<Tcp, Executor>;

// How long the door rests when the process has no file descriptor left for the next connection.
constexpr Milliseconds kAcceptPause{20};
constexpr std::chrono::minutes kWarnPause{1};

// The listening socket and its connections; shared by its owner's handle and the accept loop.
class Door : public std::enable_shared_from_this<Door> {
 public:
  Door(std::shared_ptr<DoorState> state, Acceptor acceptor, std::uint16_t port)
      : state_(std::move(state)),
        acceptor_(std::move(acceptor)),
        pause_(acceptor_.get_executor()),
        port_(port) {}

  std::uint16_t port() const { return port_; }

  Awaitable<void> accept_all(std::shared_ptr<Door> self) {
    while (self->acceptor_.is_open()) {
      error_code failed;
      Socket socket = co_await self->acceptor_.async_accept(asio::redirect_error(kAwait, failed));
      if (!failed) {
        self->admit(std::move(socket));
      } else if (self->acceptor_.is_open()) {
        self->exhausted(failed);
        self->pause_.expires_after(kAcceptPause);
        co_await self->pause_.async_wait(asio::redirect_error(kAwait, failed));
      }
    }
    {
      const std::lock_guard lock(self->state_->mutex);
      self->state_->accepting = false;
    }
    self->state_->changed.notify_all();
  }

  void drain(Milliseconds timeout) {
    assert(!state_->loop.on_thread());
    asio::post(state_->loop.context, [self = shared_from_this()] {
      self->stop_accepting();
      self->state_->draining = true;
      const std::vector<std::shared_ptr<Connection>> open(self->state_->connections.begin(),
                                                          self->state_->connections.end());
      for (const auto& connection : open) connection->drain();
    });
    wait_closed(timeout);
  }

  // Closes everything; when it returns no handler runs any more and none is called.
  void close() {
    state_->loop.dispatch([self = shared_from_this()] {
      self->stop_accepting();
      self->state_->draining = true;
      const std::vector<std::shared_ptr<Connection>> open(self->state_->connections.begin(),
                                                          self->state_->connections.end());
      for (const auto& connection : open) connection->close();
    });
    if (state_->loop.on_thread()) return;
    wait_closed(std::nullopt);
    // What the handler holds is freed here, not later on the loop's thread.
    state_->handler = nullptr;
    state_->upgrade = nullptr;
  }

 private:
  // Says that the process has run out of descriptors or memory, but not at every turn; what came
  // waits meanwhile.
  void exhausted(const error_code& failed) {
    const SteadyTime now = std::chrono::steady_clock::now();
    if (failed == asio::error::connection_aborted || now < silent_until_) return;
    silent_until_ = now + kWarnPause;
    telemetry::warn("cannot accept connections for now",
                    {{"port", port_}, {"reason", failed.message()}});
  }

  void stop_accepting() {
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
  }

  void wait_closed(std::optional<Milliseconds> timeout) {
    std::unique_lock lock(state_->mutex);
    const auto closed = [&] { return state_->open == 0 && !state_->accepting; };
    if (timeout) {
      state_->changed.wait_for(lock, *timeout, closed);
    } else {
      state_->changed.wait(lock, closed);
    }
  }

  void admit(Socket socket) {
    error_code failed;
    if (state_->connections.size() >= state_->options.limits.connections) {
      if (state_->tls != nullptr) return;  // a handshake is what a full door cannot afford
      constexpr std::string_view kBody =
          R"({"error":{"code":"overloaded","message":"too many connections"}})";
      const std::string full = fmt::format(
          "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
          "Content-Length: {}\r\nRetry-After: 1\r\nConnection: close\r\n\r\n{}",
          kBody.size(), kBody);
      // A fresh socket's buffer has room for it, so this does not wait.
      ::send(socket.native_handle(), full.data(), full.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      socket.shutdown(Socket::shutdown_send, failed);
      return;
    }
    socket.set_option(Tcp::no_delay(true), failed);
    const auto endpoint = socket.remote_endpoint(failed);
    if (failed) return;  // gone already
    auto connection =
        std::make_shared<Connection>(state_, std::move(socket), endpoint.address().to_string());
    state_->connections.insert(connection);
    {
      const std::lock_guard lock(state_->mutex);
      ++state_->open;
    }
    connection->start();
  }

  std::shared_ptr<DoorState> state_;
  Acceptor acceptor_;
  SteadyTimer pause_;
  std::uint16_t port_;
  SteadyTime silent_until_;
};

// The door as its owner holds it.
class DoorHandle final : public http::Server {
 public:
  explicit DoorHandle(std::shared_ptr<Door> door) : door_(std::move(door)) {}
  ~DoorHandle() override { door_->close(); }
  std::uint16_t port() const override { return door_->port(); }
  void drain(Milliseconds timeout) override { door_->drain(timeout); }

 private:
  std::shared_ptr<Door> door_;
};

}  // namespace

Result<std::unique_ptr<http::Server>> listen(Loop& loop, http::ServerOptions options,
                                             http::Handler handler, DoorExtras extras) {
  const auto failure = [&](const error_code& failed) {
    return Error{Code::Unavailable, fmt::format("cannot listen on {}:{}: {}", options.bind,
                                                options.port, failed.message())};
  };
  error_code failed;
  const auto address =
      asio::ip::make_address(options.bind == "localhost" ? "127.0.0.1" : options.bind, failed);
  if (failed) {
    return Error{Code::InvalidArgument,
                 fmt::format("cannot listen on '{}': not an IP address", options.bind)};
  }
  std::shared_ptr<TlsContext> tls;
  if (extras.tls) tls = TRY(server_context(*extras.tls));
  const Tcp::endpoint endpoint(address, options.port);
  Acceptor acceptor(loop.impl().context);
  acceptor.open(endpoint.protocol(), failed);
  if (!failed) acceptor.set_option(asio::socket_base::reuse_address(true), failed);
  if (!failed) acceptor.bind(endpoint, failed);
  if (!failed) acceptor.listen(asio::socket_base::max_listen_connections, failed);
  const auto bound = failed ? endpoint : acceptor.local_endpoint(failed);
  if (failed) return failure(failed);

  if (!address.is_unspecified()) {
    options.hosts.push_back(address.is_v6() ? "[" + address.to_string() + "]"
                                            : address.to_string());
  }
  auto state = std::make_shared<DoorState>(loop.impl(), std::move(options), std::move(handler));
  state->upgrade = std::move(extras.upgrade);
  state->tls = std::move(tls);
  auto door = std::make_shared<Door>(std::move(state), std::move(acceptor), bound.port());
  asio::co_spawn(loop.impl().context.get_executor(), door->accept_all(door), asio::detached);
  return std::unique_ptr<http::Server>(std::make_unique<DoorHandle>(std::move(door)));
}

}  // namespace net
