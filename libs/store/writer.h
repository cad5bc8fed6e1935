#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "store/connection.h"

namespace store {

// The one thread that writes. It takes what is queued into one transaction, commits it, then
// answers: under load one sync serves many writes, alone a write waits for nobody. Thread-safe; the
// destructor commits what is queued.
class Writer {
 public:
  using Done = std::function<void(Result<void>)>;

  struct Options {
    std::string path;
    Grade grade = Grade::CrashSafe;
    std::size_t queue_max = 4096;
    Milliseconds sync_within{100};
    Milliseconds group_within{5};  // a group takes no more works in after this
  };

  // `connection` must outlive the writer and is used by its thread only.
  Writer(Options options, SqliteConnection& connection);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Overloaded when the queue is full; then `done` is not kept.
  Result<void> submit(Work work, Done done);
  bool on_writer_thread() const { return std::this_thread::get_id() == thread_.get_id(); }

 private:
  struct Job {
    Work work;
    Done done;
  };
  struct Answer {
    Done done;
    Result<void> result;
  };

  void run(const std::stop_token& stop);
  std::optional<Job> next();
  void commit_group();
  Result<void> perform(const Work& work);
  Result<void> roll_back_savepoint();
  void note_commit();
  void sync_log();

  const Options options_;
  // The writer thread's own.
  SqliteConnection& connection_;
  int log_ = -1;  // the -wal file, for its sync
  std::optional<SteadyTime> sync_due_;
  std::optional<Error> broken_;

  std::mutex mutex_;
  std::condition_variable_any queued_;
  std::deque<Job> queue_;  // guarded by mutex_

  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace store
