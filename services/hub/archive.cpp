#include "hub/archive.h"

#include <algorithm>
#include <map>

#include "base/utf8.h"
#include "hub/forms.h"
#include "telemetry/log.h"

namespace hub {
namespace {

constexpr int kEmojiMax = 20;  // of one message

store::Value value(Snowflake id) { return static_cast<std::int64_t>(id); }
Snowflake id_at(const store::Row& row, int column) {
  return static_cast<Snowflake>(row.integer(column));
}

const char* const kSchema = R"(
CREATE TABLE things(kind TEXT NOT NULL, id TEXT NOT NULL, data TEXT NOT NULL,
  PRIMARY KEY(kind, id)) WITHOUT ROWID;
CREATE TABLE messages(id INTEGER PRIMARY KEY, channel INTEGER NOT NULL, author INTEGER NOT NULL,
  nonce TEXT, reply_to INTEGER NOT NULL, content TEXT NOT NULL, data TEXT NOT NULL);
CREATE INDEX messages_by_channel ON messages(channel, id);
CREATE TABLE reactions(message INTEGER NOT NULL, emoji TEXT NOT NULL, user INTEGER NOT NULL,
  at INTEGER NOT NULL, PRIMARY KEY(message, emoji, user)) WITHOUT ROWID;
CREATE VIRTUAL TABLE search USING fts5(content, content='messages', content_rowid='id');
CREATE TRIGGER message_made AFTER INSERT ON messages BEGIN
  INSERT INTO search(rowid, content) VALUES(new.id, new.content); END;
CREATE TRIGGER message_gone AFTER DELETE ON messages BEGIN
  INSERT INTO search(search, rowid, content) VALUES('delete', old.id, old.content);
  DELETE FROM reactions WHERE message=old.id; END;
CREATE TRIGGER message_changed AFTER UPDATE OF content ON messages BEGIN
  INSERT INTO search(search, rowid, content) VALUES('delete', old.id, old.content);
  INSERT INTO search(rowid, content) VALUES(new.id, new.content); END;
)";

// Which attachments there are, so that those of no message are known.
const char* const kFilesTable = R"(
CREATE TABLE files(id INTEGER PRIMARY KEY, message INTEGER NOT NULL);
CREATE INDEX files_by_message ON files(message);
CREATE TRIGGER message_with_files_gone AFTER DELETE ON messages BEGIN
  DELETE FROM files WHERE message=old.id; END;
INSERT INTO files SELECT CAST(json_extract(value, '$.id') AS INTEGER), messages.id
  FROM messages, json_each(messages.data, '$.attachments');
)";

// A stored message before reactions and reply are put in.
struct Kept {
  Snowflake id = 0;
  Snowflake reply_to = 0;
  std::string data;
};

Result<std::optional<Kept>> find(store::Connection& connection, Snowflake channel, Snowflake id) {
  std::optional<Kept> kept;
  TRY(connection.query("SELECT id, reply_to, data FROM messages WHERE id=? AND channel=?",
                       {value(id), value(channel)}, [&](const store::Row& row) {
                         kept = {id_at(row, 0), id_at(row, 1), std::string(row.text(2))};
                       }));
  return kept;
}

Result<std::string> reactions(store::Connection& connection, Snowflake id, Snowflake reader) {
  std::string all;
  TRY(connection.query(
      "SELECT emoji, count(*), max(user=?), min(at) FROM reactions WHERE message=? "
      "GROUP BY emoji ORDER BY min(at), emoji",
      {value(reader), value(id)}, [&](const store::Row& row) {
        all += fmt::format(
            "{}{{\"emoji\":{{\"id\":null,\"name\":{}}},\"count\":{},\"count_details\":{{\"burst\":"
            "0,\"normal\":{}}},\"me\":{},\"me_burst\":false,\"burst_colors\":[]}}",
            all.empty() ? "" : ",", json::quoted(row.text(0)), row.integer(1), row.integer(1),
            row.integer(2) != 0);
      }));
  return all.empty() ? all : "[" + all + "]";
}

Result<Said> complete(store::Connection& connection, Kept kept, Snowflake channel,
                      Snowflake reader) {
  Said said{TRY(json::decode<MessageForm>(std::string_view(kept.data))), {}};
  std::string more = TRY(reactions(connection, kept.id, reader));
  if (!more.empty()) more = "\"reactions\":" + more;
  if (kept.reply_to != 0) {
    const auto referenced = TRY(find(connection, channel, kept.reply_to));
    more += fmt::format("{}\"referenced_message\":{}", more.empty() ? "" : ",",
                        referenced ? referenced->data : "null");
  }
  said.json = with_members(kept.data, more);
  return said;
}

