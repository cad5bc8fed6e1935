#include "store/connection.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

#include "base/utf8.h"

namespace store {
namespace {

constexpr int kBusyMs = 2000;  // the longest wait for another process that holds the file
constexpr std::size_t kStatementsKept = 64;
constexpr std::size_t kSqlShown = 80;

constexpr std::size_t kCopyCacheKib = 256;  // a copy writes each page once

// No memory map: a disk error would be a signal instead of an error.
constexpr const char* kSettings =
    "PRAGMA mmap_size=0; PRAGMA foreign_keys=ON; PRAGMA journal_size_limit=8388608;";

Code code_for(int sqlite_code) {
  switch (sqlite_code & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Code::DataLoss;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
      return Code::Unavailable;
    case SQLITE_CONSTRAINT:
      return Code::Conflict;
    case SQLITE_TOOBIG:
      return Code::TooLarge;
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return Code::PermissionDenied;
    default:
      return Code::Internal;
  }
}

int bind_one(sqlite3_stmt* statement, int index, const Value& value) {
  struct Binder {
    sqlite3_stmt* statement;
    int index;
    int operator()(std::nullptr_t) const { return sqlite3_bind_null(statement, index); }
    int operator()(std::int64_t number) const {
      return sqlite3_bind_int64(statement, index, number);
    }
    int operator()(double number) const { return sqlite3_bind_double(statement, index, number); }
    int operator()(const std::string& text) const {
      return sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_STATIC,
                                 SQLITE_UTF8);
    }
    int operator()(const Blob& bytes) const {
      // A null pointer would bind NULL instead of an empty blob.
      if (bytes.empty()) return sqlite3_bind_zeroblob(statement, index, 0);
      return sqlite3_bind_blob64(statement, index, bytes.data(), bytes.size(), SQLITE_STATIC);
    }
  };
  return std::visit(Binder{statement, index}, value);
}

sqlite3_stmt* handle_of(void* statement) { return static_cast<sqlite3_stmt*>(statement); }

}  // namespace

std::int64_t Row::integer(int column) const {
  return sqlite3_column_int64(handle_of(statement_), column);
}

double Row::real(int column) const { return sqlite3_column_double(handle_of(statement_), column); }

std::string_view Row::text(int column) const {
  const auto* bytes = sqlite3_column_text(handle_of(statement_), column);
  if (bytes == nullptr) return {};
  const int size = sqlite3_column_bytes(handle_of(statement_), column);
  return {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

std::span<const std::byte> Row::blob(int column) const {
  const auto* bytes = sqlite3_column_blob(handle_of(statement_), column);
  if (bytes == nullptr) return {};
  const int size = sqlite3_column_bytes(handle_of(statement_), column);
  return {static_cast<const std::byte*>(bytes), static_cast<std::size_t>(size)};
}

bool Row::null(int column) const {
  return sqlite3_column_type(handle_of(statement_), column) == SQLITE_NULL;
}

// A statement in use. Whatever ends the use, an exception included, resets it and puts it back.
class SqliteConnection::Loan {
 public:
  Loan(Statements& home, Statements::node_type node) : home_(home), node_(std::move(node)) {}
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;
  ~Loan() {
    sqlite3_reset(get());
    sqlite3_clear_bindings(get());
    // Beyond the limit a statement is prepared anew each time: slower, never larger.
    if (home_.size() < kStatementsKept) home_.insert(std::move(node_));
  }
  sqlite3_stmt* get() const { return node_.mapped().get(); }

 private:
  Statements& home_;
  Statements::node_type node_;
};

void SqliteConnection::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(const std::string& path,
                                                                 Access access,
                                                                 std::size_t cache_kib) {
  const int mode = access == Access::ReadOnly ? SQLITE_OPEN_READONLY
                                              : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, mode | SQLITE_OPEN_NOMUTEX, nullptr);
  // Also a failed open gives a handle, which holds the message and must be closed.
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(handle, path));
  if (code != SQLITE_OK) return connection->error(code, "open");
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyMs);
  TRY(connection->script(fmt::format("{} PRAGMA cache_size=-{};", kSettings, cache_kib)));
  return connection;
}

