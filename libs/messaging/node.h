#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "messaging/loop.h"

// What one process says to the others: calls and events over ZeroMQ. A Node owns one thread with
// all its sockets; that thread is also the loop on which replies, events, timers and served calls
// run, so callbacks must not block. All public functions are thread-safe unless they say otherwise.
//
// A call travels as [envelope][body][raw bytes, when there are any], each frame at most
// limits::kFrameBytes; the envelope names method, id, sender, time left and traceparent. Bodies are
// JSON by contract, but nothing here reads them: items and raw bytes carry vectors and images.
namespace messaging {

class Directory;

// Bytes of streamed items that may wait for their caller. A caller that falls further behind loses
// the call: it gets Overloaded. Each item counts kItemCost more than it has, because all calls of a
// caller share one queue: many small items must not crowd out the answers to the others.
inline constexpr std::int64_t kItemWindowBytes = 4 * 1024 * 1024;
inline constexpr std::int64_t kItemCost = 1024;

struct CallOptions {
  SteadyTime deadline{};  // required
  std::string traceparent{};
  // Idempotent calls are tried again by retry::kServiceCall when the peer was unavailable.
  bool idempotent = true;
  // Beside the body: float32 vectors, pictures.
  std::string binary{};
};

using CallId = std::uint64_t;
using OnReply = std::function<void(Result<std::string> body)>;
using OnItem = std::function<void(std::string body)>;

// A call that this process serves. Thread-safe; answered once, later answers are ignored. Dropping
// it unanswered answers Internal. May outlive its node.
class Incoming {
 public:
  virtual ~Incoming() = default;
  virtual const std::string& body() const = 0;
  virtual const std::string& binary() const = 0;
  virtual SteadyTime deadline() const = 0;
  virtual const std::string& traceparent() const = 0;
  // The caller has cancelled, or its deadline has passed.
  virtual bool gone() const = 0;
  // `callback` runs once on the node's thread when the caller cancels; not after the answer.
  virtual void on_gone(std::function<void()> callback) = 0;
  // One streamed item before the reply, any bytes; false when nobody listens any more, or too
  // slowly (kItemWindowBytes).
  virtual bool item(std::string body) = 0;
  virtual void reply(Result<std::string> body) = 0;
};

using Serve = std::function<void(std::shared_ptr<Incoming>)>;
using OnEvent = std::function<void(std::string_view topic, const std::string& body)>;

class Node {
 public:
  struct Options {
    std::string service;  // who we are
    std::string run_dir;
    std::size_t calls_max = 8192;    // made and not answered; beyond: Overloaded
    std::size_t serving_max = 8192;  // received and not answered; beyond: Overloaded
    // By default ipc:// sockets in run_dir. With `tcp`, the address to serve at ("0.0.0.0",
    // "127.0.0.1"), tcp:// with CURVE keys from `keys_dir`, and only other such nodes are called.
    std::string tcp{};
    int rpc_port = 0;     // of tcp; 0 picks a free one
    int events_port = 0;  // of tcp; 0 picks a free one
    std::string keys_dir{};
    // Who else there is; by default the files of run_dir.
    std::shared_ptr<Directory> directory{};
  };
  static Result<std::unique_ptr<Node>> open(Options options);
  virtual ~Node() = default;

  // Serving. `serve` the methods first, then bind() once: it opens the sockets and announces them.
  virtual void serve(std::string method, Serve handler) = 0;
  virtual Result<void> bind(const std::string& http_address) = 0;
  // Takes the announcement back, so that nobody new calls; calls under way go on.
  virtual void withdraw() = 0;
  virtual std::size_t serving() const = 0;

  // Calling. `on_reply` is called once, on the node's thread; on the caller's own, before call()
  // returns, when the node was stopped or too many calls wait for its thread.
  virtual CallId call(const std::string& service, std::string method, std::string body,
                      CallOptions options, OnReply on_reply, OnItem on_item = {}) = 0;
  // The peer is told; on_reply gets Cancelled.
  virtual void cancel(CallId id) = 0;
  // The blocking face; never on the node's thread.
  virtual Result<std::string> call_and_wait(const std::string& service, std::string method,
                                            std::string body, CallOptions options) = 0;

  // Events: lossy by nature. A topic is matched whole.
  virtual void publish(std::string topic, std::string body) = 0;
  virtual void subscribe(std::string topic, OnEvent on_event) = 0;

  // Ends the thread: calls under way are answered Cancelled, nothing runs afterwards. After it,
  // what the callbacks refer to may go. Who calls all the same gets Cancelled at once.
  virtual void stop() = 0;

  // The loop.
  virtual bool post(std::function<void()> task) = 0;  // false after stop(): it will not run
  virtual bool on_thread() const = 0;
  virtual TimerId after(Milliseconds delay, std::function<void()> task) = 0;  // on its thread only
  virtual void cancel_timer(TimerId id) = 0;                                  // on its thread only
};

}  // namespace messaging
