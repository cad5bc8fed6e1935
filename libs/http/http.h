#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/result.h"

// The vocabulary of HTTP that every door shares, without any I/O. A handler is written once against
// these words; `ops_http` and `net` carry it. Values are plain; `Reply` alone is thread-safe.
namespace http {

enum class Method { Get, Head, Post, Put, Patch, Delete, Options };

std::string_view name(Method method);
std::optional<Method> method_from_name(std::string_view name);

// Field lines in the order given; names compare without case (RFC 9110 section 5.1).
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> lines) : lines_(lines) {}

  void add(std::string name, std::string value);
  // Replaces every line of that name.
  void set(std::string_view name, std::string value);
  // The first line of that name.
  std::optional<std::string_view> get(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& lines() const { return lines_; }

 private:
  std::vector<std::pair<std::string, std::string>> lines_;
};

struct Request {
  Method method = Method::Get;
  std::string target = "/";                   // as sent: path and query
  std::string path = "/";                     // percent-decoded
  std::map<std::string, std::string> query;   // percent-decoded; of equal names the last
  std::map<std::string, std::string> params;  // filled by the router: {id} in the pattern
  Headers headers;
  std::string body;
  std::string peer;  // address of the client, without port
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;

  static Response json(std::string body, int status = 200);
  static Response text(std::string body, int status = 200);
  // {"error":{"code":"too_large","message":"..."}} with the code's status.
  static Response error(const Error& error);
};

// The reason phrase of a status, such as "Not Found".
std::string_view reason(int status);

// Splits `target` into path and query of `request`; false when it is not a valid origin-form.
bool set_target(Request& request, std::string_view target);

// Where the answer to one request goes: either respond() once, or begin(), write()..., end().
// Thread-safe. Dropping the last reference without an answer answers 500.
class Reply {
 public:
  virtual ~Reply() = default;

  virtual void respond(Response response) = 0;

  // Starts a streamed answer (chunked, flushed after each write).
  virtual void begin(int status, Headers headers) = 0;
  // False when nobody listens any more or the reader is too slow: stop producing.
  virtual bool write(std::string chunk) = 0;
  // With Ending::Cut the connection is closed so that the reader sees an incomplete body.
  enum class Ending { Complete, Cut };
  virtual void end(Ending ending) = 0;

  // Whether the client has gone; `callback` is called once when it goes (at once if it has).
  virtual bool gone() const = 0;
  virtual void on_gone(std::function<void()> callback) = 0;
};

// Handles one request; must not block for long on a `net` door (it runs on the loop).
using Handler = std::function<void(Request, std::shared_ptr<Reply>)>;

// What a door accepts. Everything beyond is answered with 4xx or closed, never buffered.
struct ServerLimits {
  std::size_t header_bytes = 16 * 1024;
  std::size_t body_bytes = limits::kBodyBytes;
  std::size_t connections = 1024;
  std::size_t send_queue_bytes = 1024 * 1024;  // unsent bytes of one streamed answer
  Milliseconds header_timeout{10'000};
  Milliseconds body_timeout{30'000};
  Milliseconds idle_timeout{60'000};  // between requests of one connection
};

struct ServerOptions {
  std::string bind = "127.0.0.1";
  std::uint16_t port = 0;  // 0 picks a free one
  ServerLimits limits;
  // Names beside localhost and the bound address that a Host header may carry.
  std::vector<std::string> hosts;
};

// A listening door; destroying it closes it.
class Server {
 public:
  virtual ~Server() = default;
  virtual std::uint16_t port() const = 0;
  // Stops accepting and returns when all requests in flight are answered or `timeout` has passed.
  virtual void drain(Milliseconds timeout) = 0;
};

// How a process opens its door: ops_http::listen or net's.
using Listen = std::function<Result<std::unique_ptr<Server>>(ServerOptions, Handler)>;

}  // namespace http
