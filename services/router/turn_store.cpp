#include "router/turn_store.h"

#include <fmt/format.h>

#include <utility>

#include "json/codec.h"
#include "telemetry/log.h"

namespace router {
namespace {

using contracts::TurnRecord;
using contracts::TurnStatus;

store::Value optional_text(const std::optional<std::string>& text) {
  if (!text) return nullptr;
  return *text;
}

std::vector<store::Value> row_of(const TurnRecord& record) {
  return {record.turn_id,
          record.channel,
          record.message_id,
          record.started_ms,
          std::string(enum_name(record.status)),
          json::encode(record),
          optional_text(record.author_id),
          optional_text(record.posted_id)};
}

constexpr std::size_t kStatusColumn = 4;

constexpr std::string_view kUpsert =
    "INSERT INTO turns(turn_id, channel, message_id, started_ms, status, record, author_id, "
    "posted_id) VALUES(?,?,?,?,?,?,?,?) "
    "ON CONFLICT(turn_id) DO UPDATE SET status=excluded.status, record=excluded.record";

// Of most turns neither is known or asked for: the indexes have but few entries.
constexpr const char* kBotColumns =
    "ALTER TABLE turns ADD COLUMN author_id TEXT;"
    "ALTER TABLE turns ADD COLUMN posted_id TEXT;"
    "CREATE INDEX turns_by_author ON turns(author_id) WHERE author_id IS NOT NULL;"
    "CREATE INDEX turns_by_post ON turns(posted_id) WHERE posted_id IS NOT NULL;";

// Columns: record, turn_id.
void take(const store::Row& row, std::vector<TurnRecord>& found) {
  auto record = json::decode<TurnRecord>(row.text(0));
  if (record) {
    found.push_back(std::move(record).value());
  } else {
    // One turn that nobody can read is no reason to keep the others back.
    telemetry::error("a stored turn cannot be read",
                     {{"turn", row.text(1)}, {"why", record.error().message}});
  }
}

Error unknown(const std::string& turn_id) {
  return {Code::NotFound, fmt::format("turn_id: no turn '{}'", turn_id)};
}

}  // namespace

Result<std::unique_ptr<TurnStore>> TurnStore::open(const std::string& path) {
  store::Database::Options options;
  options.path = path;
  options.grade = store::Grade::CrashSafe;
  options.migrations = {
      "CREATE TABLE turns(turn_id TEXT PRIMARY KEY, channel TEXT NOT NULL, message_id TEXT NOT "
      "NULL, "
      "started_ms INTEGER NOT NULL, status TEXT NOT NULL, record TEXT NOT NULL);"
      "CREATE INDEX turns_by_channel ON turns(channel, started_ms);"
      "CREATE INDEX turns_by_message ON turns(channel, message_id);"
      "CREATE INDEX turns_by_time ON turns(started_ms);"
      "CREATE INDEX turns_open ON turns(status) WHERE status='open';",
      "CREATE TABLE outbox(turn_id TEXT PRIMARY KEY) WITHOUT ROWID;", kBotColumns};
  auto database = TRY(store::Database::open(std::move(options)));
  return std::unique_ptr<TurnStore>(new TurnStore(std::move(database)));
}

void TurnStore::opened(const TurnRecord& record) { open_[record.turn_id] = row_of(record); }

void TurnStore::flush() {
  if (open_.empty()) return;
  database_->write_async(
      [rows = std::exchange(open_, {})](store::Connection& connection) -> Result<void> {
        for (const auto& [turn_id, row] : rows) TRY(connection.execute(kUpsert, row));
        return {};
      },
      [](const Result<void>& written) {
        if (!written) {
          telemetry::error("turns not opened on disk", {{"why", written.error().message}});
        }
      });
}

void TurnStore::closed(const TurnRecord& record, std::function<void(Result<void>)> done) {
  open_.erase(record.turn_id);
  database_->write_async(
      [row = row_of(record),
       tell = !record.attempts.empty()](store::Connection& connection) -> Result<void> {
        TRY(connection.execute(kUpsert, row));
        if (!tell) return {};
        return connection.execute("INSERT OR IGNORE INTO outbox VALUES(?)", {row.front()});
      },
      std::move(done));
}

Result<std::vector<TurnRecord>> TurnStore::unreported(int limit) const {
  return select("turn_id IN (SELECT turn_id FROM outbox ORDER BY turn_id LIMIT ?)",
                {static_cast<std::int64_t>(limit)});
}

void TurnStore::reported(std::vector<std::string> turn_ids,
                         std::function<void(Result<void>)> done) {
  database_->write_async(
      [ids = std::move(turn_ids)](store::Connection& connection) -> Result<void> {
        for (const std::string& id : ids) {
          TRY(connection.execute("DELETE FROM outbox WHERE turn_id=?", {id}));
        }
        return {};
      },
      std::move(done));
}

void TurnStore::posted(const std::string& turn_id, const std::string& message_id, Found done) {
  const auto found = std::make_shared<std::vector<TurnRecord>>();
  database_->write_async(
      [turn_id, message_id, found](store::Connection& connection) -> Result<void> {
        found->clear();
        TRY(connection.query("SELECT record, turn_id FROM turns WHERE turn_id=?", {turn_id},
                             [&](const store::Row& row) { take(row, *found); }));
        if (found->empty()) return unknown(turn_id);
        if (found->front().posted_id == message_id) return {};
        return connection.execute(
            "UPDATE turns SET posted_id=?1, record=json_set(record, '$.posted_id', ?1) "
            "WHERE turn_id=?2",
            {message_id, turn_id});
      },
      [found, done = std::move(done)](const Result<void>& written) {
        if (!written) return done(written.error());
        done(std::move(found->front()));
      });
}

void TurnStore::amend(const std::string& turn_id, const std::string& reason,
                      std::function<void(Result<void>)> done) {
  database_->write_async(
      [turn_id, reason](store::Connection& connection) {
        return connection.execute(
            "UPDATE turns SET record=json_set(record, '$.reason', ?) WHERE turn_id=?",
            {reason, turn_id});
      },
      std::move(done));
}

void TurnStore::withhold(const std::string& author_id, int limit, FoundAll done) {
  const auto found = std::make_shared<std::vector<TurnRecord>>();
  database_->write_async(
      [author_id, limit, found](store::Connection& connection) -> Result<void> {
        found->clear();
        TRY(
            connection.execute("DELETE FROM outbox WHERE turn_id IN "
                               "(SELECT turn_id FROM turns WHERE author_id=?)",
                               {author_id}));
        return connection.query(
            "SELECT record, turn_id FROM turns WHERE author_id=? ORDER BY turn_id LIMIT ?",
            {author_id, static_cast<std::int64_t>(limit)},
            [&](const store::Row& row) { take(row, *found); });
      },
      [found, done = std::move(done)](const Result<void>& written) {
        if (!written) return done(written.error());
        done(std::move(*found));
      });
}

void TurnStore::erase(std::vector<std::string> turn_ids, std::function<void(Result<void>)> done) {
  database_->write_async(
      [ids = std::move(turn_ids)](store::Connection& connection) -> Result<void> {
        for (const std::string& id : ids) {
          TRY(connection.execute("DELETE FROM turns WHERE turn_id=?", {id}));
        }
        return {};
      },
      std::move(done));
}

Result<std::vector<TurnRecord>> TurnStore::select(const std::string& where,
                                                  std::vector<store::Value> arguments) const {
  std::vector<TurnRecord> found;
  TRY(database_->read([&](store::Connection& connection) {
    return connection.query("SELECT record, turn_id FROM turns WHERE " + where, arguments,
                            [&](const store::Row& row) { take(row, found); });
  }));
  return found;
}

Result<TurnRecord> TurnStore::find(const std::string& turn_id) const {
  auto found = TRY(select("turn_id=?", {turn_id}));
  if (found.empty()) return unknown(turn_id);
  return std::move(found.front());
}

Result<std::vector<TurnRecord>> TurnStore::list(const contracts::TurnsQuery& query) const {
  const auto limit = static_cast<std::int64_t>(query.limit);
  if (query.posted) {  // the latest is what stands there
    return select("posted_id=? AND status='said' ORDER BY started_ms DESC, turn_id DESC LIMIT 1",
                  {*query.posted});
  }
  if (query.channel) {
    return select("channel=? ORDER BY started_ms DESC, turn_id DESC LIMIT ?",
                  {*query.channel, limit});
  }
  return select("1 ORDER BY started_ms DESC, turn_id DESC LIMIT ?", {limit});
}

Result<std::vector<TurnRecord>> TurnStore::recent(std::int64_t since_ms, int limit) const {
  return select("started_ms>=? AND status<>'open' ORDER BY started_ms DESC LIMIT ?",
                {since_ms, static_cast<std::int64_t>(limit)});
}

Result<std::vector<TurnRecord>> TurnStore::said_to(const std::string& channel,
                                                   const std::string& message_id) const {
  constexpr std::int64_t kSaidMax = 64;  // a message may be answered anew, but not for ever
  return select("channel=? AND message_id=? AND status='said' ORDER BY started_ms, turn_id LIMIT ?",
                {channel, message_id, kSaidMax});
}

Result<std::vector<TurnRecord>> TurnStore::recover() {
  auto open_turns = TRY(select("status='open'", {}));
  const auto close = [&](store::Connection& connection) -> Result<void> {
    for (TurnRecord& record : open_turns) {
      if (record.status != TurnStatus::Open) continue;  // an earlier start has come so far
      record.status = TurnStatus::Interrupted;
      record.reason = "router_restarted";
      record.degraded = true;
      record.faults.emplace_back("the router ended before this turn did");
      auto row = row_of(record);
      row[kStatusColumn] = std::string(enum_name(TurnStatus::Open));  // as it is not settled yet
      TRY(connection.execute(kUpsert, row));
    }
    return {};
  };
  TRY(database_->write(close));
  return open_turns;
}

void TurnStore::forget(std::int64_t before_ms) {
  database_->write_async(
      [before_ms](store::Connection& connection) -> Result<void> {
        TRY(connection.execute("DELETE FROM turns WHERE started_ms<?", {before_ms}));
        return connection.execute(
            "DELETE FROM outbox WHERE turn_id NOT IN (SELECT turn_id FROM turns)");
      },
      [](const Result<void>& done) {
        if (!done) telemetry::warn("old turns not forgotten", {{"why", done.error().message}});
      });
}

}  // namespace router
