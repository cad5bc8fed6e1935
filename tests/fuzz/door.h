#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "fuzz/fuzz.h"
#include "http/http.h"

// A real door on loopback, and what a client that says anything hears from it.
namespace fuzz {

inline constexpr std::size_t kBodyMax = 256;
inline constexpr std::size_t kHeadMax = 1024;

inline http::ServerOptions door_options() {
  http::ServerOptions options;
  options.limits.header_bytes = kHeadMax;
  options.limits.body_bytes = kBodyMax;
  return options;
}

// Answers with what it got; a target of "/stream" in pieces.
inline void echo(const http::Request& request, const std::shared_ptr<http::Reply>& reply) {
  require(request.body.size() <= kBodyMax, "no body is over the limit");
  require(request.path.starts_with('/') && request.headers.count("Host") == 1,
          "what is handled has a path and a host");
  if (request.path != "/stream") {
    return reply->respond(http::Response::text("got " + std::to_string(request.body.size())));
  }
  reply->begin(200, {{"Content-Type", "text/plain"}});
  reply->write("one");
  reply->write("two");
  reply->end(http::Reply::Ending::Complete);
}

// Whatever the input began, after this the door has answered all there is and closes: it ends a
// head, fills any body that is within the limit, and is no request.
inline std::string ending() { return "\r\n\r\n" + std::string(kBodyMax + 64, 'x') + "\r\n\r\n"; }

struct Heard {
  std::string bytes;
  bool reset = false;  // which may have overtaken a part of the answer
};

// Sends a handshake, if there is one, and awaits its answer; sends the parts, then reads to the
// end.
inline Heard converse(std::uint16_t port, std::string_view handshake,
                      const std::vector<std::string_view>& parts) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval patience{.tv_sec = 30, .tv_usec = 0};
  const int on = 1;
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // Closing by reset leaves no TIME_WAIT behind: there are thousands of connections.
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  const bool connected =
      ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  require(connected, "the door is open");
  Heard heard;
  const auto receive = [&] {
    std::array<char, 4096> piece{};
    const auto got = ::recv(socket, piece.data(), piece.size(), 0);
    if (got < 0) {
      require(errno == ECONNRESET, "the door answers or closes in time");
      heard.reset = true;
    }
    heard.bytes.append(piece.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return got > 0;
  };
  // What is sent to a door that has closed goes nowhere, as it should.
  const auto send = [&](std::string_view part) {
    return ::send(socket, part.data(), part.size(), MSG_NOSIGNAL) >= 0;
  };
  if (!handshake.empty() && send(handshake)) {
    while (heard.bytes.find("\r\n\r\n") == std::string::npos && receive()) {
    }
  }
  for (const std::string_view part : parts) {
    if (!send(part)) break;
  }
  while (receive()) {
  }
  ::close(socket);
  return heard;
}

inline Heard exchange(std::uint16_t port, const std::vector<std::string_view>& parts) {
  return converse(port, {}, parts);
}

namespace detail {

// Takes a body of `head`'s framing off `rest`. The answer to HEAD has none: then the next answer
// follows at once.
inline bool take_body(std::string_view head, std::string_view& rest) {
  if (rest.empty() || rest.starts_with("HTTP/1.1 ")) return true;
  constexpr std::string_view kLength = "\r\nContent-Length: ";
  if (const auto at = head.find(kLength); at != std::string_view::npos) {
    const auto size = std::stoul(std::string(head.substr(at + kLength.size())));
    if (rest.size() < size) return false;
    rest.remove_prefix(size);
    return true;
  }
  if (head.find("\r\nTransfer-Encoding: chunked") == std::string_view::npos) {
    rest = {};  // to a client of HTTP/1.0, up to the end
    return true;
  }
  const auto end = rest.find("\r\n0\r\n\r\n");
  if (end == std::string_view::npos) return false;
  rest.remove_prefix(end + 7);
  return true;
}

}  // namespace detail

// The statuses of the answers in `heard`, which must be answers and nothing else. With a reset the
// last may be cut.
inline std::vector<int> statuses(const Heard& heard) {
  std::vector<int> all;
  std::string_view rest = heard.bytes;
  while (!rest.empty()) {
    const auto end = rest.find("\r\n\r\n");
    const bool whole = end != std::string_view::npos && rest.starts_with("HTTP/1.1 ");
    if (!whole && heard.reset) break;
    require(whole, "a door speaks HTTP");
    const std::string_view head = rest.substr(0, end + 2);
    const int status = std::stoi(std::string(head.substr(9, 3)));
    require(status >= 100 && status < 600 && status != 500, "a status is one, and no accident");
    rest.remove_prefix(end + 4);
    if (status != 100) {
      const bool complete = detail::take_body(head, rest);
      if (!complete && heard.reset) break;
      require(complete, "an answer is complete");
      all.push_back(status);
    }
  }
  return all;
}

inline Corpus door_corpus() {
  const std::string host = "Host: localhost\r\n";
  return {
      .seeds = {"GET / HTTP/1.1\r\n" + host + "\r\n",
                "POST /a HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello",
                "POST /b HTTP/1.1\r\n" + host +
                    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                "GET /stream HTTP/1.1\r\n" + host + "\r\nHEAD /x HTTP/1.1\r\n" + host + "\r\n",
                "PUT /c HTTP/1.1\r\n" + host +
                    "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
                "GET /d HTTP/1.0\r\n" + host + "Connection: keep-alive\r\n\r\n",
                "OPTIONS * HTTP/1.1\r\n" + host + "\r\n",
                "POST /e HTTP/1.1\r\n" + host +
                    "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nTrailer: x\r\n\r\n"},
      .words = {"Content-Length: 5\r\n",
                "Content-Length: 0\r\n",
                "Transfer-Encoding: chunked\r\n",
                "Transfer-Encoding: gzip, chunked\r\n",
                host,
                "Host: evil\r\n",
                "Origin: http://evil\r\n",
                "\r\n\r\n",
                "\r\n",
                "\n",
                "\r",
                "0\r\n\r\n",
                "FFFFFFFF",
                "HTTP/1.1",
                "HTTP/1.0",
                "HTTP/2.0",
                "Connection: close\r\n",
                " ",
                "\t",
                "%00",
                "Expect: 100-continue\r\n",
                "GET http://localhost/ HTTP/1.1\r\n",
                ": ",
                ";a=b",
                "Upgrade: websocket\r\nConnection: upgrade\r\n",
                "CONNECT a:1 HTTP/1.1\r\n"},
      .bytes_max = 2048};
}

}  // namespace fuzz
