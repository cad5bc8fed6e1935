#include "ops_http/connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

namespace ops_http {
namespace {

constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::size_t kLineBytes = 1024;  // of a chunk's size line or a trailer field

// Rounded up, so that a wait does not spin through its last millisecond.
int poll_timeout(SteadyTime deadline) {
  const auto left = std::chrono::ceil<Milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<Milliseconds::rep>(left.count(), 0, 3'600'000));
}

// Whether one of `events`, or the end of the connection, comes before `deadline`.
bool wait_for(int fd, short events, SteadyTime deadline) {
  pollfd waiting{fd, events, 0};
  int ready = 0;
  do {
    ready = ::poll(&waiting, 1, poll_timeout(deadline));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

template <class Number>
bool parse_number(std::string_view text, int base, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc{} && end == text.data() + text.size();
}

Error too_large(std::size_t bytes_max) {
  return {Code::TooLarge, "the body exceeds " + std::to_string(bytes_max) + " bytes"};
}

}  // namespace

Result<Framing> framing_of(const http::Headers& headers, const http::ServerLimits& limits) {
  const auto coding = headers.get("Transfer-Encoding");
  const auto length = headers.get("Content-Length");
  if (coding) {
    if (length || headers.count("Transfer-Encoding") > 1) {
      return Error{Code::InvalidArgument, "the body's length is ambiguous"};
    }
    if (*coding != "chunked" && *coding != "Chunked") {
      return Error{Code::Unimplemented, "only the transfer coding 'chunked' is understood"};
    }
    return Framing{.chunked = true};
  }
  if (!length) return Framing{};
  Framing framing;
  if (headers.count("Content-Length") > 1 || !parse_number(*length, 10, framing.length)) {
    return Error{Code::InvalidArgument, "Content-Length is not one number"};
  }
  if (framing.length > limits.body_bytes) return too_large(limits.body_bytes);
  return framing;
}

Connection::Connection(int fd, const http::ServerLimits& limits) : fd_(fd), limits_(limits) {
  ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
  ::fcntl(fd_, F_SETFD, FD_CLOEXEC);
}

std::string Connection::peer() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  const void* bytes = &reinterpret_cast<const sockaddr_in*>(&address)->sin_addr;
  if (address.ss_family == AF_INET6) {
    bytes = &reinterpret_cast<const sockaddr_in6*>(&address)->sin6_addr;
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::inet_ntop(address.ss_family, bytes, text.data(), text.size()) == nullptr) return {};
  return text.data();
}

bool Connection::await_request(Milliseconds timeout) const {
  if (taken_ < input_.size()) return true;
  return wait_for(fd_, POLLIN, std::chrono::steady_clock::now() + timeout);
}

Result<void> Connection::fill(SteadyTime deadline) {
  std::array<char, kReadBytes> bytes;
  while (true) {
    const ssize_t count = ::recv(fd_, bytes.data(), bytes.size(), 0);
    if (count > 0) {
      input_.append(bytes.data(), static_cast<std::size_t>(count));
      return {};
    }
    if (count < 0 && errno == EINTR) continue;
    if (count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
      return Error{Code::Unavailable, "the client has closed the connection"};
    }
    if (!wait_for(fd_, POLLIN, deadline)) {
      return Error{Code::DeadlineExceeded, "the client sends too slowly"};
    }
  }
}

Result<void> Connection::read_head(Milliseconds timeout) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + timeout;
  input_.erase(0, taken_);
  taken_ = 0;
  std::size_t searched = 0;
  while (true) {
    // Empty lines before a request are passed over (RFC 9112 section 2.2).
    if (searched == 0) input_.erase(0, std::min(input_.find_first_not_of("\r\n"), input_.size()));
    const std::size_t end = input_.find("\r\n\r\n", searched);
    if (std::min(end, input_.size()) > limits_.header_bytes) {
      return Error{Code::TooLarge,
                   "the head exceeds " + std::to_string(limits_.header_bytes) + " bytes"};
    }
    if (end != std::string::npos) {
      head_end_ = end + 4;
      break;
    }
    searched = input_.size() < 3 ? 0 : input_.size() - 3;
    TRY(fill(deadline));
  }
  escape_fields();
  return {};
}

