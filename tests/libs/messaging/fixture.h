#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "messaging/node.h"
#include "support/temp_dir.h"

namespace messaging::testing {

// How long a test waits for what should come at once.
inline constexpr std::chrono::seconds kPatience{30};

inline CallOptions soon(Milliseconds in = kPatience) {
  return {.deadline = SystemClock::instance().now() + in};
}
inline CallOptions once(Milliseconds in = kPatience) {
  CallOptions options = soon(in);
  options.idempotent = false;
  return options;
}

// The calls of a method that does not answer by itself.
class Held {
 public:
  Serve serve() {
    return [this](std::shared_ptr<Incoming> call) {
      {
        const std::lock_guard lock(mutex_);
        calls_.push_back(std::move(call));
      }
      arrived_.notify_all();
    };
  }
  // The oldest that was not taken yet.
  std::shared_ptr<Incoming> take() {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, kPatience, [this] { return !calls_.empty(); })) return nullptr;
    auto call = std::move(calls_.front());
    calls_.erase(calls_.begin());
    return call;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<std::shared_ptr<Incoming>> calls_;
};

// A stack of nodes in one run directory: "asker" calls, "server" serves "echo", "hold" and "fail".
class Stack : public ::testing::Test {
 protected:
  std::unique_ptr<Node> open(const std::string& service, std::size_t calls_max = 8192,
                             std::size_t serving_max = 8192) {
    return Node::open({.service = service,
                       .run_dir = dir_.path(),
                       .calls_max = calls_max,
                       .serving_max = serving_max})
        .value();
  }

  void start_server(std::size_t serving_max = 8192) {
    server_ = open("server", 8192, serving_max);
    server_->serve("echo",
                   [](const std::shared_ptr<Incoming>& call) { call->reply(call->body()); });
    server_->serve("hold", held_.serve());
    server_->serve("fail", [](const std::shared_ptr<Incoming>& call) {
      call->reply(Error{code_from_name(call->body()), "as you wish"});
    });
    server_->serve("drop", [](const std::shared_ptr<Incoming>&) {});
    server_->bind("127.0.0.1:1").value();
  }

  Result<std::string> ask(const std::string& method, std::string body = "{}") {
    return asker_->call_and_wait("server", method, std::move(body), soon());
  }

  // A call whose answer is waited for later.
  std::future<Result<std::string>> ask_later(const std::string& method, CallOptions options,
                                             CallId* id = nullptr) {
    const auto answer = std::make_shared<std::promise<Result<std::string>>>();
    auto future = answer->get_future();
    const CallId given =
        asker_->call("server", method, "{}", std::move(options),
                     [answer](Result<std::string> body) { answer->set_value(std::move(body)); });
    if (id != nullptr) *id = given;
    return future;
  }

  // Returns when the node's thread has done all that was asked of it before.
  static void settle(Node& node) {
    std::promise<void> turn;
    node.post([&] { turn.set_value(); });
    turn.get_future().wait();
  }

  support::TempDir dir_;
  Held held_;
  std::unique_ptr<Node> server_;
  std::unique_ptr<Node> asker_ = open("asker");
};

inline Code code_of(const Result<std::string>& result) {
  return result ? Code::DataLoss : result.error().code;
}

}  // namespace messaging::testing
