#pragma once

#include <memory>
#include <optional>
#include <string>

#include "net/stream.h"
#include "net/websocket.h"
#include "net/wire.h"

namespace net {

// One WebSocket connection at work; Beast's part of it stays in session.cpp. Handshake first, then
// run(). Loop thread only; kept alive by its coroutines.
class Session {
 public:
  virtual ~Session() = default;

  virtual std::shared_ptr<WebSocket> handle() const = 0;

  // The server's handshake, with a request that refuse_handshake() let pass; false when it failed.
  virtual Awaitable<bool> accept(const http::Request& request, const std::string& protocol) = 0;

  // The client's: the way to the server and the handshake. Gives the protocol that was chosen.
  struct Opened {
    std::string protocol;
    std::optional<WebSocketEnd> failure;
  };
  virtual Awaitable<Opened> connect(const Url& url, const WebSocketRequest& request,
                                    const std::string& ca_file) = 0;

  // Carries messages until the end, which is the last event.
  virtual Awaitable<void> run(WebSocketEvents events) = 0;

  // Ends a client's session that did not come to run().
  virtual void fail(const WebSocketEvents& events, const WebSocketEnd& end) = 0;

  // Closes with 1001.
  virtual void go_away() = 0;
  // Cuts the connection.
  virtual void abort() = 0;
};

std::shared_ptr<Session> make_session(Loop::Impl& loop, Stream stream,
                                      const WebSocketOptions& options);

}  // namespace net
