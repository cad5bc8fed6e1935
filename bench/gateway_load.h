#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

// The client's side of bench/gateway: plain sockets and one epoll, the same for every server.
namespace bench {

// Keep-alive connections to one loopback port that POST the same request again and again.
// Single-threaded.
class Askers {
 public:
  // `request`: the bytes of a whole HTTP/1.1 request. Unavailable when it is not answered with 200.
  static Result<Askers> open(std::uint16_t port, int count, std::string request);
  // One connection whose request is under way: its answer's first byte has come, and it is kept.
  static Result<Askers> begin(std::uint16_t port, std::string request);
  Askers(Askers&& other) noexcept;
  Askers& operator=(Askers&&) = delete;
  ~Askers();

  struct Round {
    double seconds = 0;
    std::vector<double> first_ms;  // from sent to the first token, by request
    std::vector<double> whole_ms;  // to its end
    std::uint64_t failed = 0;      // other statuses than 200
  };
  // Asks `requests` times over all connections, one in flight on each.
  Result<Round> ask(std::uint64_t requests);

 private:
  struct Connection {
    int socket = -1;
    std::string received;
    std::size_t body_at = 0;  // 0: the head is not whole yet
    std::size_t length = 0;   // of the body; chunked when `chunked`
    bool chunked = false;
    bool ok = false;
    bool first_seen = false;
    SteadyTime sent{};
  };
  Askers() = default;
  Result<void> add(std::uint16_t port);
  Result<void> send_to(Connection& connection);
  // True when the answer is whole.
  Result<bool> receive(Connection& connection, Round& round);

  int epoll_ = -1;
  std::string request_;
  std::vector<Connection> connections_;
};

// A POST of `body` to `path` as clients send it.
std::string post_request(const std::string& path, const std::string& body);

}  // namespace bench
