#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "http/http.h"

namespace net {

// What passes between a connection, on the loop's thread, and the replies to its requests, on any
// thread. One per connection, so its buffers serve every request in turn. It outlives the
// connection as long as somebody holds a reply. Thread-safe.
class Outbox : public std::enable_shared_from_this<Outbox> {
 public:
  // The connection, as seen from here. Called under the outbox's lock: must not call back.
  class Carrier {
   public:
    virtual ~Carrier() = default;
    // Something is there to take().
    virtual void wake() = 0;
    // The same, where it is a stream's beginning: whoever reads it waits for its first bytes.
    virtual void hasten() = 0;
    // Closes the connection now, whatever is being written.
    virtual void abort() = 0;
  };

  // `queue_bytes_max` limits the unsent bytes of a streamed answer.
  Outbox(Carrier& carrier, std::size_t queue_bytes_max)
      : carrier_(&carrier), queue_bytes_max_(queue_bytes_max) {}

  // How the body of the next answer travels: the version and method of its request decide.
  struct Form {
    bool chunked = true;
    bool head_only = false;
  };
  // Begins a turn: the answer to one request, given through the reply returned.
  std::shared_ptr<http::Reply> open(Form form);

  struct Batch {
    bool has_head = false;
    http::Response head;    // its body travels in `bytes`
    bool streamed = false;  // else the length is known
    bool finished = false;  // nothing follows
    bool cut = false;       // finished, but the body is incomplete
  };
  // Moves what is ready out, body bytes into `bytes`; what was taken before counts as sent.
  Batch take(std::string& bytes);

  // Ends the turn: later calls on its reply do nothing.
  void close();
  // The client has gone: tells the reply of this turn, once.
  void gone();
  // The connection ends: gone, and the carrier is not touched any more.
  void detach();

 private:
  class Handle;
  enum class Stage { Waiting, Streaming, Done };

  void respond(std::uint64_t turn, http::Response response);
  void begin(std::uint64_t turn, int status, http::Headers headers);
  bool write(std::uint64_t turn, std::string_view chunk);
  void end(std::uint64_t turn, http::Reply::Ending ending);
  bool is_gone(std::uint64_t turn) const;
  void on_gone(std::uint64_t turn, std::function<void()> callback);
  void drop(std::uint64_t turn);
  void wake() {
    if (carrier_ != nullptr) carrier_->wake();
  }

  mutable std::mutex mutex_;
  Carrier* carrier_;
  const std::size_t queue_bytes_max_;
  std::uint64_t turn_ = 0;  // odd while a turn is open
  Form form_;
  Stage stage_ = Stage::Done;
  http::Response head_;
  bool head_ready_ = false;
  bool streamed_ = false;
  bool cut_ = false;
  bool gone_ = false;
  std::string queue_;
  std::size_t taken_bytes_ = 0;  // with the connection, not yet sent
  std::function<void()> on_gone_;
};

}  // namespace net
