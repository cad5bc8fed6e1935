#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "bot/ports.h"
#include "messaging/node.h"
#include "net/net.h"

namespace bot {

// The loop's thread as the bot sees it: other threads hand over by home(), and nothing runs any
// more after end(). home() may be used on any thread, timers on the loop's own.
class Homestead final : public Timers {
 public:
  explicit Homestead(net::Loop& loop) : loop_(loop), life_(std::make_shared<int>()) {}

  Home home() const {
    return [&loop = loop_, life = std::weak_ptr<int>(life_)](std::function<void()> task) {
      loop.post([life, task = std::move(task)] {
        if (life.lock()) task();
      });
    };
  }

  void after(Milliseconds delay, std::function<void()> task) override {
    const auto id = ++last_;
    // Through home(), so that the handle does not go while its own task runs.
    timers_[id] = loop_.after(delay, [this, id, home = home(), task = std::move(task)] {
      home([this, id, task] {
        timers_.erase(id);
        task();
      });
    });
  }

  // Runs `last` on the loop's thread as the last that is run. Not on that thread.
  void end(const std::function<void()>& last) {
    std::promise<void> ended;
    loop_.post([&] {
      life_.reset();
      timers_.clear();
      last();
      ended.set_value();
    });
    ended.get_future().wait();
  }

 private:
  net::Loop& loop_;
  std::shared_ptr<int> life_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, std::unique_ptr<net::Loop::Timer>> timers_;
};

// The other services: called on the node's thread, answered on the loop's.
class NodePeers final : public Peers {
 public:
  NodePeers(messaging::Node& node, Home home) : node_(node), home_(std::move(home)) {}

  void call(const std::string& service, const std::string& method, std::string body,
            Milliseconds within, std::function<void(Result<std::string>)> done) override {
    node_.call(service, method, std::move(body),
               {.deadline = SystemClock::instance().now() + within},
               [home = home_, done = std::move(done)](Result<std::string> reply) {
                 home([done, reply = std::move(reply)] { done(reply); });
               });
  }

 private:
  messaging::Node& node_;
  const Home home_;
};

}  // namespace bot