Result<std::vector<Said>> complete_all(store::Connection& connection, std::vector<Kept> all,
                                       const std::vector<Snowflake>& channels, Snowflake reader) {
  std::vector<Said> messages;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Snowflake channel = channels.size() == 1 ? channels.front() : channels[i];
    messages.push_back(TRY(complete(connection, std::move(all[i]), channel, reader)));
  }
  return messages;
}

Result<void> apply(store::Connection& connection, const std::vector<Change>& changes) {
  for (const Change& change : changes) {
    if (change.data.empty()) {
      TRY(connection.execute("DELETE FROM things WHERE kind=? AND id=?", {change.kind, change.id}));
    } else {
      TRY(connection.execute("INSERT OR REPLACE INTO things VALUES(?,?,?)",
                             {change.kind, change.id, change.data}));
    }
  }
  return {};
}

Result<Files> files_of(store::Connection& connection, std::string_view where, Snowflake id) {
  Files files;
  TRY(connection.query(fmt::format("SELECT id FROM files WHERE message {}", where), {value(id)},
                       [&](const store::Row& row) { files.push_back(id_at(row, 0)); }));
  return files;
}

// Words to be found all, the last one perhaps still being typed.
std::string match_of(std::string_view text) {
  std::string match;
  std::string word;
  const auto flush = [&] {
    if (!word.empty()) match += fmt::format("{}\"{}\"", match.empty() ? "" : " ", word);
    word.clear();
  };
  for (const char c : text) {
    if (c == ' ' || c == '"' || c == '\0' || c == '\n' || c == '\t') {
      flush();
    } else {
      word += c;
    }
  }
  flush();
  return match.empty() ? match : match + "*";
}

}  // namespace

Result<std::unique_ptr<Archive>> Archive::open(const std::string& path) {
  store::Database::Options options;
  options.path = path;
  options.grade = store::Grade::PowerSafe;
  options.migrations = {kSchema, kFilesTable};
  options.readers = 4;
  auto database = TRY(store::Database::open(std::move(options)));
  return std::unique_ptr<Archive>(new Archive(std::move(database)));
}

Result<std::vector<Change>> Archive::load() const {
  std::vector<Change> all;
  TRY(database_->read([&](store::Connection& connection) {
    return connection.query("SELECT kind, id, data FROM things", {}, [&](const store::Row& row) {
      all.push_back({std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2))});
    });
  }));
  return all;
}

Result<std::vector<Archive::Recent>> Archive::recent_nonces(Snowflake since) const {
  std::vector<Recent> all;
  TRY(database_->read([&](store::Connection& connection) {
    return connection.query(
        "SELECT id, author, nonce FROM messages WHERE id>=? AND nonce IS NOT NULL ORDER BY id",
        {value(since)}, [&](const store::Row& row) {
          all.push_back({id_at(row, 0), id_at(row, 1), std::string(row.text(2))});
        });
  }));
  return all;
}

Result<std::vector<std::pair<Snowflake, Snowflake>>> Archive::last_messages() const {
  std::vector<std::pair<Snowflake, Snowflake>> all;
  TRY(database_->read([&](store::Connection& connection) {
    return connection.query(
        "SELECT channel, max(id) FROM messages GROUP BY channel", {},
        [&](const store::Row& row) { all.emplace_back(id_at(row, 0), id_at(row, 1)); });
  }));
  return all;
}

Result<Files> Archive::files() const {
  Files all;
  TRY(database_->read([&](store::Connection& connection) {
    return connection.query("SELECT id FROM files", {},
                            [&](const store::Row& row) { all.push_back(id_at(row, 0)); });
  }));
  return all;
}

// Runs `work` in the writer's transaction; what it refuses is rolled back.
template <class T>
void Archive::write(std::function<Outcome<T>(store::Connection&)> work, Done<T> done) {
  const auto outcome = std::make_shared<std::optional<Outcome<T>>>();
  database_->write_async(
      [outcome, work = std::move(work)](store::Connection& connection) -> Result<void> {
        outcome->emplace(work(connection));
        if (!**outcome) return Error{Code::Cancelled, "refused"};
        return {};
      },
      [outcome, done = std::move(done)](const Result<void>& written) {
        const bool refused = *outcome && !**outcome;
        if (!written && !refused) {
          telemetry::error("not kept", {{"why", written.error().message}});
          return done(refusal_of(written.error()));
        }
        done(std::move(**outcome));
      });
}

void Archive::keep(std::vector<Change> changes, Done<Nothing> done) {
  write<Nothing>(
      [changes = std::move(changes)](store::Connection& connection) -> Outcome<Nothing> {
        TRY(apply(connection, changes));
        return Nothing{};
      },
      std::move(done));
}

void Archive::flush() {
  const auto done = database_->write([](store::Connection&) -> Result<void> { return {}; });
  if (!done) telemetry::error("not kept at the end", {{"why", done.error().message}});
}

