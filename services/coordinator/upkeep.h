#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "coordinator/cast.h"
#include "coordinator/conversations.h"
#include "messaging/follower.h"

namespace coordinator {

// What happens by itself: the cast is kept up with, and old lines are forgotten, on a thread of its
// own. Thread-safe.
class Upkeep {
 public:
  struct Options {
    Milliseconds cast_refresh{10'000};
    // How long after the start characters that do not answer are awaited: all services of a stack
    // start at once, and one that is ready must know whom it speaks for.
    Milliseconds cast_awaited{3'000};
    int retention_days = 30;
  };

  // `cast` and `conversations` must outlive the upkeep.
  Upkeep(Options options, const messaging::Client& characters, Cast& cast,
         Conversations& conversations);

  enum class CastState { Loading, Known, Away };  // Away: never had, and nobody came to be asked
  CastState cast_state() const { return cast_state_; }

 private:
  void cast_told(const Result<std::string>& body);
  void forget_now_and_then(const std::stop_token& stop);

  const Options options_;
  const SteadyTime began_;
  Cast& cast_;
  Conversations& conversations_;
  std::atomic<CastState> cast_state_{CastState::Loading};
  // Last: they end before what they use.
  const messaging::Follower follower_;
  const std::jthread thread_;
};

}  // namespace coordinator
