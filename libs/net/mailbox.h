#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "net/websocket.h"

namespace net {

// The handle of a WebSocket, and the queue between its users, on any thread, and its session, on
// the loop's. It outlives the session as long as somebody holds it. Thread-safe.
class Mailbox final : public WebSocket {
 public:
  // The session, as seen from here. Called under the mailbox's lock: must not call back.
  class Carrier {
   public:
    virtual ~Carrier() = default;
    // Something is there to take().
    virtual void wake() = 0;
  };

  Mailbox(Carrier& carrier, std::size_t queue_bytes_max)
      : carrier_(&carrier), queue_bytes_max_(queue_bytes_max) {}

  bool send(Kind kind, std::string message) override;
  bool send(Kind kind, std::string head, std::shared_ptr<const std::string> rest) override;
  void close(std::uint16_t code, std::string reason) override;
  std::size_t queued_bytes() const override;

  struct Message {
    Kind kind;
    std::string bytes;
    std::shared_ptr<const std::string> rest = {};  // after them, if set

    std::size_t size() const { return bytes.size() + (rest ? rest->size() : 0); }
  };
  struct Closing {
    std::uint16_t code;
    std::string reason;
  };
  // What comes next on the wire: a message; then, when there is none and never will be, the close.
  // A message counts as queued until the next call.
  struct Next {
    std::optional<Message> message;
    std::optional<Closing> closing;
    bool more = false;        // another message waits behind this one
    bool overflowed = false;  // the reader is too slow: nothing can be said any more
  };
  Next take();
  // Whether a close was asked for.
  bool closing() const;

  // The session ends: later calls do nothing, and the carrier is not touched any more.
  void detach();

 private:
  mutable std::mutex mutex_;
  Carrier* carrier_;
  const std::size_t queue_bytes_max_;
  std::deque<Message> queue_;
  std::size_t bytes_ = 0;        // with what was taken last
  std::size_t taken_bytes_ = 0;  // of it
  std::optional<Closing> closing_;
  bool overflowed_ = false;
};

}  // namespace net
