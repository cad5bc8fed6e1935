#include "gateway_load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace bench {
namespace {

constexpr int kPatienceMs = 20'000;

// What the model server's streams say again and again; the role that goes before is no token.
constexpr std::string_view kToken = "word ";

const SystemClock& clock() { return SystemClock::instance(); }

Error failure(std::string_view what) {
  return Error{Code::Unavailable, fmt::format("{}: {}", what, strerror(errno))};
}

// The value of a header line in `head`, whose name is given in small letters with ": " behind it.
std::string_view header(std::string_view head, std::string_view name) {
  for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
    const std::string_view line = head.substr(at + 2);
    if (line.size() < name.size()) break;
    if (strncasecmp(line.data(), name.data(), name.size()) != 0) continue;
    const std::string_view value = line.substr(name.size());
    return value.substr(0, value.find("\r\n"));
  }
  return {};
}

// A whole answer has all of its tokens in its first bytes.
bool has_token(std::string_view text, std::size_t body_at, bool chunked) {
  if (text.size() <= body_at) return false;
  return !chunked || text.find(kToken, body_at) != text.npos;
}

}  // namespace

std::string post_request(const std::string& path, const std::string& body) {
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer none\r\n"
      "Content-Type: application/json\r\nAccept: application/json\r\nUser-Agent: bench\r\n"
      "Content-Length: {}\r\n\r\n{}",
      path, body.size(), body);
}

Result<Askers> Askers::open(std::uint16_t port, int count, std::string request) {
  Askers askers;
  askers.request_ = std::move(request);
  askers.epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (askers.epoll_ < 0) return failure("epoll_create1");
  askers.connections_.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) TRY(askers.add(port));
  const auto warm = TRY(askers.ask(static_cast<std::uint64_t>(count)));
  if (warm.failed > 0) return Error{Code::Unavailable, "the server does not answer with 200"};
  return askers;
}

Result<Askers> Askers::begin(std::uint16_t port, std::string request) {
  Askers asker;
  asker.request_ = std::move(request);
  TRY(asker.add(port));
  TRY(asker.send_to(asker.connections_.front()));
  pollfd readable{.fd = asker.connections_.front().socket, .events = POLLIN, .revents = 0};
  if (poll(&readable, 1, kPatienceMs) != 1) return failure("no answer begins");
  return asker;
}

Askers::Askers(Askers&& other) noexcept
    : epoll_(std::exchange(other.epoll_, -1)),
      request_(std::move(other.request_)),
      connections_(std::move(other.connections_)) {
  other.connections_.clear();
}

Askers::~Askers() {
  for (const Connection& connection : connections_) close(connection.socket);
  if (epoll_ >= 0) close(epoll_);
}

Result<void> Askers::add(std::uint16_t port) {
  Connection connection;
  connection.socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection.socket < 0) return failure("socket");
  const int on = 1;
  setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int connected =
      connect(connection.socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  epoll_event event{.events = EPOLLIN, .data = {.u64 = connections_.size()}};
  const int socket = connection.socket;
  connections_.push_back(std::move(connection));
  if (connected != 0) return failure("connect");
  if (epoll_ >= 0 && epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event) != 0)
    return failure("epoll_ctl");
  return {};
}

Result<void> Askers::send_to(Connection& connection) {
  connection.received.clear();
  connection.body_at = 0;
  connection.first_seen = false;
  connection.sent = clock().now();
  const auto sent = send(connection.socket, request_.data(), request_.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(request_.size())) return failure("send");
  return {};
}

Result<bool> Askers::receive(Connection& connection, Round& round) {
  std::array<char, 64 * 1024> piece;
  const auto got = recv(connection.socket, piece.data(), piece.size(), MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return false;
  if (got <= 0) return failure("the server closed a connection");
  std::string& text = connection.received;
  text.append(piece.data(), static_cast<std::size_t>(got));
  if (connection.body_at == 0) {
    const auto end = text.find("\r\n\r\n");
    if (end == text.npos) return false;
    const std::string_view head = std::string_view(text).substr(0, end + 2);
    connection.body_at = end + 4;
    connection.ok = head.starts_with("HTTP/1.1 200 ");
    connection.chunked = header(head, "transfer-encoding: ") == "chunked";
    const std::string length(header(head, "content-length: "));
    connection.length = std::strtoul(length.c_str(), nullptr, 10);
  }
  if (!connection.first_seen && has_token(text, connection.body_at, connection.chunked)) {
    connection.first_seen = true;
    round.first_ms.push_back(elapsed_ms(connection.sent, clock().now()));
  }
  const bool whole = connection.chunked ? text.ends_with("0\r\n\r\n")
                                        : text.size() >= connection.body_at + connection.length;
  if (!whole) return false;
  round.whole_ms.push_back(elapsed_ms(connection.sent, clock().now()));
  if (!connection.ok) ++round.failed;
  return true;
}

Result<Askers::Round> Askers::ask(std::uint64_t requests) {
  Round round;
  const SteadyTime began = clock().now();
  std::uint64_t unsent = requests;
  std::uint64_t unanswered = requests;
  for (Connection& connection : connections_) {
    if (unsent == 0) break;
    --unsent;
    TRY(send_to(connection));
  }
  std::array<epoll_event, 64> events;
  while (unanswered > 0) {
    const int ready = epoll_wait(epoll_, events.data(), events.size(), kPatienceMs);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return Error{Code::Unavailable, "the server answers no more"};
    for (int i = 0; i < ready; ++i) {
      Connection& connection = connections_[events.at(static_cast<std::size_t>(i)).data.u64];
      if (!TRY(receive(connection, round))) continue;
      --unanswered;
      if (unsent == 0) continue;
      --unsent;
      TRY(send_to(connection));
    }
  }
  round.seconds = elapsed_ms(began, clock().now()) / 1000;
  return round;
}

}  // namespace bench
