#pragma once

#include <thread>

#include "tuning/learner.h"

namespace tuning {

// Forgets old outcomes every hour, on a thread of its own, as long as it lives.
class Upkeep {
 public:
  explicit Upkeep(Learner& learner);

 private:
  void forget_now_and_then(const std::stop_token& stop);

  Learner& learner_;
  const std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace tuning
