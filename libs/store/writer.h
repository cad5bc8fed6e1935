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

// Writes, on one thread: its own, or the one it is given. It takes what is queued into one
// transaction, commits it, then answers: under load one sync serves many writes, alone a write
// waits for nobody. What the thread it is given does not run any more, its own does. Thread-safe;
// the destructor, never on a thread it was given, commits what is queued.
class Writer {
 public:
  using Done = std::function<void(Result<void>)>;

  struct Options {
    std::string path;
    Grade grade = Grade::CrashSafe;
    std::size_t queue_max = 4096;
    Milliseconds sync_within{100};
    Milliseconds group_within{5};  // a group takes no more works in after this
    RunOn write_on{};
  };

  // `connection` must outlive the writer and is used by the thread that writes only.
  Writer(Options options, SqliteConnection& connection);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Overloaded when the queue is full; then `done` is not kept.
  Result<void> submit(Work work, Done done);
  bool on_own_thread() const { return std::this_thread::get_id() == thread_.get_id(); }

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
  void lend_queue();
  void write_lent();
  std::optional<Job> next();
  void commit_group();
  Result<void> perform(const Work& work);
  Result<void> roll_back_savepoint();
  void note_commit();
  void sync_log();

  const Options options_;
  SqliteConnection& connection_;  // of the thread that writes
  int log_ = -1;                  // the -wal file, for its sync; of the own thread

  std::mutex mutex_;  // guards all below
  std::condition_variable_any queued_;
  std::deque<Job> queue_;
  bool own_;                          // this thread writes; else the one that was given
  bool lent_ = false;                 // the queue: a task was given away that will write it
  std::condition_variable returned_;  // the queue
  std::optional<SteadyTime> sync_due_;
  std::optional<Error> broken_;

  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace store
