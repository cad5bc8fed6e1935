#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "http/http.h"

namespace ops_http {

// How the body of a request is delimited (RFC 9112 section 6).
struct Framing {
  bool chunked = false;
  std::size_t length = 0;
};

// The framing that the header fields announce. Refuses what two readers could understand
// differently (both fields, several lengths) and a length over the limit.
Result<Framing> framing_of(const http::Headers& headers, const http::ServerLimits& limits);

// The bytes of one accepted connection. cpp-httplib would wait five seconds a byte and buffer heads
// without a limit; here a head and a body each have a size and a deadline as a whole. Used by the
// connection's own thread. Does not own the socket.
class Connection {
 public:
  // Makes the socket non-blocking; `limits` must outlive the connection.
  Connection(int fd, const http::ServerLimits& limits);

  int fd() const { return fd_; }
  std::string peer() const;

  // Whether a byte of the next request has come before `timeout`.
  bool await_request(Milliseconds timeout) const;

  // Reads until the empty line that ends a head. TooLarge, DeadlineExceeded; Unavailable when the
  // peer has closed.
  Result<void> read_head(Milliseconds timeout);
  // "GET" of the head that read_head() found.
  std::string_view method() const;
  // Hands on at most `size` bytes of that head; 0 at its end.
  std::size_t take_head(char* data, std::size_t size);

  Result<std::string> read_body(Framing framing);

  // Writes everything; false when the peer has gone or has read nothing for the body timeout.
  bool write(std::string_view bytes);

  // Ends the answers, then reads and forgets what still comes before `timeout`: closing at once
  // would reset the connection, and that could take the last answer with it.
  void linger(Milliseconds timeout);

 private:
  void escape_fields();
  Result<void> fill(SteadyTime deadline);
  Result<std::string> read_line(SteadyTime deadline);
  Result<void> read_bytes(std::size_t count, std::string& out, SteadyTime deadline);
  Result<void> read_chunks(std::string& body, SteadyTime deadline);

  int fd_;
  const http::ServerLimits& limits_;
  std::string input_;         // read from the socket
  std::size_t taken_ = 0;     // bytes of input_ that are done with
  std::size_t head_end_ = 0;  // where the current head ends in input_
};

}  // namespace ops_http
