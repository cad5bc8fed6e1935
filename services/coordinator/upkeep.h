#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "coordinator/cast.h"
#include "coordinator/conversations.h"
#include "messaging/client.h"

namespace coordinator {

// What happens by itself, on a thread of its own: the cast is asked for when it changes and now and
// then, and old lines are forgotten. Thread-safe.
class Upkeep {
 public:
  struct Options {
    Milliseconds cast_refresh{10'000};
    int retention_days = 30;
  };

  // `cast` and `conversations` must outlive the upkeep.
  Upkeep(Options options, messaging::Client characters, Cast& cast, Conversations& conversations);

  enum class CastState { Loading, Known, Away };  // Away: never had, and there is nobody to ask
  CastState cast_state() const { return cast_state_; }

 private:
  struct Bell;  // rung by events; shared, since the node may outlive the upkeep

  void run(const std::stop_token& stop);
  void refresh_cast();
  void forget();

  const Options options_;
  const messaging::Client characters_;
  Cast& cast_;
  Conversations& conversations_;
  std::atomic<CastState> cast_state_{CastState::Loading};
  SteadyTime forget_next_{};
  const std::shared_ptr<Bell> bell_;
  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace coordinator
