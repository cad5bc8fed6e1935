#include "net_load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace bench {
namespace {

constexpr std::string_view kRequest =
    "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n";
constexpr int kPatienceMs = 10'000;
// The kernel has some 28,000 ports for each pair of addresses.
constexpr std::size_t kConnectionsPerSource = 20'000;

Error failure(std::string_view what) {
  return Error{Code::Unavailable, fmt::format("{}: {}", what, strerror(errno))};
}

sockaddr_in loopback(std::uint32_t last_byte, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl((127U << 24) | last_byte);
  return address;
}

// The size of the whole answer that `text` begins with; 0 when it is not 200 with a length.
std::size_t answer_size(std::string_view text) {
  constexpr std::string_view kLength = "\r\nContent-Length: ";
  const std::size_t end = text.find("\r\n\r\n");
  const std::size_t length = text.find(kLength);
  if (!text.starts_with("HTTP/1.1 200 ") || length >= end) return 0;
  const std::string digits(text.substr(length + kLength.size(), 12));
  return end + 4 + std::strtoul(digits.c_str(), nullptr, 10);
}

}  // namespace

Result<void> allow_open_files(std::uint64_t files) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return failure("getrlimit");
  if (limit.rlim_max < files) {
    return Error{Code::Unavailable,
                 fmt::format("RLIMIT_NOFILE: {} open files are needed, but the hard limit is {}; "
                             "raise it (ulimit -Hn) or ask for fewer connections",
                             files, limit.rlim_max)};
  }
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return failure("setrlimit");
  return {};
}

Result<Connections> Connections::open(std::uint16_t port, int count) {
  Connections connections;
  connections.epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (connections.epoll_ < 0) return failure("epoll_create1");
  for (int i = 0; i < count; ++i) TRY(connections.add(port));
  return connections;
}

Connections::Connections(Connections&& other) noexcept
    : epoll_(std::exchange(other.epoll_, -1)),
      sockets_(std::move(other.sockets_)),
      received_(std::move(other.received_)),
      answer_bytes_(other.answer_bytes_) {
  other.sockets_.clear();
}

Connections::~Connections() {
  for (const int socket : sockets_) close(socket);
  if (epoll_ >= 0) close(epoll_);
}

// Connects, and asks once: a connection that has been served holds what it will hold while idle.
Result<void> Connections::add(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return failure("socket");
  const std::size_t index = sockets_.size();
  sockets_.push_back(socket);
  received_.push_back(0);
  const int on = 1;
  const timeval patience{.tv_sec = kPatienceMs / 1000, .tv_usec = 0};
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  const auto source = loopback(1 + static_cast<std::uint32_t>(index / kConnectionsPerSource), 0);
  const auto target = loopback(1, port);
  if (bind(socket, reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0 ||
      connect(socket, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) {
    return failure(fmt::format("connection {}", index + 1));
  }
  send(socket, kRequest.data(), kRequest.size(), MSG_NOSIGNAL);
  std::string text;
  std::array<char, 4096> piece;
  while (answer_size(text) == 0 || text.size() < answer_size(text)) {
    const auto got = recv(socket, piece.data(), piece.size(), 0);
    if (got <= 0) {
      return Error{Code::Unavailable,
                   fmt::format("connection {}: no answer, only '{}'", index + 1, text)};
    }
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  answer_bytes_ = text.size();
  epoll_event event{.events = EPOLLIN, .data = {.u64 = index}};
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event) != 0) return failure("epoll_ctl");
  return {};
}

Result<void> Connections::ask(std::uint64_t requests) {
  std::uint64_t unsent = requests;
  std::uint64_t unanswered = requests;
  const auto send_next = [&](std::size_t connection) {
    if (unsent == 0) return;
    --unsent;
    send(sockets_[connection], kRequest.data(), kRequest.size(), MSG_NOSIGNAL);
  };
  for (std::size_t i = 0; i < sockets_.size(); ++i) send_next(i);
  std::array<epoll_event, 64> events;
  while (unanswered > 0) {
    const int ready = epoll_wait(epoll_, events.data(), events.size(), kPatienceMs);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return Error{Code::Unavailable, "the server answers no more"};
    for (int i = 0; i < ready; ++i) {
      const std::size_t connection = events.at(static_cast<std::size_t>(i)).data.u64;
      const Result<bool> whole = answered(connection);
      if (!whole) return whole.error();
      if (!whole.value()) continue;
      --unanswered;
      send_next(connection);
    }
  }
  return {};
}

// Reads what has come; true when that completes an answer.
Result<bool> Connections::answered(std::size_t connection) {
  std::array<char, 4096> piece;
  const auto got = recv(sockets_[connection], piece.data(), piece.size(), MSG_DONTWAIT);
  if (got <= 0) return failure("the server closed a connection");
  received_[connection] += static_cast<std::size_t>(got);
  if (received_[connection] < answer_bytes_) return false;
  if (received_[connection] > answer_bytes_) {
    return Error{Code::Unavailable, "an answer differs in size from the first"};
  }
  received_[connection] = 0;
  return true;
}

}  // namespace bench
