#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/fields.h"
#include "llm/journal.h"
#include "store/store.h"
#include "telemetry/metrics.h"

// What was used, by whom, of which model: the books of the proxy.
namespace llm {

// How a request ended, which is also how far its counts can be trusted.
enum class Ending { Whole, Aborted, Cut, Cached, Failed };
constexpr auto enum_names(Ending) {
  return EnumNames<Ending, 5>{{{Ending::Whole, "whole"},
                               {Ending::Aborted, "aborted"},
                               {Ending::Cut, "cut"},
                               {Ending::Cached, "cached"},
                               {Ending::Failed, "failed"}}};
}

// One request at one provider. A request that failed over has one for each provider that was used.
struct Used {
  std::int64_t at_ms = 0;  // wall time
  std::string_view key;    // the name of the API key; empty: none was needed
  std::string_view model;
  std::string_view provider;
  std::int64_t prompt_tokens = 0;
  std::int64_t cached_tokens = 0;  // of the prompt, as the provider said
  std::int64_t completion_tokens = 0;
  double cost = 0;     // in the currency of the price table
  bool exact = false;  // the provider has counted
  Ending ending = Ending::Whole;
};

// GET /usage?key=&model=&provider=&from=&to=, days as "2026-01-31" (UTC), both included.
struct UsageQuery {
  static constexpr std::string_view kName = "usage_query";
  std::optional<std::string> key{};
  std::optional<std::string> model{};
  std::optional<std::string> provider{};
  std::optional<std::string> from{};
  std::optional<std::string> to{};
  static void fields(auto& self, auto&& visit) {
    visit("key", self.key, Field{.bytes_max = 64});
    visit("model", self.model, Field{.bytes_max = 128});
    visit("provider", self.provider, Field{.bytes_max = 64});
    visit("from", self.from, Field{.bytes_min = 10, .bytes_max = 10});
    visit("to", self.to, Field{.bytes_min = 10, .bytes_max = 10});
  }
};

// Of one day, key, model and provider.
struct UsageRow {
  static constexpr std::string_view kName = "usage_row";
  std::string day;
  std::string key;
  std::string model;
  std::string provider;
  std::int64_t requests = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t cached_tokens = 0;
  std::int64_t completion_tokens = 0;
  std::int64_t estimated_tokens = 0;  // of all these, those that nobody has counted
  double cost = 0;
  std::int64_t aborted = 0;
  std::int64_t cut = 0;
  std::int64_t cached = 0;
  std::int64_t failed = 0;
  static void fields(auto& self, auto&& visit) {
    visit("day", self.day);
    visit("key", self.key);
    visit("model", self.model);
    visit("provider", self.provider);
    visit("requests", self.requests);
    visit("prompt_tokens", self.prompt_tokens);
    visit("cached_tokens", self.cached_tokens);
    visit("completion_tokens", self.completion_tokens);
    visit("estimated_tokens", self.estimated_tokens);
    visit("cost", self.cost);
    visit("aborted", self.aborted);
    visit("cut", self.cut);
    visit("cached", self.cached);
    visit("failed", self.failed);
  }
};

struct Usage {
  static constexpr std::string_view kName = "usage";
  std::vector<UsageRow> rows;  // the latest day first
  UsageRow total;
  bool more = false;  // there are more rows than the answer holds
  static void fields(auto& self, auto&& visit) {
    visit("rows", self.rows, Field{.items_max = 10'000});
    visit("total", self.total);
    visit("more", self.more);
  }
};

// Writes down each use as it is made, and keeps sums by day. add() puts a record into a journal in
// memory that outlives the process; every so often a thread of its own syncs the journal and adds
// what it holds to a database, whose transaction also says which journals are in it: nothing is
// counted twice or lost, wherever the process ends. While the disk gives no room for a journal,
// uses wait in memory, so many and no more. Thread-safe.
class Ledger {
 public:
  struct Options {
    std::string folder;
    std::size_t journal_bytes = 1024 * 1024;
    Milliseconds sync_every{100};
    Milliseconds fold_every{5'000};
    std::size_t rows_max = 10'000;     // of an answer
    std::size_t waiting_max = 10'000;  // uses, for room on the disk
    telemetry::Metrics* metrics = nullptr;
  };
  // Folds what an earlier process has left. DataLoss when a file is damaged.
  static Result<std::unique_ptr<Ledger>> open(Options options);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // Crash-safe when it returns, unless it waits for room on the disk; microseconds. An Error: too
  // many wait, and the use is not in the books, which is counted and logged.
  Result<void> add(const Used& used);

  // Everything that was added. Blocks for some milliseconds: not on a loop.
  Result<Usage> usage(const UsageQuery& query);
  // Tokens and cost of each key in the days from `day` on (days since 1970) and in those from
  // `month` on, which is no later, for its budgets. Blocks.
  struct Spent {
    std::int64_t day_tokens = 0;
    double day_cost = 0;
    std::int64_t month_tokens = 0;
    double month_cost = 0;
  };
  Result<std::map<std::string, Spent>> spent(std::int64_t day, std::int64_t month);

 private:
  // A use that owns its names.
  struct Waiting {
    Used used;
    std::string key;
    std::string model;
    std::string provider;
  };
  using Key = std::tuple<std::int64_t, std::string, std::string, std::string>;
  using Sums = std::map<Key, UsageRow>;

  explicit Ledger(Options options);
  Result<void> fold_left_over();
  Result<void> fold();
  Result<void> turn();
  Result<void> fold_full();
  void write_waiting();
  Result<void> commit(Sums sums, std::int64_t journal);
  Result<Sums> sums_of(const std::string& path) const;
  Result<void> make_spare();
  void begin_next();
  std::optional<std::uint16_t> number_of(std::string_view name);
  bool append(const Used& used);
  Result<void> keep(const Used& used);
  void drop();
  void work(const std::stop_token& stop);
  std::string path_of(std::int64_t number) const;

  const Options options_;
  std::unique_ptr<store::Database> database_;

  std::mutex folding_;  // one fold at a time; taken before mutex_
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::unique_ptr<Journal> journal_;
  std::int64_t number_ = 0;         // of the journal
  std::unique_ptr<Journal> spare_;  // to go on with: add() does not wait for the disk
  std::int64_t spare_number_ = 0;
  std::int64_t latest_ = 0;                               // number that a journal was given
  std::unordered_map<std::string, std::uint16_t> names_;  // of the journal
  std::vector<std::pair<std::int64_t, std::unique_ptr<Journal>>> full_;
  bool unsynced_ = false;
  bool no_room_ = false;         // for a journal: only the thread tries again
  std::deque<Waiting> waiting_;  // for it
  std::int64_t dropped_ = 0;
  std::optional<telemetry::Counter> drops_;

  std::jthread thread_;  // the last: it uses all of the above
};

// "2026-01-31" of a day since 1970 (UTC), and back; InvalidArgument for what is no day.
std::string day_text(std::int64_t day);
Result<std::int64_t> day_of(std::string_view text);

}  // namespace llm
