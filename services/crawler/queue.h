#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "contracts/crawler.h"
#include "store/store.h"

namespace crawler {

// One piece of a job: a page to fetch, a file to read, a folder to look through, a source that is
// gone and whose documents are to be deleted.
enum class Task { Page, File, Folder, Gone };

// A piece that was found. With a reason it is skipped from the start.
struct Found {
  Task task = Task::Page;
  std::string source;  // URL or path
  std::string site;    // of a page, whose turn it waits for; else empty
  int depth = 0;
  std::string skipped{};
};

// A piece that a worker has taken, and what it needs to know of its job.
struct Item {
  std::int64_t key = 0;
  std::string job;
  Task task = Task::Page;
  std::string source;
  int depth = 0;
  int attempts = 0;  // made before this one
  std::string root;  // the job's source
  std::string collection;
  int depth_max = 0;
  std::string metadata;  // a JSON object
  bool refresh = false;
};

// How a piece ended. Given: documents were sent; Unchanged: they had been; Skipped: there is
// nothing to read in it; Failed: given up.
struct Ending {
  enum class Kind { Given, Unchanged, Skipped, Failed };
  Kind kind = Kind::Given;
  std::string reason{};
  std::int64_t documents = 0;
  std::int64_t chunks = 0;
  bool deleted = false;  // documents that there had been
  std::vector<Found> found{};
};

// What is to be done, on disk: a job is accepted when it is safe from a power cut. A worker leases
// a piece, does it, and reports its end; a lease that is not reported in time is given to another,
// so each piece is done at least once, and doing it twice changes nothing. Opening the queue gives
// back the leases of a process that ended without a word. Thread-safe; one process owns the file.
class Queue {
 public:
  struct Options {
    std::int64_t lease_ms = 300'000;
    std::int64_t open_jobs_max = 1'000;  // beyond: Overloaded
    std::int64_t jobs_kept = 500;        // that have ended, the newest
  };
  static const char* schema();

  // `database` and `clock` must outlive it.
  static Result<std::unique_ptr<Queue>> open(Options options, store::Database& database,
                                             const Clock& clock);

  Result<contracts::AddedJob> add(const contracts::AddJob& request, const Found& first);
  Result<contracts::Job> job(const std::string& id);
  Result<contracts::JobList> jobs(const contracts::JobsQuery& query);
  // Nothing of it begins any more.
  Result<void> cancel(const std::string& id);
  // Takes up what was given up.
  Result<void> retry(const std::string& id);

  // The piece that has been due for longest, of a site that is not among `busy`.
  Result<std::optional<Item>> lease(const std::vector<std::string>& busy);
  Result<void> finish(const Item& item, const Ending& ending);
  // Again after `wait`; an attempt that does not count was not the piece's own fault.
  enum class Attempt { Counts, DoesNotCount };
  Result<void> postpone(const Item& item, std::int64_t wait_ms, const std::string& reason,
                        Attempt attempt);
  // Whether the job still wants its pieces done.
  Result<bool> wanted(const std::string& job);

  // Returns when something may be due: a piece was added since `seen`, or one's time has come, or
  // `until`, or `stop`.
  std::uint64_t version() const;
  void wait(std::uint64_t seen, SteadyTime until, const std::stop_token& stop);

  // How long the oldest job that has not ended has been waiting, 0 without one; and how many have
  // not ended.
  struct Backlog {
    std::int64_t oldest_ms = 0;
    std::int64_t jobs = 0;
  };
  Result<Backlog> backlog();

 private:
  Queue(Options options, store::Database& database, const Clock& clock)
      : options_(options), database_(database), clock_(clock) {}
  Result<void> require(const std::string& id);
  std::optional<std::int64_t> next_due_ms();
  void announce();

  const Options options_;
  store::Database& database_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t version_ = 1;  // guarded by mutex_
};

}  // namespace crawler