SqliteConnection::~SqliteConnection() {
  statements_.clear();
  sqlite3_close_v2(handle_);
}

Error SqliteConnection::error(int code, std::string_view what) const {
  // The connection's message belongs to the call that failed last, which need not be this one.
  const char* reason =
      sqlite3_extended_errcode(handle_) == code ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  return {code_for(code),
          fmt::format("store {}: {} ({})", path_, reason, utf8_prefix(trimmed(what), kSqlShown))};
}

Result<SqliteConnection::Statement> SqliteConnection::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const char* tail = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, &tail);
  Statement statement(raw);
  if (code != SQLITE_OK) return error(code, sql);
  const auto used = static_cast<std::size_t>(tail - sql.data());
  if (!statement || !trimmed(sql.substr(used)).empty()) {
    return Error(Code::Internal, fmt::format("store {}: not one statement: {}", path_,
                                             utf8_prefix(trimmed(sql), kSqlShown)));
  }
  return statement;
}

Result<SqliteConnection::Statements::node_type> SqliteConnection::take(std::string_view sql) {
  if (const auto found = statements_.find(sql); found != statements_.end()) {
    return statements_.extract(found);
  }
  Statements fresh;
  fresh.emplace(sql, TRY(prepare(sql)));
  return fresh.extract(fresh.begin());
}

Result<void> SqliteConnection::bind(sqlite3_stmt* statement, const std::vector<Value>& arguments) {
  if (static_cast<std::size_t>(sqlite3_bind_parameter_count(statement)) != arguments.size()) {
    return Error(Code::Internal,
                 fmt::format("store {}: {} arguments for {}", path_, arguments.size(),
                             utf8_prefix(sqlite3_sql(statement), kSqlShown)));
  }
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const int code = bind_one(statement, static_cast<int>(i) + 1, arguments[i]);
    if (code != SQLITE_OK) return error(code, sqlite3_sql(statement));
  }
  return {};
}

Result<void> SqliteConnection::execute(std::string_view sql, std::vector<Value> arguments) {
  return query(sql, std::move(arguments), [](const Row&) {});
}

Result<void> SqliteConnection::query(std::string_view sql, std::vector<Value> arguments,
                                     const std::function<void(const Row&)>& each) {
  const Loan statement(statements_, TRY(take(sql)));
  TRY(bind(statement.get(), arguments));
  int code = sqlite3_step(statement.get());
  for (; code == SQLITE_ROW; code = sqlite3_step(statement.get())) each(Row(statement.get()));
  if (code != SQLITE_DONE) return error(code, sql);
  return {};
}

std::int64_t SqliteConnection::last_insert_id() const { return sqlite3_last_insert_rowid(handle_); }

std::int64_t SqliteConnection::changes() const { return sqlite3_changes64(handle_); }

Result<void> SqliteConnection::script(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error(code, sql);
  return {};
}

Result<std::string> SqliteConnection::scalar(std::string_view sql) {
  std::string value;
  bool first = true;
  TRY(query(sql, {}, [&](const Row& row) {
    if (std::exchange(first, false)) value = row.text(0);
  }));
  return value;
}

bool SqliteConnection::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

Result<void> SqliteConnection::copy_to(const std::string& path) {
  const auto copy = TRY(open(path, Access::ReadWrite, kCopyCacheKib));
  sqlite3_backup* backup = sqlite3_backup_init(copy->handle_, "main", handle_, "main");
  if (backup == nullptr) return copy->error(sqlite3_extended_errcode(copy->handle_), "backup");
  // One step, so that writes cannot restart it; in WAL mode it holds up nobody.
  const int stepped = sqlite3_backup_step(backup, -1);
  const int finished = sqlite3_backup_finish(backup);
  if (stepped != SQLITE_DONE) return copy->error(stepped, "backup");
  if (finished != SQLITE_OK) return copy->error(finished, "backup");
  return {};
}

}  // namespace store
