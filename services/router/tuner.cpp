#include "router/tuner.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "retry/policy.h"
#include "telemetry/log.h"

namespace router {
namespace {

constexpr std::size_t kCharactersMax = 256;
constexpr std::size_t kFaultBytes = 200;

SteadyTime now() { return SystemClock::instance().now(); }

}  // namespace

contracts::Outcome outcome_of(const contracts::TurnRecord& record) {
  contracts::Outcome outcome;
  outcome.turn_id = record.turn_id;
  outcome.channel = record.channel;
  outcome.character = record.character;
  outcome.variant = record.variant;
  outcome.model = record.model;
  outcome.kind = record.kind;
  outcome.status = record.status;
  outcome.message = record.message;
  outcome.line = record.text;
  outcome.passed = record.passed;
  outcome.score = record.score;
  outcome.degraded = record.degraded;
  outcome.ms = record.ms;
  outcome.at_ms = record.started_ms + static_cast<std::int64_t>(record.ms);
  for (const contracts::Attempt& attempt : record.attempts) {
    contracts::OutcomeAttempt told;
    told.number = attempt.number;
    told.band = attempt.band;
    told.hints = attempt.hints;
    if (attempt.fault) told.fault = std::string(utf8_prefix(*attempt.fault, kFaultBytes));
    if (attempt.assessment) {
      told.passed = attempt.assessment->passed;
      told.score = attempt.assessment->score;
      for (const auto& finding : attempt.assessment->findings) told.codes.push_back(finding.code);
    }
    outcome.attempts.push_back(std::move(told));
  }
  return outcome;
}

Tuner::Tuner(Options options, messaging::Client tuning, TurnStore& store,
             telemetry::Metrics& metrics)
    : options_(options),
      tuning_(std::move(tuning)),
      store_(store),
      node_(tuning_.node()),
      waiting_count_(
          metrics.gauge("troupe_router_outcomes_waiting", "Outcomes that tuning has not taken")) {}

void Tuner::begin() {
  read_outbox();
  if (!waiting_.empty()) wait(options_.report_after);
}

std::shared_ptr<const contracts::Hints> Tuner::hints(const std::string& character) {
  if (kept_.size() >= kCharactersMax && !kept_.contains(character)) kept_.clear();
  Kept& kept = kept_[character];
  if (!kept.asked && kept.until <= now()) ask(character);
  return kept_[character].hints;
}

void Tuner::ask(const std::string& character) {
  kept_[character].asked = true;
  tuning_.call<contracts::Hints>(
      "tuning.hints", contracts::HintsRequest{character},
      {.deadline = now() + options_.call_timeout},
      [this, character](Result<contracts::Hints> reply) {
        Kept& kept = kept_[character];
        kept.asked = false;
        kept.until = now() + (reply ? options_.hints_ttl : options_.hints_retry);
        if (reply) kept.hints = std::make_shared<contracts::Hints>(std::move(reply).value());
      });
}

void Tuner::unwanted(const std::string& turn_id, const std::string& author) {
  tuning_.call<contracts::FeedbackReply>(
      "tuning.feedback",
      contracts::FeedbackRequest{turn_id, author, contracts::Opinion::Regenerate},
      {.deadline = now() + options_.call_timeout, .idempotent = true},
      [turn_id](const Result<contracts::FeedbackReply>& reply) {
        if (reply) return;
        telemetry::warn("feedback lost", {{"turn", turn_id}, {"why", reply.error().message}});
      });
}

void Tuner::forget(std::vector<std::string> turn_ids, SteadyTime deadline, Forgotten done) {
  if (calling_) {
    waits_for_call_.emplace_back([this, ids = std::move(turn_ids), deadline,
                                  done = std::move(done)] { forget(ids, deadline, done); });
    return;
  }
  std::erase_if(waiting_, [&](const contracts::Outcome& outcome) {
    return std::find(turn_ids.begin(), turn_ids.end(), outcome.turn_id) != turn_ids.end();
  });
  waiting_count_.set(static_cast<double>(waiting_.size()));
  tuning_.call<contracts::ForgottenOutcomes>(
      "tuning.forget", contracts::ForgetOutcomes{std::move(turn_ids)},
      {.deadline = std::min(deadline, now() + options_.call_timeout)}, std::move(done));
}

void Tuner::after_call() {
  for (const auto& task : std::exchange(waits_for_call_, {})) task();
}

void Tuner::closed(const contracts::TurnRecord& record) {
  if (record.attempts.empty()) return;
  if (more_on_disk_ || waiting_.size() >= options_.waiting_max) {
    more_on_disk_ = true;
    return;
  }
  waiting_.push_back(outcome_of(record));
  waiting_count_.set(static_cast<double>(waiting_.size()));
  if (!timer_set_ && !calling_) wait(options_.report_after);
}

void Tuner::wait(Milliseconds delay) {
  timer_set_ = true;
  node_.after(delay, [this] {
    timer_set_ = false;
    report();
  });
}

void Tuner::report() {
  if (waiting_.empty()) read_outbox();
  if (waiting_.empty() || calling_) return;
  calling_ = true;
  const std::size_t count = alone_ > 0 ? 1 : std::min(waiting_.size(), options_.batch_max);
  contracts::OutcomesRequest request;
  request.outcomes.assign(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
  tuning_.call<contracts::OutcomesReply>(
      "tuning.outcomes", request, {.deadline = now() + options_.call_timeout, .idempotent = true},
      [this, count](const Result<contracts::OutcomesReply>& reply) {
        answered(count, reply);
        after_call();
      });
}

void Tuner::answered(std::size_t count, const Result<contracts::OutcomesReply>& reply) {
  calling_ = false;
  // What it refuses it would refuse again: of several each is told alone, to find which.
  const bool refused = !reply && reply.error().code == Code::InvalidArgument;
  if (refused && count > 1) {
    alone_ = count;
    return report();
  }
  if (!reply && !refused) {
    ++failures_;
    Random random(static_cast<std::uint64_t>(now().time_since_epoch().count()));
    return wait(retry::delay(retry::kDiscordMessage, failures_, random));
  }
  if (refused) telemetry::error("outcomes refused", {{"why", reply.error().message}});
  failures_ = 0;
  if (alone_ > 0) --alone_;
  std::vector<std::string> told;
  for (std::size_t i = 0; i < count; ++i) {
    told.push_back(std::move(waiting_.front().turn_id));
    waiting_.pop_front();
  }
  waiting_count_.set(static_cast<double>(waiting_.size()));
  store_.reported(std::move(told), [](const Result<void>& written) {
    if (!written) telemetry::warn("outbox not cleared", {{"why", written.error().message}});
  });
  if (reply) {
    for (auto& [character, kept] : kept_) {
      if (kept.hints && kept.hints->generation < reply.value().generation) kept.until = {};
    }
  }
  if (alone_ > 0) return report();
  if (!waiting_.empty() || more_on_disk_) wait(options_.report_after);
}

// What is told again does no harm: outcomes are known by their turn.
void Tuner::read_outbox() {
  const auto left = store_.unreported(static_cast<int>(options_.batch_max));
  if (!left) {
    telemetry::error("outbox cannot be read", {{"why", left.error().message}});
    return;
  }
  more_on_disk_ = left.value().size() == options_.batch_max;
  for (const contracts::TurnRecord& record : left.value()) waiting_.push_back(outcome_of(record));
  waiting_count_.set(static_cast<double>(waiting_.size()));
}

}  // namespace router
