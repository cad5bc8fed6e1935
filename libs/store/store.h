#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

// One SQLite file that one thread writes. Writes are queued and committed in groups; a write is
// answered when it is on disk in the database's grade (DESIGN, "what it acknowledged"):
//   PowerSafe  synchronous=FULL, the group is committed before the answer;
//   CrashSafe  synchronous=NORMAL, committed before the answer, the log synced within
//   `sync_within`.
// Reads run on the caller's thread over a small pool of connections and see a snapshot.
namespace store {

enum class Grade { PowerSafe, CrashSafe };

using Blob = std::vector<std::byte>;
using Value = std::variant<std::nullptr_t, std::int64_t, double, std::string, Blob>;

// One row of a result, valid inside the callback only. Columns count from 0; NULL reads as 0 or "".
class Row {
 public:
  explicit Row(void* statement) : statement_(statement) {}
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string_view text(int column) const;
  std::span<const std::byte> blob(int column) const;
  bool null(int column) const;

 private:
  void* statement_;
};

// A connection, lent to a callback on one thread. Statements are prepared once and kept.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual Result<void> execute(std::string_view sql, std::vector<Value> arguments = {}) = 0;
  virtual Result<void> query(std::string_view sql, std::vector<Value> arguments,
                             const std::function<void(const Row&)>& each) = 0;
  virtual std::int64_t last_insert_id() const = 0;
  virtual std::int64_t changes() const = 0;
};

using Work = std::function<Result<void>(Connection&)>;

// Has a thread run a task soon, and once; false when it never will. From any thread.
using RunOn = std::function<bool(std::function<void()> task)>;

// Thread-safe. The destructor commits what is queued.
class Database {
 public:
  struct Options {
    std::string path;
    Grade grade = Grade::CrashSafe;
    // Step n takes the schema from version n to n + 1 (PRAGMA user_version); never edited later.
    std::vector<std::string> migrations;
    std::size_t queue_max = 4096;  // writes waiting; beyond: Overloaded
    Milliseconds sync_within{100};
    // The thread that writes and answers, one for all tasks; by default one of the database's own.
    // A loop that writes by itself saves each write two changes of thread, but is held up by a disk
    // that stalls. For the grade CrashSafe: that file is synced on a thread of its own all the
    // same.
    RunOn write_on{};
    std::size_t readers = 2;
    std::size_t cache_kib = 512;  // of pages, for each connection
  };

  // Opens or creates the file (mode 600), checks its integrity (quick_check), migrates.
  // DataLoss when the file is damaged or newer than this program.
  static Result<std::unique_ptr<Database>> open(Options options);
  virtual ~Database() = default;

  // Runs `work` in the writer's transaction and returns when it is on disk. A failing `work` is
  // rolled back alone; the rest of its group is committed.
  // Not on the thread that writes: it would wait for itself.
  virtual Result<void> write(Work work) = 0;
  // The same without waiting; `done` is called once: on the thread that writes, later, or at once
  // on the caller's when the queue is full.
  virtual void write_async(Work work, std::function<void(Result<void>)> done) = 0;
  // Runs `work` on a snapshot that later writes do not change. Overloaded when no reader is free.
  virtual Result<void> read(const Work& work) = 0;
  // A consistent copy while the database is in use.
  virtual Result<void> backup(const std::string& path) = 0;
};

}  // namespace store
