#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/store.h"

struct sqlite3;
struct sqlite3_stmt;

namespace store {

// One SQLite connection with its prepared statements. Owned by the writer or by the reader pool;
// not thread-safe: one thread at a time.
class SqliteConnection final : public Connection {
 public:
  enum class Access { ReadOnly, ReadWrite };

  // ReadWrite creates the file when there is none.
  static Result<std::unique_ptr<SqliteConnection>> open(const std::string& path, Access access,
                                                        std::size_t cache_kib);
  ~SqliteConnection() override;
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  Result<void> execute(std::string_view sql, std::vector<Value> arguments = {}) override;
  Result<void> query(std::string_view sql, std::vector<Value> arguments,
                     const std::function<void(const Row&)>& each) override;
  std::int64_t last_insert_id() const override;
  std::int64_t changes() const override;

  // Several statements without arguments, not kept.
  Result<void> script(const std::string& sql);
  // The first column of the first row; empty when there is none.
  Result<std::string> scalar(std::string_view sql);
  bool in_transaction() const;
  // Copies the database as this connection sees it into a new file at `path`, synced.
  Result<void> copy_to(const std::string& path);

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;
  using Statements = std::unordered_map<std::string, Statement, TextHash, std::equal_to<>>;
  class Loan;

  SqliteConnection(sqlite3* handle, std::string path) : handle_(handle), path_(std::move(path)) {}

  // A statement is out of the cache while it runs, so the same text may be used inside its own
  // rows.
  Result<Statements::node_type> take(std::string_view sql);
  Result<Statement> prepare(std::string_view sql);
  Result<void> bind(sqlite3_stmt* statement, const std::vector<Value>& arguments);
  Error error(int code, std::string_view what) const;

  sqlite3* handle_;
  std::string path_;
  Statements statements_;
};

}  // namespace store
