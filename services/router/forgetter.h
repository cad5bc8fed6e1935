#pragma once

#include "messaging/client.h"
#include "router/executor.h"
#include "router/tuner.h"
#include "router/turn_store.h"
#include "runtime/doors.h"

namespace router {

// Erases what somebody has said and the turns that answered it: from the conversations, from what
// tuning has kept, and last from the records, which tell the turns: whatever fails in between, to
// ask once more goes on. Belongs to the node's thread; all must outlive it.
class Forgetter {
 public:
  struct Options {
    int batch = 64;               // turns erased at once
    Milliseconds look_again{20};  // for the end of turns under way
    Milliseconds coordinator_timeout{10'000};
  };
  Forgetter(Options options, messaging::Client coordinator, Executor& executor, Tuner& tuner,
            TurnStore& store)
      : options_(options),
        coordinator_(std::move(coordinator)),
        executor_(executor),
        tuner_(tuner),
        store_(store),
        node_(coordinator_.node()) {}

  void forget(const contracts::ForgetRequest& request, const runtime::Call& call,
              runtime::Answer<contracts::ForgetReply> answer);

 private:
  struct Job;
  using Shared = std::shared_ptr<Job>;
  void when_silent(const Shared& job);
  void erase_lines(const Shared& job);
  void next_batch(const Shared& job);
  void erase_outcomes(const Shared& job, std::vector<contracts::TurnRecord> records);
  void erase_records(const Shared& job, const std::vector<contracts::TurnRecord>& records);

  Options options_;
  messaging::Client coordinator_;
  Executor& executor_;
  Tuner& tuner_;
  TurnStore& store_;
  messaging::Node& node_;
};

}  // namespace router
