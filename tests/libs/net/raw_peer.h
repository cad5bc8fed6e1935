#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <future>
#include <string>
#include <string_view>
#include <utility>

#include "net/net.h"

// Peers that say exactly what a test tells them to, over real loopback sockets.
namespace net {

// Longer than any healthy answer takes: a hang becomes a failure.
inline constexpr std::chrono::seconds kPatience{20};

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// One end of a TCP connection. Blocking.
class RawPeer {
 public:
  explicit RawPeer(int socket) : socket_(socket) {
    const timeval patience{.tv_sec = kPatience.count(), .tv_usec = 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const int on = 1;  // what is sent byte by byte travels so
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  RawPeer(RawPeer&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  RawPeer& operator=(RawPeer&&) = delete;
  ~RawPeer() { close(); }

  static RawPeer connect_to(std::uint16_t port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      ::close(socket);
      return RawPeer(-1);
    }
    return RawPeer(socket);
  }

  bool connected() const { return socket_ >= 0; }
  int handle() const { return socket_; }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // Sends what the other side takes soon; 0 when that is nothing.
  std::size_t send_what_fits(std::string_view bytes) {
    pollfd writable{.fd = socket_, .events = POLLOUT, .revents = 0};
    if (poll(&writable, 1, 200) <= 0) return 0;
    const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent > 0 ? static_cast<std::size_t>(sent) : 0;
  }
  // Whether bytes, or the end, came within that time.
  bool readable_within(int milliseconds) {
    pollfd readable{.fd = socket_, .events = POLLIN, .revents = 0};
    return poll(&readable, 1, milliseconds) > 0;
  }

  // Everything up to and with `mark`, or up to the end. What follows is kept for the next call.
  std::string read_until(std::string_view mark) {
    std::size_t found = seen_.find(mark);
    while (found == std::string::npos && receive()) found = seen_.find(mark);
    const std::size_t end = found == std::string::npos ? seen_.size() : found + mark.size();
    std::string result = seen_.substr(0, end);
    seen_.erase(0, end);
    return result;
  }
  // Everything up to the end of the connection.
  std::string read_all() {
    while (receive()) {
    }
    return std::exchange(seen_, {});
  }
  std::string read_bytes(std::size_t count) {
    while (seen_.size() < count && receive()) {
    }
    std::string result = seen_.substr(0, count);
    seen_.erase(0, result.size());
    return result;
  }

  void half_close() { ::shutdown(socket_, SHUT_WR); }
  void close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }
  // Closes with a reset instead of an end of file.
  void reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }

 private:
  bool receive() {
    std::array<char, 65536> piece;
    const auto got = ::recv(socket_, piece.data(), piece.size(), 0);
    if (got <= 0) return false;
    seen_.append(piece.data(), static_cast<std::size_t>(got));
    return true;
  }

  int socket_;
  std::string seen_;
};

// A listening socket on a free port.
class RawServer {
 public:
  explicit RawServer(int backlog = 16) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = loopback(0);
    ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    ::listen(socket_, backlog);
    socklen_t size = sizeof address;
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    const timeval patience{.tv_sec = kPatience.count(), .tv_usec = 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;
  ~RawServer() { close(); }

  std::uint16_t port() const { return port_; }
  std::string url(std::string_view path = "/") const {
    return "http://127.0.0.1:" + std::to_string(port_) + std::string(path);
  }
  RawPeer accept() { return RawPeer(::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC)); }
  // Whether somebody knocks within that time.
  bool asked_within(int milliseconds) {
    pollfd readable{.fd = socket_, .events = POLLIN, .revents = 0};
    return poll(&readable, 1, milliseconds) > 0;
  }
  void close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }

 private:
  int socket_;
  std::uint16_t port_ = 0;
};

// Has the loop deal with what has arrived: it looks at its sockets at least once in a few rounds.
inline void settle(Loop& loop) {
  for (int round = 0; round < 12; ++round) {
    std::promise<void> passed;
    loop.post([&] { passed.set_value(); });
    passed.get_future().wait();
  }
}

// The descriptor of the other end of this client's connection, which is in this process; or -1.
inline int other_end(int socket) {
  sockaddr_in here{};
  socklen_t size = sizeof here;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&here), &size);
  for (int other = 0; other < 1024; ++other) {
    sockaddr_in there{};
    size = sizeof there;
    if (::getpeername(other, reinterpret_cast<sockaddr*>(&there), &size) == 0 &&
        there.sin_port == here.sin_port && there.sin_addr.s_addr == here.sin_addr.s_addr) {
      return other;
    }
  }
  return -1;
}

// Writes until the kernel takes no byte more, as to a peer that does not read. Returns how many.
inline std::size_t stuff(int socket) {
  const int small = 4096;  // which also keeps the kernel from making more room
  setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  const std::string bytes(4096, 'x');
  std::size_t stuffed = 0;
  pollfd writable{.fd = socket, .events = POLLOUT, .revents = 0};
  do {
    for (const std::size_t piece : {bytes.size(), std::size_t{1}}) {
      ssize_t sent = 0;
      while ((sent = ::send(socket, bytes.data(), piece, MSG_NOSIGNAL | MSG_DONTWAIT)) > 0) {
        stuffed += static_cast<std::size_t>(sent);
      }
    }
  } while (poll(&writable, 1, 50) > 0);
  return stuffed;
}

// The value, or nothing when it did not come in time.
template <class T>
bool arrives(std::future<T>& future) {
  return future.wait_for(kPatience) == std::future_status::ready;
}

}  // namespace net
