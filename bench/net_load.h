#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

// The client's side of bench/net: plain sockets and one epoll, the same for every server, so that
// what differs between two measurements is the server.
namespace bench {

// Keep-alive connections to one loopback port, each of which has had one answer. Single-threaded.
class Connections {
 public:
  // Unavailable when the server does not answer `GET /` with 200 and a Content-Length.
  static Result<Connections> open(std::uint16_t port, int count);
  Connections(Connections&& other) noexcept;
  Connections& operator=(Connections&&) = delete;
  ~Connections();

  // Asks `requests` times over all connections, one in flight on each.
  Result<void> ask(std::uint64_t requests);

 private:
  Connections() = default;
  Result<void> add(std::uint16_t port);
  Result<bool> answered(std::size_t connection);

  int epoll_ = -1;
  std::vector<int> sockets_;
  std::vector<std::size_t> received_;  // bytes of the answer under way, by connection
  std::size_t answer_bytes_ = 0;       // all answers of one server are equally long
};

// Raises the soft limit of open files to the hard one. Unavailable, naming the limit, when fewer
// than `files` would be allowed.
Result<void> allow_open_files(std::uint64_t files);

}  // namespace bench