void Archive::insert(Draft draft, Done<Said> done) {
  const auto shared = std::make_shared<Draft>(std::move(draft));
  write<Said>(
      [shared](store::Connection& connection) -> Outcome<Said> {
        Draft& it = *shared;
        std::optional<Kept> referenced;
        if (it.reply_to != 0) referenced = TRY(find(connection, it.channel, it.reply_to));
        if (it.reply_to != 0 && !referenced) {
          if (it.must_exist) {
            return invalid_form("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message");
          }
          it.form.message_reference.reset();
          it.form.type = discord::message_type::kDefault;
          it.reply_to = 0;
        }
        if (referenced && it.mention_replied) {
          const auto other = TRY(json::decode<MessageForm>(std::string_view(referenced->data)));
          if (!other.webhook_id && !reads_always(it.form, other.author.id)) {
            it.form.mentions.push_back(other.author);
          }
        }
        std::string data = json::encode(it.form);
        TRY(connection.execute("INSERT INTO messages VALUES(?,?,?,?,?,?,?)",
                               {value(it.id), value(it.channel), value(it.author),
                                it.nonce.empty() ? store::Value{nullptr} : store::Value{it.nonce},
                                value(it.reply_to), it.form.content, data}));
        for (const AttachmentForm& file : it.form.attachments) {
          TRY(connection.execute("INSERT INTO files VALUES(?,?)",
                                 {value(snowflake_of(file.id).value_or(0)), value(it.id)}));
        }
        if (referenced) {
          data = with_members(data, "\"referenced_message\":" + referenced->data);
        }
        return Said{std::move(it.form), std::move(data)};
      },
      std::move(done));
}

void Archive::edit(Snowflake channel, Snowflake id, Snowflake reader,
                   std::function<std::optional<Refusal>(MessageForm&)> change, Done<Said> done) {
  write<Said>(
      [=, change = std::move(change)](store::Connection& connection) -> Outcome<Said> {
        auto kept = TRY(find(connection, channel, id));
        if (!kept) return refusal(discord::error_code::kUnknownMessage);
        auto form = TRY(json::decode<MessageForm>(std::string_view(kept->data)));
        if (auto why = change(form)) return std::move(*why);
        kept->data = json::encode(form);
        TRY(connection.execute("UPDATE messages SET content=?, data=? WHERE id=?",
                               {form.content, kept->data, value(id)}));
        return TRY(complete(connection, std::move(*kept), channel, reader));
      },
      std::move(done));
}

void Archive::remove(Snowflake channel, Snowflake id, Snowflake own, Done<Files> done) {
  write<Files>(
      [=](store::Connection& connection) -> Outcome<Files> {
        const auto kept = TRY(find(connection, channel, id));
        if (!kept) return refusal(discord::error_code::kUnknownMessage);
        const auto form = TRY(json::decode<MessageForm>(std::string_view(kept->data)));
        if (own != 0 && form.author.id != text_of(own)) {
          return refusal(discord::error_code::kMissingPermissions);
        }
        Files files = TRY(files_of(connection, "=?", id));
        TRY(connection.execute("DELETE FROM messages WHERE id=?", {value(id)}));
        return files;
      },
      std::move(done));
}

void Archive::remove_channel(Snowflake channel, std::vector<Change> changes, Done<Files> done) {
  write<Files>(
      [channel, changes = std::move(changes)](store::Connection& connection) -> Outcome<Files> {
        Files files =
            TRY(files_of(connection, "IN (SELECT id FROM messages WHERE channel=?)", channel));
        TRY(connection.execute("DELETE FROM messages WHERE channel=?", {value(channel)}));
        TRY(apply(connection, changes));
        return files;
      },
      std::move(done));
}

void Archive::react(Snowflake channel, Snowflake id, const std::string& emoji, Snowflake user,
                    Done<bool> done) {
  write<bool>(
      [=](store::Connection& connection) -> Outcome<bool> {
        if (!TRY(find(connection, channel, id))) {
          return refusal(discord::error_code::kUnknownMessage);
        }
        std::int64_t others = 0;
        TRY(connection.query(
            "SELECT count(DISTINCT emoji) FROM reactions WHERE message=? AND emoji<>?",
            {value(id), emoji}, [&](const store::Row& row) { others = row.integer(0); }));
        if (others >= kEmojiMax) return refusal(kReactionBlocked);
        TRY(
            connection.execute("INSERT OR IGNORE INTO reactions VALUES(?,?,?,"
                               "(SELECT coalesce(max(at),0)+1 FROM reactions WHERE message=?))",
                               {value(id), emoji, value(user), value(id)}));
        return connection.changes() > 0;
      },
      std::move(done));
}

