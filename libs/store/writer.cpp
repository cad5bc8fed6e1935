#include "store/writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <exception>
#include <system_error>
#include <utility>

namespace store {
namespace {

constexpr std::size_t kGroupMax = 256;

SteadyTime steady_now() { return std::chrono::steady_clock::now(); }

// The writer's catch-all: a throwing work is that caller's error, not the end of the process.
Result<void> guarded(const Work& work, Connection& connection) {
  try {
    return work(connection);
  } catch (const std::exception& thrown) {
    return Error(Code::Internal, fmt::format("store: a write threw: {}", thrown.what()));
  }
}

}  // namespace

Writer::Writer(Options options, SqliteConnection& connection)
    : options_(std::move(options)),
      connection_(connection),
      own_(!options_.write_on),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Writer::~Writer() {
  {
    std::unique_lock lock(mutex_);
    own_ = true;
    returned_.wait(lock, [this] { return !lent_; });
  }
  thread_.request_stop();
  thread_.join();
  if (log_ >= 0) ::close(log_);
}

Result<void> Writer::submit(Work work, Done done) {
  bool own = false;
  bool lend = false;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= options_.queue_max) {
      return Error(Code::Overloaded,
                   fmt::format("store {}: {} writes are waiting", options_.path, queue_.size()));
    }
    queue_.push_back({std::move(work), std::move(done)});
    own = own_;
    lend = !own && !lent_;
    lent_ = lent_ || lend;
  }
  if (lend) {
    lend_queue();
  } else if (own) {
    queued_.notify_one();
  }
  return {};
}

// With `lent_` set.
void Writer::lend_queue() {
  if (options_.write_on([this] { write_lent(); })) return;
  {
    const std::lock_guard lock(mutex_);
    own_ = true;
    lent_ = false;
    returned_.notify_all();
    queued_.notify_one();  // under the lock: the destructor may be who was told
  }
}

void Writer::write_lent() {
  commit_group();
  {
    const std::lock_guard lock(mutex_);
    lent_ = !queue_.empty();
    if (!lent_) {
      returned_.notify_all();
      return;
    }
  }
  lend_queue();  // the loop gets its turn between two groups
}

std::optional<Writer::Job> Writer::next() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) return std::nullopt;
  Job job = std::move(queue_.front());
  queue_.pop_front();
  return job;
}

void Writer::run(const std::stop_token& stop) {
  const auto some_queued = [this] { return own_ && !lent_ && !queue_.empty(); };
  for (;;) {
    std::unique_lock lock(mutex_);
    if (sync_due_) {
      queued_.wait_until(lock, stop, SteadyTime(*sync_due_), some_queued);
    } else {
      queued_.wait(lock, stop, [&] { return some_queued() || sync_due_; });
    }
    const bool work_waits = some_queued();
    lock.unlock();
    if (work_waits) commit_group();
    lock.lock();
    const bool due = sync_due_ && (stop.stop_requested() || steady_now() >= *sync_due_);
    if (due) sync_due_.reset();
    lock.unlock();
    if (due) sync_log();
    if (!work_waits && stop.stop_requested()) return;
  }
}

void Writer::commit_group() {
  std::vector<Answer> answers;
  // What SQLite rolled back as a whole (disk full, I/O error) takes its group along.
  const auto fail_uncommitted = [&](const Error& reason) {
    for (Answer& answer : answers) {
      if (answer.result) answer.result = reason;
    }
  };
  const std::optional<Error> broken = [this] {
    const std::lock_guard lock(mutex_);
    return broken_;
  }();
  const SteadyTime end = steady_now() + options_.group_within;
  while (answers.size() < kGroupMax && (answers.empty() || steady_now() < end)) {
    std::optional<Job> job = next();
    if (!job) break;
    Result<void> result = broken ? Result<void>(*broken) : perform(job->work);
    if (!result && !connection_.in_transaction()) fail_uncommitted(result.error());
    answers.push_back({std::move(job->done), std::move(result)});
  }
  if (connection_.in_transaction()) {
    if (const auto committed = connection_.execute("COMMIT"); committed) {
      note_commit();
    } else {
      fail_uncommitted(committed.error());
      // Either this ends the transaction or SQLite has done so already.
      if (connection_.in_transaction()) (void)connection_.execute("ROLLBACK");
    }
  }
  for (Answer& answer : answers) {
    try {
      answer.done(std::move(answer.result));
    } catch (const std::exception&) {
      // His deadline tells whoever waits for it; the others are answered, and the queue goes on.
    }
  }
}

// The first of a group needs no savepoint: rolling the transaction back takes only itself.
Result<void> Writer::perform(const Work& work) {
  const bool first = !connection_.in_transaction();
  TRY(connection_.execute(first ? "BEGIN IMMEDIATE" : "SAVEPOINT work"));
  Result<void> result = guarded(work, connection_);
  if (!connection_.in_transaction()) {
    if (!result) return result;
    return Error(Code::Internal, "store: a write ended the transaction of its group");
  }
  if (first) {
    if (!result) (void)connection_.execute("ROLLBACK");
    return result;
  }
  if (!result) {
    if (!roll_back_savepoint()) (void)connection_.execute("ROLLBACK");
    return result;
  }
  TRY(connection_.execute("RELEASE work"));
  return result;
}

Result<void> Writer::roll_back_savepoint() {
  TRY(connection_.execute("ROLLBACK TO work"));
  return connection_.execute("RELEASE work");
}

void Writer::note_commit() {
  if (options_.grade != Grade::CrashSafe) return;
  const std::lock_guard lock(mutex_);
  if (sync_due_) return;
  // The last quarter is for the sync itself and for the group that may be under way.
  sync_due_ = steady_now() + options_.sync_within * 3 / 4;
  if (!own_) queued_.notify_one();
}

// The kernel has the log already; this bounds what a power cut may take. After a failed sync the
// kernel may have dropped the pages, and syncing again would report success: so no write is
// accepted until the file has been opened and checked anew.
void Writer::sync_log() {
  const std::string log_path = options_.path + "-wal";
  // Closing this file drops no lock of SQLite: those are on the database and on -shm.
  if (log_ < 0) log_ = ::open(log_path.c_str(), O_RDONLY | O_CLOEXEC);
  if (log_ >= 0 && ::fdatasync(log_) == 0) return;
  const std::lock_guard lock(mutex_);
  broken_ = Error(Code::Unavailable, fmt::format("store {}: cannot sync: {}", log_path,
                                                 std::generic_category().message(errno)));
}

}  // namespace store
