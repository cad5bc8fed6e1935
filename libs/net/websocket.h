#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "base/clock.h"
#include "base/limits.h"
#include "http/http.h"

// WebSocket (RFC 6455), both sides. A door is given an UpgradeHandler (net.h); a client is a
// WebSocketClient. Everything has a limit, and a connection that goes over one is closed.
namespace net {

class Loop;

struct WebSocketOptions {
  std::size_t message_bytes = limits::kBodyBytes;  // received, after inflation; over it: 1009
  // Unsent; over it the reader is too slow. One message always goes in.
  std::size_t queue_bytes = 1024 * 1024;
  Milliseconds handshake_timeout{10'000};  // of the opening and of the closing handshake
  // Without a byte from the peer: after half of it a ping goes out, at its end the peer is gone.
  Milliseconds idle_timeout{60'000};
  Milliseconds send_timeout{30'000};  // for the peer to take one message
  bool deflate = false;               // permessage-deflate (RFC 7692), if the peer wants it too
};

// One connection, as its users hold it. Thread-safe; nothing here blocks. It may outlive the
// connection, whose end makes every call do nothing.
class WebSocket {
 public:
  enum class Kind { Text, Binary };

  virtual ~WebSocket() = default;

  // Queues one message; before the handshake is done it waits. False when the connection is closed
  // or closing, or is closed now because its reader is too slow. Text that is not UTF-8 is
  // repaired.
  virtual bool send(Kind kind, std::string message) = 0;
  // The same for a message whose rest many connections are sent: it is not copied. In a text it
  // must be UTF-8.
  virtual bool send(Kind kind, std::string head, std::shared_ptr<const std::string> rest) = 0;

  // Sends what is queued, then closes. `code` as RFC 6455 section 7.4 allows in a frame, else 1000
  // is sent; of `reason` at most 123 bytes are.
  virtual void close(std::uint16_t code, std::string reason) = 0;

  // Bytes that the peer has not taken yet.
  virtual std::size_t queued_bytes() const = 0;
};

// How a connection ended; the causes are few and fixed, fit for the label of a counter.
struct WebSocketEnd {
  enum class Cause {
    Peer,        // it closed, with `code` and `reason`
    Own,         // close() or drain, with its `code` and `reason`
    Breach,      // the peer broke the protocol: `code` is what it was told (1002, 1007)
    TooLarge,    // a message over the limit: 1009
    SlowReader,  // queue_bytes or send_timeout passed: 1006
    Idle,        // no sign of life: 1006
    Lost,        // the connection broke: 1006
    Refused,     // of clients: no connection or no handshake: 1006, `status` when HTTP answered
  };
  Cause cause = Cause::Lost;
  std::uint16_t code = 1006;
  std::string reason;
  int status = 0;
};

// Called on the loop's thread: message any number of times, ended exactly once and last. A
// callback that throws closes the connection with 1011.
struct WebSocketEvents {
  std::function<void(WebSocket::Kind kind, std::string message)> message;
  std::function<void(const WebSocketEnd& end)> ended;
};

// The consent to a handshake.
struct WebSocketAccept {
  std::string protocol = {};  // one that Sec-WebSocket-Protocol offered, or none
  WebSocketOptions options = {};
  // Called on the loop's thread when the handshake is done.
  std::function<WebSocketEvents(std::shared_ptr<WebSocket>)> opened;
};

// Consents, or refuses with a response. Runs on the loop's thread and must not block.
using UpgradeHandler =
    std::function<std::variant<WebSocketAccept, http::Response>(const http::Request& request)>;

struct WebSocketRequest {
  std::string url;                      // ws://host[:port]/path?query, or wss://
  http::Headers headers;                // such as Sec-WebSocket-Protocol, Authorization
  Milliseconds connect_timeout{5'000};  // as long again for TLS
  WebSocketOptions options;
};

// Opens client connections. Thread-safe. Never reconnects by itself. Its destructor cuts what is
// open and returns when no callback runs any more (at once, on the loop's thread).
class WebSocketClient {
 public:
  struct Options {
    std::size_t connections = 64;  // more are refused
    std::string ca_file = {};      // PEM; trusted instead of the system's authorities
  };
  WebSocketClient(Loop& loop, Options options);
  ~WebSocketClient();
  WebSocketClient(const WebSocketClient&) = delete;
  WebSocketClient& operator=(const WebSocketClient&) = delete;

  // `opened`, if set, is called when the handshake is done, with the protocol that the server
  // chose.
  std::shared_ptr<WebSocket> connect(WebSocketRequest request, WebSocketEvents events,
                                     std::function<void(const std::string& protocol)> opened = {});

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace net
