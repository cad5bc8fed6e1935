#include "store/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <future>
#include <system_error>
#include <utility>

#include "base/ids.h"
#include "store/connection.h"
#include "store/readers.h"
#include "store/writer.h"

namespace store {
namespace {

constexpr std::size_t kCopyCacheKib = 256;  // a copy reads each page once

Error system_error(std::string_view what, const std::string& path) {
  return {Code::Unavailable,
          fmt::format("store {}: {}: {}", path, what, std::generic_category().message(errno))};
}

// The file must exist with its mode before SQLite opens it: the -wal and -shm files copy the mode.
// An existing one is not opened here, because closing it would drop SQLite's locks on it.
Result<void> make_private(const std::string& path) {
  const int file = ::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  if (file >= 0) ::close(file);
  if (file < 0 && errno != EEXIST) return system_error("cannot create", path);
  if (::chmod(path.c_str(), 0600) != 0) return system_error("cannot set mode 600", path);
  return {};
}

// Makes the names of new files in `path`'s folder durable.
Result<void> sync_folder(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  const int handle = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = handle >= 0 && ::fsync(handle) == 0;
  if (handle >= 0) ::close(handle);
  if (!synced) return system_error("cannot sync", folder);
  return {};
}

Result<void> check(SqliteConnection& connection, const std::string& path) {
  const std::string verdict = TRY(connection.scalar("PRAGMA quick_check(1)"));
  if (verdict == "ok") return {};
  return Error(Code::DataLoss, fmt::format("store {}: damaged: {}", path, verdict));
}

Result<std::size_t> version_of(SqliteConnection& connection) {
  const std::string text = TRY(connection.scalar("PRAGMA user_version"));
  std::size_t version = 0;
  const auto end = text.data() + text.size();
  if (std::from_chars(text.data(), end, version).ptr != end) {
    return Error(Code::DataLoss, fmt::format("store: version '{}' is not one of ours", text));
  }
  return version;
}

Result<void> migrate(SqliteConnection& connection, const std::vector<std::string>& steps,
                     std::size_t version) {
  for (; version < steps.size(); ++version) {
    TRY(connection.script("BEGIN IMMEDIATE"));
    const auto stepped = connection.script(steps[version]);
    if (!stepped) {
      if (connection.in_transaction()) (void)connection.script("ROLLBACK");
      return Error(stepped.error().code,
                   fmt::format("migration from version {}: {}", version, stepped.error().message));
    }
    TRY(connection.script(fmt::format("PRAGMA user_version={}; COMMIT", version + 1)));
  }
  return {};
}

// Refuses before it changes anything in the file.
Result<std::unique_ptr<SqliteConnection>> open_checked(const Database::Options& options) {
  TRY(make_private(options.path));
  auto connection = TRY(
      SqliteConnection::open(options.path, SqliteConnection::Access::ReadWrite, options.cache_kib));
  const std::size_t version = TRY(version_of(*connection));
  if (version > options.migrations.size()) {
    return Error(Code::DataLoss, fmt::format("store {}: version {} is newer than this program's {}",
                                             options.path, version, options.migrations.size()));
  }
  TRY(check(*connection, options.path));
  // Migrations are synced whatever the grade.
  TRY(connection->script("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"));
  TRY(migrate(*connection, options.migrations, version));
  if (options.grade == Grade::CrashSafe) TRY(connection->script("PRAGMA synchronous=NORMAL"));
  TRY(sync_folder(options.path));
  return connection;
}

class SqliteDatabase final : public Database {
 public:
  SqliteDatabase(Options options, std::unique_ptr<SqliteConnection> connection)
      : path_(std::move(options.path)),
        connection_(std::move(connection)),
        readers_(path_, options.readers, options.cache_kib),
        writer_({.path = path_,
                 .grade = options.grade,
                 .queue_max = options.queue_max,
                 .sync_within = options.sync_within,
                 .write_on = std::move(options.write_on)},
                *connection_) {}

  Result<void> write(Work work) override {
    assert(!writer_.on_own_thread());
    // Shared, because the promise is still in use when it wakes us. The wait has no deadline of its
    // own: `work` may refer to the caller's locals, and what the writer does is bounded.
    const auto answer = std::make_shared<std::promise<Result<void>>>();
    TRY(writer_.submit(std::move(work),
                       [answer](Result<void> result) { answer->set_value(std::move(result)); }));
    return answer->get_future().get();
  }

  void write_async(Work work, std::function<void(Result<void>)> done) override {
    const auto accepted = writer_.submit(std::move(work), done);
    if (!accepted) done(accepted);
  }

  Result<void> read(const Work& work) override { return readers_.read(work); }

  Result<void> backup(const std::string& path) override {
    const std::string part = path + "." + make_id("part");
    auto copied = copy(part, path);
    if (!copied) ::unlink(part.c_str());
    return copied;
  }

 private:
  // A connection of its own: a long copy takes no reader from the service.
  Result<void> copy(const std::string& part, const std::string& path) {
    TRY(make_private(part));
    const auto source =
        TRY(SqliteConnection::open(path_, SqliteConnection::Access::ReadOnly, kCopyCacheKib));
    TRY(source->copy_to(part));
    if (std::rename(part.c_str(), path.c_str()) != 0) return system_error("cannot rename to", path);
    return sync_folder(path);
  }

  const std::string path_;
  // The writer stops first; its connection closes last, because only a writing one can clean up.
  const std::unique_ptr<SqliteConnection> connection_;
  Readers readers_;
  Writer writer_;
};

}  // namespace

Result<std::unique_ptr<Database>> Database::open(Options options) {
  auto connection = TRY(open_checked(options));
  std::unique_ptr<Database> database =
      std::make_unique<SqliteDatabase>(std::move(options), std::move(connection));
  return database;
}

}  // namespace store
