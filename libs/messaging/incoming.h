#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "messaging/envelope.h"
#include "messaging/loop.h"
#include "messaging/node.h"

namespace messaging {

// Takes what a served call has to say back to its caller; on the loop's thread.
class Answering {
 public:
  virtual void answer(const std::string& caller, const Envelope& envelope,
                      const std::string& body) = 0;

 protected:
  ~Answering() = default;
};

// A call under way in a node that serves it.
class IncomingCall final : public Incoming {
 public:
  struct What {
    std::string caller;  // the ROUTER's name for it
    std::int64_t id = 0;
    std::string body;
    std::string binary;
    SteadyTime deadline{};
    std::string traceparent;
  };
  // `answering` is used on the loop only: the loop runs nothing after its node has stopped.
  IncomingCall(Answering& answering, std::shared_ptr<TaskLoop> loop, What what)
      : answering_(answering), loop_(std::move(loop)), what_(std::move(what)) {}
  ~IncomingCall() override;

  const std::string& body() const override { return what_.body; }
  const std::string& binary() const override { return what_.binary; }
  SteadyTime deadline() const override { return what_.deadline; }
  const std::string& traceparent() const override { return what_.traceparent; }
  bool gone() const override { return gone_ || SystemClock::instance().now() > what_.deadline; }
  bool item(std::string body) override;
  void reply(Result<std::string> body) override;
  void on_gone(std::function<void()> callback) override;

  // The caller has cancelled.
  void cancel();
  // An item could not be sent: what follows it would make the stream look whole.
  void fall_behind() { too_slow_ = true; }
  // The caller has taken items of so many bytes.
  void taken(std::int64_t bytes) { untaken_ -= bytes; }
  std::pair<std::string, std::int64_t> key() const { return {what_.caller, what_.id}; }

 private:
  void send(Envelope envelope, std::string body);

  Answering& answering_;
  const std::shared_ptr<TaskLoop> loop_;
  const What what_;
  std::atomic<bool> gone_{false};
  std::atomic<bool> too_slow_{false};
  std::atomic<bool> answered_{false};
  std::atomic<std::int64_t> untaken_{0};

  std::mutex mutex_;
  std::function<void()> on_gone_;
};

}  // namespace messaging
