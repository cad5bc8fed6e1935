#include "router/turn_store.h"

#include <fmt/format.h>

#include "json/codec.h"
#include "telemetry/log.h"

namespace router {
namespace {

using contracts::TurnRecord;
using contracts::TurnStatus;

std::vector<store::Value> row_of(const TurnRecord& record) {
  return {record.turn_id,
          record.channel,
          record.message_id,
          record.started_ms,
          std::string(enum_name(record.status)),
          json::encode(record)};
}

constexpr std::string_view kUpsert =
    "INSERT INTO turns(turn_id, channel, message_id, started_ms, status, record) "
    "VALUES(?,?,?,?,?,?) "
    "ON CONFLICT(turn_id) DO UPDATE SET status=excluded.status, record=excluded.record";

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
      "CREATE INDEX turns_open ON turns(status) WHERE status='open';"};
  auto database = TRY(store::Database::open(std::move(options)));
  return std::unique_ptr<TurnStore>(new TurnStore(std::move(database)));
}

void TurnStore::opened(const TurnRecord& record) {
  database_->write_async(
      [row = row_of(record)](store::Connection& connection) {
        return connection.execute(kUpsert, row);
      },
      [](const Result<void>& written) {
        if (!written)
          telemetry::error("turn not opened on disk", {{"why", written.error().message}});
      });
}

void TurnStore::closed(const TurnRecord& record, std::function<void(Result<void>)> done) {
  database_->write_async(
      [row = row_of(record)](store::Connection& connection) {
        return connection.execute(kUpsert, row);
      },
      std::move(done));
}

Result<std::vector<TurnRecord>> TurnStore::select(const std::string& where,
                                                  std::vector<store::Value> arguments) const {
  std::vector<TurnRecord> found;
  std::optional<Error> damaged;
  TRY(database_->read([&](store::Connection& connection) {
    return connection.query("SELECT record FROM turns WHERE " + where, arguments,
                            [&](const store::Row& row) {
                              auto record = json::decode<TurnRecord>(row.text(0));
                              if (record) {
                                found.push_back(std::move(record).value());
                              } else {
                                damaged = record.error();
                              }
                            });
  }));
  if (damaged) return Error{Code::DataLoss, "a stored turn cannot be read: " + damaged->message};
  return found;
}

Result<TurnRecord> TurnStore::find(const std::string& turn_id) const {
  auto found = TRY(select("turn_id=?", {turn_id}));
  if (found.empty()) return Error{Code::NotFound, fmt::format("turn_id: no turn '{}'", turn_id)};
  return std::move(found.front());
}

Result<std::vector<TurnRecord>> TurnStore::list(const contracts::TurnsQuery& query) const {
  const auto limit = static_cast<std::int64_t>(query.limit);
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

Result<std::optional<TurnRecord>> TurnStore::said_to(const std::string& channel,
                                                     const std::string& message_id) const {
  auto found =
      TRY(select("channel=? AND message_id=? AND status='said' LIMIT 1", {channel, message_id}));
  if (found.empty()) return std::optional<TurnRecord>{};
  return std::optional<TurnRecord>(std::move(found.front()));
}

Result<int> TurnStore::recover() {
  auto open_turns = TRY(select("status='open'", {}));
  const auto close = [&](store::Connection& connection) -> Result<void> {
    for (TurnRecord& record : open_turns) {
      const bool decided = !record.text.empty();
      record.status = decided ? TurnStatus::Said : TurnStatus::Interrupted;
      record.reason = decided ? "recovered" : "router_restarted";
      record.degraded = true;
      record.faults.emplace_back("the router ended before this turn did");
      TRY(connection.execute(kUpsert, row_of(record)));
    }
    return {};
  };
  TRY(database_->write(close));
  return static_cast<int>(open_turns.size());
}

void TurnStore::forget(std::int64_t before_ms) {
  database_->write_async(
      [before_ms](store::Connection& connection) {
        return connection.execute("DELETE FROM turns WHERE started_ms<?", {before_ms});
      },
      [](const Result<void>& done) {
        if (!done) telemetry::warn("old turns not forgotten", {{"why", done.error().message}});
      });
}

}  // namespace router
