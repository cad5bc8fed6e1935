#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "contracts/tuning.h"
#include "store/store.h"
#include "tuning/advice.h"
#include "tuning/config.h"
#include "tuning/outcomes.h"
#include "tuning/rotation.h"

namespace tuning {

// What has been learned, and the outcomes that it was learned from: each is on disk (crash-safe)
// before it is answered; the counts stand in memory and are made of the disk at the start, after
// outcomes were forgotten and when a commit failed. Thread-safe. Changes happen on the database's
// writer thread alone, which orders them; the mutex is never held across I/O.
class Learner {
 public:
  struct Options {
    std::string path;
    std::vector<VariantSetting> variants;
    HintTexts hints;
    RotationOptions rotation;
    double slow_ratio = 1.5;
    int retention_days = 365;
    std::size_t characters_max = 1000;  // of others the outcomes are only kept
    std::int64_t opinions_waiting_max = 10'000;
  };
  // InvalidArgument names the setting that makes no sense.
  static Result<Options> options_of(const Config& config, std::string path);

  static Result<std::unique_ptr<Learner>> open(Options options,
                                               const Clock& clock = SystemClock::instance());

  // Of the memory alone. Characters that nothing is known of get what a new one gets.
  contracts::Hints hints(const std::string& character) const;

  Result<contracts::OutcomesReply> take(const std::vector<contracts::Outcome>& outcomes);
  Result<contracts::FeedbackReply> feedback(const contracts::FeedbackRequest& request);

  // Reads the disk.
  Result<contracts::TuningReport> report(const contracts::ReportRequest& request) const;

  // Hands out the chosen lines page by page, the first before it returns; `page` says whether to
  // go on. NotFound when `after` is unknown.
  using Page = std::function<bool(const std::vector<ExportedRow>&)>;
  Result<void> each_chosen(const contracts::ExportRequest& request, const Page& page) const;

  // Deletes what is older than `retention_days`, at most `batch` at a time so that no outcome waits
  // long, and learns anew from the rest. What is older is told by the newest outcome, too: a clock
  // that ran ahead deletes nothing by itself but opinions that have waited for an outcome for a
  // day. Returns how many rows went.
  Result<std::int64_t> forget(std::int64_t batch = 500);

  // Erases what is known of these turns, on disk before it returns. What was learned of them stays
  // as sums; a turn that is told of again is one more.
  Result<contracts::ForgottenOutcomes> forget_turns(const std::vector<std::string>& turn_ids);

  std::int64_t generation() const;
  std::size_t guarded() const;  // variants that are held back, over all characters

 private:
  struct Character {
    explicit Character(const Options& options)
        : rotation(options.rotation, options.variants.size()) {}
    Rotation rotation;
    std::map<FindingCode, std::int64_t> findings;
    contracts::Hints published;
  };
  using Characters = std::map<std::string, Character, std::less<>>;

  Learner(Options options, const Clock& clock);

  // On the writer's thread. The memory changes when all of the batch is written; `learned` tells
  // that it has.
  Result<void> take_batch(store::Connection& db, const std::vector<contracts::Outcome>& outcomes,
                          contracts::OutcomesReply& reply, bool& learned);
  Result<void> take_opinion(store::Connection& db, const contracts::FeedbackRequest& request,
                            contracts::FeedbackReply& reply, bool& learned);
  Result<void> ensure_loaded(store::Connection& db);
  Result<void> load(store::Connection& db);
  Result<void> publish_changes(store::Connection& db, const std::vector<std::string>& characters);
  std::optional<bool> compare_time(const contracts::Outcome& outcome);
  void learn(const Stored& stored);
  bool knows_hint(std::string_view id) const;

  std::optional<std::size_t> index_of(std::string_view variant) const;
  Character* character_of(const std::string& name);
  bool refresh(Character& character, std::int64_t generation) const;
  contracts::Hints hints_of(const Character& character, std::int64_t generation) const;
  contracts::CharacterReport report_of(const std::string& name, const Totals& totals) const;
  std::int64_t since(std::optional<int> days) const;

  const Options options_;
  const Clock& clock_;

  // The writer's own: the last time of a baseline turn that a variant was not compared with yet, by
  // character and variant.
  std::map<std::string, std::map<std::size_t, double>> baseline_ms_;
  std::atomic<bool> stale_{false};  // the memory may not be what the disk says

  mutable std::mutex mutex_;
  Characters characters_;
  contracts::Hints fresh_;    // of a character that nothing is known of
  HintTallies hint_tallies_;  // over all characters: what helps a model helps it in any voice
  std::int64_t generation_ = 0;
  std::int64_t opinions_waiting_ = 0;

  // Last, so that its writer thread is gone before what it uses.
  std::unique_ptr<store::Database> database_;
};

}  // namespace tuning