// cpp-httplib percent-decodes the values of header fields; an encoded percent sign survives that.
void Connection::escape_fields() {
  const std::size_t fields = input_.find("\r\n");
  if (input_.find('%', fields) >= head_end_) return;
  std::string escaped = input_.substr(0, fields);
  for (std::size_t i = fields; i < head_end_; ++i) {
    escaped += input_[i];
    if (input_[i] == '%') escaped += "25";
  }
  const std::size_t escaped_end = escaped.size();
  escaped.append(input_, head_end_);
  input_ = std::move(escaped);
  head_end_ = escaped_end;
}

std::string_view Connection::method() const {
  const std::string_view head = std::string_view(input_).substr(taken_);
  return head.substr(0, head.find_first_of(" \r\n"));
}

std::size_t Connection::take_head(char* data, std::size_t size) {
  const std::size_t count = std::min(size, head_end_ - std::min(taken_, head_end_));
  input_.copy(data, count, taken_);
  taken_ += count;
  return count;
}

Result<void> Connection::read_bytes(std::size_t count, std::string& out, SteadyTime deadline) {
  while (count > 0) {
    if (taken_ == input_.size()) {
      input_.clear();
      taken_ = 0;
      TRY(fill(deadline));
    }
    const std::size_t part = std::min(count, input_.size() - taken_);
    out.append(input_, taken_, part);
    taken_ += part;
    count -= part;
  }
  return {};
}

Result<std::string> Connection::read_line(SteadyTime deadline) {
  std::string line;
  while (!line.ends_with("\r\n")) {
    if (line.size() > kLineBytes) return Error{Code::TooLarge, "a line of the body is too long"};
    TRY(read_bytes(1, line, deadline));
  }
  line.resize(line.size() - 2);
  return line;
}

Result<void> Connection::read_chunks(std::string& body, SteadyTime deadline) {
  while (true) {
    const std::string line = TRY(read_line(deadline));
    std::size_t size = 0;
    if (!parse_number(std::string_view(line).substr(0, line.find_first_of("; \t")), 16, size)) {
      return Error{Code::InvalidArgument, "a chunk's size is not a number"};
    }
    if (size == 0) break;
    if (size > limits_.body_bytes - body.size()) return too_large(limits_.body_bytes);
    TRY(read_bytes(size, body, deadline));
    const std::string end = TRY(read_line(deadline));
    if (!end.empty()) return Error{Code::InvalidArgument, "a chunk is longer than its size"};
  }
  std::size_t trailer_bytes = 0;
  while (true) {
    const std::string field = TRY(read_line(deadline));
    if (field.empty()) return {};
    trailer_bytes += field.size();
    if (trailer_bytes > limits_.header_bytes) {
      return Error{Code::TooLarge, "the trailer is too long"};
    }
  }
}

Result<std::string> Connection::read_body(Framing framing) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + limits_.body_timeout;
  std::string body;
  if (framing.chunked) {
    TRY(read_chunks(body, deadline));
  } else {
    TRY(read_bytes(framing.length, body, deadline));
  }
  return body;
}

bool Connection::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      const SteadyTime deadline = std::chrono::steady_clock::now() + limits_.body_timeout;
      if (!wait_for(fd_, POLLOUT, deadline)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

void Connection::linger(Milliseconds timeout) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + timeout;
  ::shutdown(fd_, SHUT_WR);
  do {
    input_.clear();
    taken_ = 0;
  } while (fill(deadline).ok() && std::chrono::steady_clock::now() < deadline);
}

}  // namespace ops_http
