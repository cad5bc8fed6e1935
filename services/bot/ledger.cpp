#include "bot/ledger.h"

#include <fmt/format.h>

#include <utility>

#include "telemetry/log.h"

namespace bot {
namespace {

constexpr int kUnfinishedMax = 1000;

constexpr std::string_view kColumns =
    "turn_id, part, channel, content, nonce, reply_to, state, message_id, created_ms, told";

PartState state_from(std::string_view text) {
  for (const auto& [state, name] : enum_names(PartState{})) {
    if (name == text) return state;
  }
  return PartState::Unsure;  // as whoever wrote it knew more: leave it alone
}

Part part_of(const store::Row& row) {
  return {std::string(row.text(0)), static_cast<int>(row.integer(1)), std::string(row.text(2)),
          std::string(row.text(3)), std::string(row.text(4)),         std::string(row.text(5)),
          state_from(row.text(6)),  std::string(row.text(7)),         row.integer(8),
          row.integer(9) != 0};
}

std::vector<store::Value> row_of(const Part& part) {
  return {part.turn_id,
          static_cast<std::int64_t>(part.number),
          part.channel,
          part.content,
          part.nonce,
          part.reply_to,
          std::string(enum_name(part.state)),
          part.message_id,
          part.created_ms,
          static_cast<std::int64_t>(part.told)};
}

Result<std::vector<Part>> select(store::Connection& connection, std::string_view where,
                                 std::vector<store::Value> arguments) {
  std::vector<Part> found;
  TRY(connection.query(fmt::format("SELECT {} FROM parts WHERE {}", kColumns, where),
                       std::move(arguments),
                       [&](const store::Row& row) { found.push_back(part_of(row)); }));
  return found;
}

Result<void> insert(store::Connection& connection, const Part& part) {
  return connection.execute(
      fmt::format("INSERT OR IGNORE INTO parts({}) VALUES(?,?,?,?,?,?,?,?,?,?)", kColumns),
      row_of(part));
}

}  // namespace

Result<std::unique_ptr<Ledger>> Ledger::open(const std::string& path, Home home) {
  store::Database::Options options;
  options.path = path;
  options.grade = store::Grade::PowerSafe;
  options.readers = 1;
  options.cache_kib = 128;
  options.migrations = {
      "CREATE TABLE parts(turn_id TEXT NOT NULL, part INTEGER NOT NULL, channel TEXT NOT NULL, "
      "content TEXT NOT NULL, nonce TEXT NOT NULL, reply_to TEXT NOT NULL, state TEXT NOT NULL, "
      "message_id TEXT NOT NULL, created_ms INTEGER NOT NULL, told INTEGER NOT NULL, "
      "PRIMARY KEY(turn_id, part)) WITHOUT ROWID;"
      "CREATE INDEX parts_by_message ON parts(message_id, created_ms);"
      "CREATE INDEX parts_by_channel ON parts(channel, created_ms);"
      "CREATE INDEX parts_by_time ON parts(created_ms);"
      "CREATE INDEX parts_open ON parts(turn_id) WHERE told=0;"};
  auto database = TRY(store::Database::open(std::move(options)));
  return std::unique_ptr<Ledger>(new Ledger(std::move(database), std::move(home)));
}

// Also reads go through the writer: the loop does not wait, and they see what was written before.
template <class T>
void Ledger::answer(std::function<Result<T>(store::Connection&)> work,
                    std::function<void(Result<T>)> done) {
  auto result = std::make_shared<Result<T>>(T{});
  database_->write_async(
      [work = std::move(work), result](store::Connection& connection) -> Result<void> {
        *result = TRY(work(connection));
        return {};
      },
      [home = home_, done = std::move(done), result](Result<void> written) {
        if (!written) *result = std::move(written).error();
        home([done, result] { done(std::move(*result)); });
      });
}

void Ledger::write(std::string what, store::Work work) {
  database_->write_async(std::move(work), [what = std::move(what)](const Result<void>& written) {
    if (!written) {
      telemetry::error("ledger not written", {{"what", what}, {"why", written.error().message}});
    }
  });
}

void Ledger::claim(std::vector<Part> parts, std::function<void(Result<std::vector<Part>>)> done) {
  using Parts = std::vector<Part>;
  answer<Parts>(
      [parts = std::move(parts)](store::Connection& connection) -> Result<Parts> {
        const std::string& turn_id = parts.at(0).turn_id;
        auto standing = TRY(select(connection, "turn_id=? ORDER BY part", {turn_id}));
        if (!standing.empty()) return standing;
        for (const Part& part : parts) TRY(insert(connection, part));
        return parts;
      },
      std::move(done));
}

void Ledger::settle(const Part& part) {
  write("settle", [part](store::Connection& connection) {
    return connection.execute(
        "UPDATE parts SET state=?, message_id=?, told=? WHERE turn_id=? AND part=?",
        {std::string(enum_name(part.state)), part.message_id, static_cast<std::int64_t>(part.told),
         part.turn_id, static_cast<std::int64_t>(part.number)});
  });
}

void Ledger::told(const std::string& turn_id) {
  write("told", [turn_id](store::Connection& connection) {
    return connection.execute("UPDATE parts SET told=1, content='' WHERE turn_id=?", {turn_id});
  });
}

void Ledger::unfinished(std::function<void(Result<std::vector<Part>>)> done) {
  using Parts = std::vector<Part>;
  answer<Parts>(
      [](store::Connection& connection) -> Result<Parts> {
        return select(connection,
                      "turn_id IN (SELECT turn_id FROM parts WHERE told=0) "
                      "ORDER BY created_ms, turn_id, part LIMIT ?",
                      {static_cast<std::int64_t>(kUnfinishedMax)});
      },
      std::move(done));
}

void Ledger::answered(const std::string& channel, std::int64_t since_ms,
                      std::function<void(Result<std::set<std::string>>)> done) {
  using Ids = std::set<std::string>;
  answer<Ids>(
      [channel, since_ms](store::Connection& connection) -> Result<Ids> {
        Ids ids;
        TRY(connection.query(
            "SELECT reply_to FROM parts WHERE channel=? AND created_ms>=? AND reply_to<>''",
            {channel, since_ms},
            [&](const store::Row& row) { ids.insert(std::string(row.text(0))); }));
        return ids;
      },
      std::move(done));
}

void Ledger::standing(std::string where, std::string value, Found done) {
  using Line = std::optional<Standing>;
  answer<Line>(
      [where = std::move(where),
       value = std::move(value)](store::Connection& connection) -> Result<Line> {
        const auto last = TRY(select(connection,
                                     where + "=? AND message_id<>'' "
                                             "ORDER BY created_ms DESC, turn_id DESC LIMIT 1",
                                     {value}));
        if (last.empty()) return Line();
        Standing line{last[0].turn_id, last[0].channel, {}};
        const auto parts = TRY(
            select(connection, "turn_id=? AND message_id<>'' ORDER BY part", {last[0].turn_id}));
        for (const Part& part : parts) line.message_ids.push_back(part.message_id);
        return Line(std::move(line));
      },
      std::move(done));
}

void Ledger::find(const std::string& message_id, Found done) {
  standing("message_id", message_id, std::move(done));
}

void Ledger::last_in(const std::string& channel, Found done) {
  standing("channel", channel, std::move(done));
}

void Ledger::replaced(const Standing& line, const std::string& turn_id, std::int64_t now_ms) {
  write("replaced", [line, turn_id, now_ms](store::Connection& connection) -> Result<void> {
    int number = 0;
    for (const auto& id : line.message_ids) {
      TRY(insert(connection,
                 {turn_id, number++, line.channel, "", "", "", PartState::Sent, id, now_ms, true}));
    }
    return {};
  });
}

void Ledger::forget(std::int64_t before_ms) {
  write("forget", [before_ms](store::Connection& connection) {
    return connection.execute("DELETE FROM parts WHERE created_ms<?", {before_ms});
  });
}

}  // namespace bot