void Archive::unreact(Snowflake channel, Snowflake id, const std::string& emoji, Snowflake user,
                      Done<bool> done) {
  write<bool>(
      [=](store::Connection& connection) -> Outcome<bool> {
        if (!TRY(find(connection, channel, id))) {
          return refusal(discord::error_code::kUnknownMessage);
        }
        TRY(connection.execute("DELETE FROM reactions WHERE message=? AND emoji=? AND user=?",
                               {value(id), emoji, value(user)}));
        return connection.changes() > 0;
      },
      std::move(done));
}

Outcome<Found> Archive::history(const Wanted& wanted) const {
  Found found;
  const Snowflake channel = wanted.channels.front();
  const auto ask = [&](store::Connection& connection) -> Result<void> {
    std::vector<Kept> kept;
    const auto page = [&](std::string_view where, Snowflake id, std::string_view order,
                          int limit) -> Result<void> {
      return connection.query(
          fmt::format("SELECT id, reply_to, data FROM messages WHERE channel=? AND {} ORDER BY id "
                      "{} LIMIT ?",
                      where, order),
          {value(channel), value(id), std::int64_t{limit}}, [&](const store::Row& row) {
            kept.push_back({id_at(row, 0), id_at(row, 1), std::string(row.text(2))});
          });
    };
    if (wanted.only != 0) {
      TRY(page("id=?", wanted.only, "DESC", 1));
    } else if (wanted.around != 0) {
      TRY(page("id<=?", wanted.around, "DESC", wanted.limit / 2 + 1));
      TRY(page("id>?", wanted.around, "ASC", wanted.limit - wanted.limit / 2 - 1));
    } else if (wanted.after != 0) {
      TRY(page("id>?", wanted.after, "ASC", wanted.limit));
    } else {
      TRY(page("id<?", wanted.before == 0 ? INT64_MAX : wanted.before, "DESC", wanted.limit));
    }
    std::sort(kept.begin(), kept.end(), [](auto& a, auto& b) { return a.id > b.id; });
    found.messages = TRY(complete_all(connection, std::move(kept), {channel}, wanted.reader));
    return {};
  };
  const auto done = database_->read(ask);
  if (!done) return refusal_of(done.error());
  return found;
}

Outcome<Found> Archive::search(const Wanted& wanted) const {
  Found found;
  const std::string match = match_of(wanted.text);
  if (wanted.channels.empty() || (match.empty() && wanted.author == 0)) return found;
  std::string where = "m.channel IN (";
  std::vector<store::Value> arguments;
  for (const Snowflake channel : wanted.channels) {
    where += arguments.empty() ? "?" : ",?";
    arguments.push_back(value(channel));
  }
  where += ")";
  if (wanted.author != 0) {
    where += " AND m.author=?";
    arguments.push_back(value(wanted.author));
  }
  if (!match.empty()) {
    where += " AND m.id IN (SELECT rowid FROM search WHERE search MATCH ?)";
    arguments.emplace_back(match);
  }
  const auto done = database_->read([&](store::Connection& connection) -> Result<void> {
    TRY(connection.query("SELECT count(*) FROM messages m WHERE " + where, arguments,
                         [&](const store::Row& row) { found.total = row.integer(0); }));
    std::vector<Kept> kept;
    std::vector<Snowflake> channels;
    arguments.emplace_back(std::int64_t{wanted.limit});
    arguments.emplace_back(std::int64_t{wanted.offset});
    TRY(connection.query("SELECT m.id, m.reply_to, m.data, m.channel FROM messages m WHERE " +
                             where + " ORDER BY m.id DESC LIMIT ? OFFSET ?",
                         arguments, [&](const store::Row& row) {
                           kept.push_back({id_at(row, 0), id_at(row, 1), std::string(row.text(2))});
                           channels.push_back(id_at(row, 3));
                         }));
    found.messages = TRY(complete_all(connection, std::move(kept), channels, wanted.reader));
    return {};
  });
  if (!done) return refusal_of(done.error());
  return found;
}

Outcome<std::vector<Snowflake>> Archive::reactors(Snowflake channel, Snowflake id,
                                                  const std::string& emoji, int limit) const {
  std::vector<Snowflake> users;
  bool there = false;
  const auto done = database_->read([&](store::Connection& connection) -> Result<void> {
    there = TRY(find(connection, channel, id)).has_value();
    return connection.query(
        "SELECT user FROM reactions WHERE message=? AND emoji=? ORDER BY at LIMIT ?",
        {value(id), emoji, std::int64_t{limit}},
        [&](const store::Row& row) { users.push_back(id_at(row, 0)); });
  });
  if (!done) return refusal_of(done.error());
  if (!there) return refusal(discord::error_code::kUnknownMessage);
  return users;
}

}  // namespace hub
