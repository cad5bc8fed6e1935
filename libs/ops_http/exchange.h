#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "http/http.h"

namespace ops_http {

// Where a handler's answer, given on any thread, meets the connection's thread, which waits for it
// and watches the socket meanwhile. Thread-safe.
//
// A client counts as gone when it has closed its side, also when it only will not send any more:
// TCP does not tell the two apart. A plain answer is written all the same; a stream ends.
class Exchange {
 public:
  // `fd` must stay open until close(). Throws std::system_error without file descriptors.
  Exchange(int fd, std::size_t queue_bytes_max);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // The answer to hand to the handler; call once.
  static std::shared_ptr<http::Reply> reply_to(std::shared_ptr<Exchange> exchange);

  // For the connection's thread.

  // Waits for the answer. Nothing when it is a stream, whose head stream() then gives.
  std::optional<http::Response> wait();
  http::Response& stream() { return head_; }
  // Waits for more of the stream; nothing at its end.
  std::optional<std::string> next_chunk();
  // Whether the stream's end was that of a complete body.
  bool complete() const;
  // Nobody listens any more; the socket may be closed.
  void close();

  // Ends every wait: the answer is `response`, a stream is cut. For any thread.
  void abandon(http::Response response);

 private:
  class Answer;
  enum class State { Waiting, Answered, Streaming, Complete, Cut };

  void respond(http::Response response);
  void begin(int status, http::Headers headers);
  bool write(std::string chunk);
  void end(http::Reply::Ending ending);
  bool gone() const;
  void on_gone(std::function<void()> callback);

  void wake() const;
  template <class Ready>
  void wait_until(std::unique_lock<std::mutex>& lock, Ready ready);

  const std::size_t queue_bytes_max_;
  const int wake_fd_;  // an eventfd, so that one poll() waits for the answer and the client

  mutable std::mutex mutex_;
  int fd_;  // -1 after close()
  State state_ = State::Waiting;
  bool gone_ = false;
  http::Response head_;
  std::string queue_;
  std::vector<std::function<void()>> on_gone_;
};

}  // namespace ops_http
