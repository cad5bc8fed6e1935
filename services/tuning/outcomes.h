#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "contracts/tuning.h"
#include "store/store.h"
#include "tuning/advice.h"
#include "tuning/rotation.h"

// Outcomes and opinions on disk: every statement of SQL that the service has. The functions work on
// a connection that the caller lends them, changes on the writer's. Beside each outcome stand the
// counts of each day (UTC), so that a start or a report after a year reads some thousand rows.
namespace tuning {

inline constexpr std::int64_t kDayMs = 24 * 3600 * 1000LL;

std::vector<std::string> migrations();

// A lesson and whose it is.
struct Learned {
  std::string character;
  std::string variant;  // empty: drafted without tuning
  Lesson lesson;
};

struct Stored {
  bool repeated = false;
  std::string character;
  std::int64_t opinions = 0;                     // that had been waiting for this outcome
  std::optional<Learned> learned;                // of a turn that was said
  std::map<FindingCode, std::int64_t> findings;  // drafts that had each
  std::vector<HintUse> uses;
};

// Whether the turn's outcome is here.
Result<bool> holds(store::Connection& db, const std::string& turn_id);

// Keeps an outcome once by its turn_id. `slower` as in Lesson.
Result<Stored> insert(store::Connection& db, const contracts::Outcome& outcome,
                      std::optional<bool> slower);

struct Judged {
  bool changed = false;
  bool known = false;
  std::int64_t waiting = 0;       // so many more opinions wait for their outcome, or fewer
  std::optional<Learned> before;  // of a turn that was said, when the opinion changed it
  std::optional<Learned> after;
};

// Keeps a person's opinion on a turn. When one more comes to wait for its outcome, the `surplus`
// oldest that do go first: whoever tells of turns that never were keeps nobody else out for long.
// Overloaded when too many people have an opinion on the same turn.
Result<Judged> judge(store::Connection& db, const contracts::FeedbackRequest& request,
                     std::int64_t now_ms, std::int64_t surplus);

struct Totals {
  struct Row {
    std::string character;
    std::string variant;
    Tally tally;
    double median_ms = 0;  // by load_medians()
  };
  std::vector<Row> variants;
  std::map<std::string, std::map<FindingCode, std::int64_t>> findings;  // by character
  std::map<std::string, HintTallies> hints;                             // by character
};

// The counts of one character or of all (empty), of whole days since the day of `since_ms`, in at
// most `rows_max` combinations of character and variant.
Result<Totals> load_totals(store::Connection& db, const std::string& character,
                           std::int64_t since_ms, std::size_t rows_max);
// Adds the medians, to a twentieth.
Result<void> load_medians(store::Connection& db, const std::string& character,
                          std::int64_t since_ms, Totals& totals);

Result<std::int64_t> count_waiting(store::Connection& db);
Result<std::int64_t> load_generation(store::Connection& db);
Result<void> save_generation(store::Connection& db, std::int64_t generation);

struct ExportFilter {
  std::string character;  // empty: all
  double min_score = 0;
  std::int64_t since_ms = 0;
};
struct ExportedRow {
  std::int64_t seq = 0;
  contracts::ExportedTurn turn;
};
// Chosen lines after the row `after`, in order of arrival.
Result<std::vector<ExportedRow>> load_export(store::Connection& db, const ExportFilter& filter,
                                             std::int64_t after, std::int64_t limit);
// The row of a turn; NotFound when it is not here.
Result<std::int64_t> seq_of(store::Connection& db, const std::string& turn_id);

// Wall time of the newest outcome; 0 when there is none.
Result<std::int64_t> newest_ms(store::Connection& db);
// Deletes at most `batch` outcomes, and as many opinions, from before the day of that time, with
// the counts of those days; how many went.
Result<std::int64_t> forget_before(store::Connection& db, std::int64_t before_ms,
                                   std::int64_t batch);
// Deletes the outcome of a turn, its lines and what people thought of it; whether there was one.
// The counts of its day stay: they are sums, and tell nothing of it.
Result<bool> forget_turn(store::Connection& db, const std::string& turn_id);
// Deletes at most `batch` opinions that have waited for their outcome since before that time.
Result<std::int64_t> forget_waiting(store::Connection& db, std::int64_t before_ms,
                                    std::int64_t batch);

}  // namespace tuning
