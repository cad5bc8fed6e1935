#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "base/clock.h"
#include "base/limits.h"
#include "messaging/discovery.h"
#include "messaging/keys.h"

// The ZeroMQ sockets of a node with the options they all need. Everything here belongs to the
// node's thread.
namespace messaging {

inline zmq::message_t frame(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

// What the sockets of a node share. Without keys they are plain, which is for ipc:// alone.
class Sockets {
 public:
  explicit Sockets(std::optional<Keys> keys) : keys_(std::move(keys)) {}

  zmq::socket_t router(const std::string& address);
  zmq::socket_t publisher(const std::string& address);
  zmq::socket_t subscriber();
  zmq::socket_t dealer();
  // Asked by ZeroMQ who may connect (rfc.zeromq.org/spec/27); none without keys. Bind it first.
  std::optional<zmq::socket_t> gatekeeper();
  // Answers all that has arrived at the gatekeeper.
  void answer(zmq::socket_t& gatekeeper) const;

  // Whether this node can connect to an address: both sides are plain or both use keys.
  bool suits(std::string_view address) const {
    return address.starts_with(keys_ ? "tcp://" : "ipc://");
  }
  // With which others check who serves them; empty without keys.
  std::string public_key() const { return keys_ ? keys_->server.public_key : std::string(); }
  zmq::context_t& context() { return context_; }
  // Where a socket may report on its connection. Never twice the same: ZeroMQ frees an address some
  // time after its socket.
  std::string new_report() { return "inproc://report." + std::to_string(++reports_); }

 private:
  void serve_with_keys(zmq::socket_t& socket, std::string_view address) const;
  void call_with_keys(zmq::socket_t& socket) const;

  std::optional<Keys> keys_;
  std::uint64_t reports_ = 0;
  zmq::context_t context_{1};
};

// Another process that serves: its socket, and how its end is noticed. Over ipc that is a
// descriptor of the process; over tcp the connection itself, which ZeroMQ reports.
class Peer {
 public:
  enum class Link { Connecting, Up, Lost };  // lost: still connecting, but not to be counted on

  Peer(Instance what, Sockets& sockets);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // A new socket in place of one whose connection was lost, without what the old one still held.
  void reconnect(Sockets& sockets);
  // Reads what ZeroMQ reports of a tcp connection; true when it was up and is lost.
  bool connection_lost();

  Instance instance;
  zmq::socket_t socket;
  std::optional<zmq::socket_t> monitor;  // over tcp
  int pid_fd = -1;                       // on this machine
  Link link = Link::Up;
  SteadyTime connecting_since{};
  std::size_t in_flight = 0;
  std::size_t poll_index = 0;
  // Its descriptor tells of commands, not of messages, and of each once (zmq_getsockopt(3),
  // ZMQ_FD): whoever uses the socket, if only to send, may take the news along. So after any use it
  // is read until there is nothing before its descriptor is waited for.
  bool unread = true;
  bool silent = false;     // has let a call's deadline pass and said nothing since
  bool withdrawn = false;  // ends once its calls have

 private:
  void connect(Sockets& sockets);
  void stop_monitor();
};

}  // namespace messaging
