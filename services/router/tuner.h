#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "contracts/tuning.h"
#include "messaging/client.h"
#include "router/turn_store.h"
#include "telemetry/metrics.h"

namespace router {

// What the router has to do with `tuning`: it keeps each character's hints, so that a turn waits
// for no call, and tells what became of the turns, from an outbox on disk until it is acknowledged.
// Without tuning turns are drafted as the cards say. Belongs to the node's thread, as the executor.
class Tuner {
 public:
  struct Options {
    Milliseconds hints_ttl{900'000};  // ft_opt in DESIGN section 2
    Milliseconds hints_retry{2'000};  // after a call that failed
    Milliseconds report_after{200};   // outcomes are told together
    Milliseconds call_timeout{5'000};
    std::size_t batch_max = 64;
    std::size_t waiting_max = 2'000;  // in memory; what is more waits on disk alone
  };
  // `store` must outlive this.
  Tuner(Options options, messaging::Client tuning, TurnStore& store, telemetry::Metrics& metrics);

  // Takes up what an earlier process has not told.
  void begin();

  // The hints kept for a character, none before the first have come; asks for newer ones beside it.
  std::shared_ptr<const contracts::Hints> hints(const std::string& character);

  // A person wants another line than this turn's.
  void unwanted(const std::string& turn_id, const std::string& author);

  // Has tuning erase the outcomes of at most 512 turns, and tells of them no more. `done` is called
  // once, on the node's thread.
  using Forgotten = std::function<void(const Result<contracts::ForgottenOutcomes>&)>;
  void forget(std::vector<std::string> turn_ids, SteadyTime deadline, Forgotten done);

  // The turn's record is on disk: what became of it is to be told.
  void closed(const contracts::TurnRecord& record);

 private:
  struct Kept {
    std::shared_ptr<const contracts::Hints> hints;
    SteadyTime until{};
    bool asked = false;
  };

  void ask(const std::string& character);
  void wait(Milliseconds delay);
  void report();
  void answered(std::size_t count, const Result<contracts::OutcomesReply>& reply);
  void read_outbox();
  void after_call();

  Options options_;
  messaging::Client tuning_;
  TurnStore& store_;
  messaging::Node& node_;
  std::map<std::string, Kept> kept_;
  std::deque<contracts::Outcome> waiting_;
  bool more_on_disk_ = false;  // than is in waiting_
  bool timer_set_ = false;
  bool calling_ = false;
  std::vector<std::function<void()>> waits_for_call_;  // what must not overtake what is told
  int failures_ = 0;
  std::size_t alone_ = 0;  // outcomes to be told one by one: one of them was refused
  telemetry::Gauge waiting_count_;
};

// What tuning learns from a turn.
contracts::Outcome outcome_of(const contracts::TurnRecord& record);

}  // namespace router
