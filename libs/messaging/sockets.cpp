#include "messaging/sockets.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "telemetry/log.h"

namespace messaging {
namespace {

constexpr int kQueuedMessages = 10'000;  // of one peer and direction; above calls_max
constexpr std::string_view kGate = "inproc://zeromq.zap.01";
constexpr std::size_t kKeyBytes = 32;  // of a public key as it travels

void bound(zmq::socket_t& socket) {
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::sndhwm, kQueuedMessages);
  socket.set(zmq::sockopt::rcvhwm, kQueuedMessages);
  socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(limits::kFrameBytes));
}

// A vanished host says nothing: over tcp both sides ask for signs of life.
void expect_signs_of_life(zmq::socket_t& socket) {
  socket.set(zmq::sockopt::heartbeat_ivl, 500);
  socket.set(zmq::sockopt::heartbeat_timeout, 1500);
  socket.set(zmq::sockopt::handshake_ivl, 5000);
  socket.set(zmq::sockopt::reconnect_ivl, 50);
  socket.set(zmq::sockopt::reconnect_ivl_max, 1000);
}

}  // namespace

void Sockets::serve_with_keys(zmq::socket_t& socket, std::string_view address) const {
  if (!keys_) return;
  expect_signs_of_life(socket);
  socket.set(zmq::sockopt::ipv6, address.find('[') != std::string_view::npos);
  socket.set(zmq::sockopt::zap_domain, "troupe");
  socket.set(zmq::sockopt::curve_server, true);
  socket.set(zmq::sockopt::curve_secretkey, keys_->server.secret_key);
}

void Sockets::call_with_keys(zmq::socket_t& socket) const {
  if (!keys_) return;
  expect_signs_of_life(socket);
  socket.set(zmq::sockopt::ipv6, true);
  socket.set(zmq::sockopt::curve_serverkey, keys_->server.public_key);
  socket.set(zmq::sockopt::curve_publickey, keys_->own.public_key);
  socket.set(zmq::sockopt::curve_secretkey, keys_->own.secret_key);
}

zmq::socket_t Sockets::router(const std::string& address) {
  zmq::socket_t socket(context_, zmq::socket_type::router);
  bound(socket);
  serve_with_keys(socket, address);
  socket.set(zmq::sockopt::linger, 200);  // the last answers
  socket.set(zmq::sockopt::router_mandatory, 1);
  socket.bind(address);
  return socket;
}

zmq::socket_t Sockets::publisher(const std::string& address) {
  zmq::socket_t socket(context_, zmq::socket_type::pub);
  bound(socket);
  serve_with_keys(socket, address);
  socket.bind(address);
  return socket;
}

zmq::socket_t Sockets::subscriber() {
  zmq::socket_t socket(context_, zmq::socket_type::sub);
  bound(socket);
  call_with_keys(socket);
  return socket;
}

zmq::socket_t Sockets::dealer() {
  zmq::socket_t socket(context_, zmq::socket_type::dealer);
  bound(socket);
  call_with_keys(socket);
  return socket;
}

std::optional<zmq::socket_t> Sockets::gatekeeper() {
  if (!keys_) return std::nullopt;
  zmq::socket_t socket(context_, zmq::socket_type::rep);
  socket.set(zmq::sockopt::linger, 0);
  socket.bind(std::string(kGate));
  return socket;
}

void Sockets::answer(zmq::socket_t& gatekeeper) const {
  // version, request id, domain, address, identity, mechanism, the client's public key
  std::vector<zmq::message_t> request;
  const auto next = [&] {
    request.clear();
    do {
      if (!gatekeeper.recv(request.emplace_back(), zmq::recv_flags::dontwait)) return false;
    } while (gatekeeper.get(zmq::sockopt::rcvmore));
    return true;
  };
  const auto say = [&](std::string_view part, zmq::send_flags flags) {
    gatekeeper.send(frame(part), flags);
  };
  while (next()) {
    std::string owner;
    if (request.size() == 7 && request[5].to_string_view() == "CURVE" &&
        request[6].size() == kKeyBytes) {
      std::array<char, 41> text{};
      zmq_z85_encode(text.data(), request[6].data<std::uint8_t>(), kKeyBytes);
      owner = owner_of(keys_->directory, text.data());
    }
    if (owner.empty()) {
      telemetry::warn("a stranger was refused",
                      {{"address", request.size() > 3 ? request[3].to_string() : ""}});
    }
    say("1.0", zmq::send_flags::sndmore);
    say(request.size() > 1 ? request[1].to_string_view() : "", zmq::send_flags::sndmore);
    say(owner.empty() ? "400" : "200", zmq::send_flags::sndmore);
    say(owner.empty() ? "no key of this stack" : "", zmq::send_flags::sndmore);
    say(owner, zmq::send_flags::sndmore);
    say("", zmq::send_flags::none);
  }
}

Peer::Peer(Instance what, Sockets& sockets) : instance(std::move(what)), socket(sockets.dealer()) {
  if (instance.pid > 0) {
    pid_fd = static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(instance.pid), 0));
    // Nobody would ever tell us.
    if (pid_fd < 0 && errno == ESRCH) throw std::runtime_error("its process has ended");
  }
  reconnect(sockets);
}

Peer::~Peer() {
  stop_monitor();
  if (pid_fd >= 0) close(pid_fd);
}

void Peer::reconnect(Sockets& sockets) {
  stop_monitor();
  socket = sockets.dealer();
  unread = true;
  silent = false;
  try {
    connect(sockets);
  } catch (...) {
    stop_monitor();
    throw;
  }
}

void Peer::connect(Sockets& sockets) {
  if (instance.rpc.starts_with("tcp://")) {
    const std::string report = sockets.new_report();
    if (zmq_socket_monitor(socket.handle(), report.c_str(),
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
                               ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) != 0) {
      throw zmq::error_t();
    }
    monitor.emplace(sockets.context(), zmq::socket_type::pair);
    monitor->set(zmq::sockopt::linger, 0);
    monitor->connect(report);
    link = Link::Connecting;
    connecting_since = SystemClock::instance().now();
  }
  socket.connect(instance.rpc);
}

// In this order: a report that nobody can read any more would hold ZeroMQ's own thread for ever,
// and every connection of this process with it.
void Peer::stop_monitor() {
  if (!monitor) return;
  zmq_socket_monitor(socket.handle(), nullptr, 0);
  monitor.reset();
}

bool Peer::connection_lost() {
  bool lost = false;
  while (monitor) {
    zmq::message_t event;
    zmq::message_t address;
    if (!monitor->recv(event, zmq::recv_flags::dontwait) || !monitor->recv(address)) break;
    std::uint16_t kind = 0;
    if (event.size() >= sizeof kind) std::memcpy(&kind, event.data(), sizeof kind);
    if (kind == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
      link = Link::Up;
    } else {
      lost = lost || link == Link::Up;  // while it connects, ZeroMQ tries again by itself
      if (kind == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
        telemetry::warn("peer refused our key", {{"rpc", instance.rpc}});
      }
    }
  }
  return lost;
}

}  // namespace messaging
