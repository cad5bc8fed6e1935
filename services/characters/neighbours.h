#pragma once

#include <string>
#include <utility>

#include "base/clock.h"
#include "characters/keeper.h"
#include "messaging/client.h"

namespace characters {

// The other processes, by messages: events for all, calls to the retriever. Not for the node's
// thread.
class Neighbours final : public Outside {
 public:
  // `node` must outlive this.
  Neighbours(messaging::Client retriever, messaging::Node& node, Milliseconds call_timeout)
      : retriever_(std::move(retriever)), node_(node), call_timeout_(call_timeout) {}

  void announce(const Change& change) override;
  Result<void> teach(const Member& member) override;
  Result<void> forget(const std::string& id) override;

 private:
  // The keeper tries again by itself, so that the client must not.
  messaging::CallOptions once() const {
    return {.deadline = SystemClock::instance().now() + call_timeout_, .idempotent = false};
  }

  messaging::Client retriever_;
  messaging::Node& node_;
  const Milliseconds call_timeout_;
};

}  // namespace characters
