#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "messaging/client.h"

namespace messaging {

// Keeps up with what another service tells: asks at once, soon again until the first answer, then
// every `refresh` and whenever `event` comes. It has no thread: it lives on the node's. After its
// destructor nothing of the owner's is called any more. Thread-safe.
class Follower {
 public:
  struct Options {
    std::string method;  // called with an empty object
    std::string event;   // its topic
    Milliseconds refresh{10'000};
    Milliseconds timeout{2'000};
    Milliseconds retry{50};  // until the first answer
  };

  // `told` gets each answer, or why there was none, on the node's thread; it must not block.
  Follower(const Client& client, Options options, OnReply told);
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace messaging
