#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "http/http.h"
#include "net/websocket.h"

// Asynchronous HTTP/1.1 for all that meets the internet, and for every outbound call. One Loop is
// one thread; servers and clients live on it and are used from any thread. Boost.Beast stays
// inside.
namespace net {

// One thread that runs all I/O and callbacks of what is attached to it. The destructor stops it and
// joins; destroy servers and clients first. Thread-safe.
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs `task` on the loop's thread, soon and in order.
  void post(std::function<void()> task);
  // Runs `task` on the loop's thread after `delay`; dropping or cancelling the handle forgets it.
  class Timer {
   public:
    virtual ~Timer() = default;
  };
  [[nodiscard]] std::unique_ptr<Timer> after(Milliseconds delay, std::function<void()> task);
  bool on_loop_thread() const;

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// A door's certificate chain and its key, both PEM.
struct TlsFiles {
  std::string certificate_file;
  std::string key_file;
};

// What a door does beyond answering plain requests.
struct DoorExtras {
  std::optional<TlsFiles> tls;  // read once, by listen(); TLS 1.2 or later
  // Asked, on the loop's thread, about each WebSocket handshake that passed the same checks as any
  // request. Without it such a request is one like any other.
  UpgradeHandler upgrade;
};

// Opens an HTTP/1.1 door on the loop. Handlers run on the loop's thread and must not block; answers
// may come from any thread. Bodies are counted while they arrive, also when chunked; requests that
// RFC 9112 calls malformed or ambiguous (both lengths, bad chunks, bare CR) get 400 and a close.
// WebSockets count as connections; drain() closes them with 1001.
Result<std::unique_ptr<http::Server>> listen(Loop& loop, http::ServerOptions options,
                                             http::Handler handler, DoorExtras extras = {});

struct ClientRequest {
  http::Method method = http::Method::Get;
  std::string url;  // http://host[:port]/path?query, or https://
  http::Headers headers;
  std::string body;
  Milliseconds connect_timeout{2'000};      // as long again for TLS
  Milliseconds first_byte_timeout{30'000};  // from sent to the response's head
  Milliseconds idle_timeout{30'000};        // between two pieces of the body
  Milliseconds total_timeout{120'000};
  std::size_t body_bytes_max = 16 * 1024 * 1024;
};

// Called on the loop's thread: head once, data any number of times, done exactly once and last.
struct ClientEvents {
  std::function<void(int status, const http::Headers& headers)> head;
  std::function<void(std::string_view bytes)> data;
  // Unavailable: could not connect, or the stream was cut; DeadlineExceeded: a time-out, named;
  // Cancelled; TooLarge.
  std::function<void(Result<void> outcome)> done;
};

// Sends requests over pooled keep-alive connections, http and https apart. Thread-safe. Verifies
// the chain and the name of every certificate. Never retries by itself, except that a kept
// connection found closed before any answer is replaced once by a fresh one, and for a method that
// is not idempotent only when nothing of the request was sent.
class Client {
 public:
  // Where a connection would lead: the URL's host, one of its addresses in figures, and the port.
  struct Place {
    std::string host;
    std::string address;
    std::uint16_t port = 0;
  };
  struct Options {
    std::size_t connections_per_host = 32;  // more wait in order
    std::size_t waiting_max = 1024;         // beyond: Overloaded
    Milliseconds keep_alive{30'000};
    std::string ca_file = {};  // PEM; trusted instead of the system's authorities
    // Asked, on the loop's thread, about each address that a host was found to have, once it is
    // found: only those it allows are connected to, so nothing can change in between. Without any,
    // the call fails with PermissionDenied. For callers whose URLs come from strangers.
    std::function<bool(const Place& place)> may_connect = {};
  };
  Client(Loop& loop, Options options);
  ~Client();

  // One request under way. Dropping it lets the request go on; cancel() closes its connection at
  // once and done is called with Cancelled.
  class Call {
   public:
    virtual ~Call() = default;
    virtual void cancel() = 0;
  };
  std::shared_ptr<Call> send(ClientRequest request, ClientEvents events);

  // The blocking face, for callers with threads of their own; never on the loop's thread.
  Result<http::Response> fetch(ClientRequest request);

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace net
