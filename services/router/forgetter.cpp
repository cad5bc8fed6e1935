#include "router/forgetter.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace router {

struct Forgetter::Job {
  std::string author_id;
  SteadyTime deadline{};
  runtime::Answer<contracts::ForgetReply> answer;
  contracts::ForgetReply reply{};
};

void Forgetter::forget(const contracts::ForgetRequest& request, const runtime::Call& call,
                       runtime::Answer<contracts::ForgetReply> answer) {
  when_silent(std::make_shared<Job>(Job{request.author_id, call.deadline, std::move(answer)}));
}

// A turn under way would bring back what is erased: it is ended first.
void Forgetter::when_silent(const Shared& job) {
  if (!executor_.silence(job->author_id)) return erase_lines(job);
  if (SystemClock::instance().now() >= job->deadline) {
    return job->answer(Error{Code::DeadlineExceeded, "a turn of theirs is not over yet"});
  }
  node_.after(options_.look_again, [this, job] { when_silent(job); });
}

void Forgetter::erase_lines(const Shared& job) {
  const SteadyTime soon = SystemClock::instance().now() + options_.coordinator_timeout;
  coordinator_.call<contracts::ForgottenLines>(
      "coordinator.forget", contracts::ForgetLines{job->author_id},
      {.deadline = std::min(job->deadline, soon)},
      [this, job](const Result<contracts::ForgottenLines>& gone) {
        if (!gone) return job->answer(gone.error());
        job->reply.lines = gone.value().lines;
        next_batch(job);
      });
}

void Forgetter::next_batch(const Shared& job) {
  store_.withhold(job->author_id, options_.batch,
                  [this, job](Result<std::vector<contracts::TurnRecord>> found) {
                    node_.post([this, job, found = std::move(found)] {
                      if (!found) return job->answer(found.error());
                      if (found.value().empty()) return job->answer(job->reply);
                      erase_outcomes(job, found.value());
                    });
                  });
}

void Forgetter::erase_outcomes(const Shared& job, std::vector<contracts::TurnRecord> records) {
  std::vector<std::string> ids;
  for (const auto& record : records) ids.push_back(record.turn_id);
  tuner_.forget(
      std::move(ids), job->deadline,
      [this, job, records = std::move(records)](const Result<contracts::ForgottenOutcomes>& gone) {
        if (!gone) return job->answer(gone.error());
        job->reply.outcomes += gone.value().outcomes;
        erase_records(job, records);
      });
}

void Forgetter::erase_records(const Shared& job,
                              const std::vector<contracts::TurnRecord>& records) {
  executor_.forget(records);
  std::vector<std::string> ids;
  for (const auto& record : records) ids.push_back(record.turn_id);
  const auto count = static_cast<std::int64_t>(ids.size());
  store_.erase(std::move(ids), [this, job, count](const Result<void>& erased) {
    node_.post([this, job, count, erased] {
      if (!erased) return job->answer(erased.error());
      job->reply.turns += count;
      next_batch(job);
    });
  });
}

}  // namespace router
