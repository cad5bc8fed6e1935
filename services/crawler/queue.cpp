#include "crawler/queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/ids.h"
#include "base/utf8.h"
#include "json/codec.h"

namespace crawler {
namespace {

using contracts::Job;
using contracts::JobNote;
using contracts::JobState;
using store::Connection;
using store::Row;

constexpr const char* kSchema = R"sql(
  CREATE TABLE jobs(
    id TEXT PRIMARY KEY, source TEXT NOT NULL, kind TEXT NOT NULL, collection TEXT NOT NULL,
    depth INTEGER NOT NULL, pages_max INTEGER NOT NULL, metadata TEXT NOT NULL,
    refresh INTEGER NOT NULL, state TEXT NOT NULL, created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL);
  CREATE INDEX jobs_by_state ON jobs(state, id);
  CREATE TABLE items(
    key INTEGER PRIMARY KEY, job TEXT NOT NULL REFERENCES jobs(id), task INTEGER NOT NULL,
    source TEXT NOT NULL, site TEXT NOT NULL, depth INTEGER NOT NULL,
    state TEXT NOT NULL,       -- waiting, leased, given, unchanged, skipped, failed, cancelled
    attempts INTEGER NOT NULL DEFAULT 0,
    due_ms INTEGER NOT NULL,   -- of a leased one: when its lease ends
    reason TEXT NOT NULL DEFAULT '', documents INTEGER NOT NULL DEFAULT 0,
    chunks INTEGER NOT NULL DEFAULT 0, deleted INTEGER NOT NULL DEFAULT 0,
    UNIQUE(job, source));
  CREATE INDEX items_open ON items(due_ms) WHERE state IN ('waiting', 'leased');
  CREATE INDEX items_by_job ON items(job, state);
  -- What the knowledge base has of each source.
  CREATE TABLE sources(
    collection TEXT NOT NULL, type TEXT NOT NULL, source TEXT NOT NULL, print TEXT NOT NULL,
    etag TEXT NOT NULL, last_modified TEXT NOT NULL, documents INTEGER NOT NULL,
    PRIMARY KEY(collection, type, source)) WITHOUT ROWID;
)sql";

constexpr std::int64_t kNotesMax = 100;
constexpr const char* kJobColumns =
    "id, source, kind, collection, depth, state, created_ms, updated_ms";

template <NamedEnum E>
E enum_of(std::string_view text) {
  for (const auto& [value, name] : enum_names(E{})) {
    if (name == text) return value;
  }
  return E{};
}

template <NamedEnum E>
std::string text_of(E value) {
  return std::string(enum_name(value));
}

std::string_view state_of(Ending::Kind kind) {
  switch (kind) {
    case Ending::Kind::Given:
      return "given";
    case Ending::Kind::Unchanged:
      return "unchanged";
    case Ending::Kind::Skipped:
      return "skipped";
    case Ending::Kind::Failed:
      return "failed";
  }
  return "failed";
}

Job job_of(const Row& row) {
  Job job;
  job.job_id = row.text(0);
  job.source = row.text(1);
  job.kind = enum_of<contracts::SourceKind>(row.text(2));
  job.collection = row.text(3);
  job.depth = static_cast<int>(row.integer(4));
  job.state = enum_of<JobState>(row.text(5));
  job.created_ms = row.integer(6);
  job.updated_ms = row.integer(7);
  return job;
}

std::string object_text(const std::map<std::string, json::Text>& members) {
  json::Writer writer;
  writer.begin_object();
  for (const auto& [name, value] : members) {
    writer.key(name);
    writer.raw(value.text);
  }
  writer.end_object();
  return writer.take();
}

std::string short_reason(std::string_view reason) {
  return std::string(utf8_prefix(utf8_repaired(reason), 500));
}

Result<void> count(Connection& db, Job& job) {
  contracts::JobCounts& counts = job.counts;
  return db.query(
      "SELECT state, task, count(*), sum(documents), sum(chunks), sum(deleted) FROM items "
      "WHERE job = ? GROUP BY state, task",
      {job.job_id}, [&](const Row& row) {
        const auto state = row.text(0);
        const auto task = static_cast<Task>(row.integer(1));
        const std::int64_t pieces = row.integer(2);
        counts.documents += row.integer(3);
        counts.chunks += row.integer(4);
        counts.deleted += row.integer(5);
        if (state == "failed") counts.failed += pieces;
        if (task != Task::Page && task != Task::File) return;
        counts.found += pieces;
        if (state == "waiting" || state == "leased") counts.waiting += pieces;
        if (state == "given" || state == "unchanged") counts.fetched += pieces;
        if (state == "unchanged") counts.unchanged += pieces;
        if (state == "skipped") counts.skipped += pieces;
      });
}

// `states` is a JSON array.
Result<std::vector<JobNote>> notes(Connection& db, const std::string& job,
                                   const std::string& states) {
  std::vector<JobNote> found;
  TRY(db.query(
      "SELECT source, reason, attempts FROM items WHERE job = ? AND "
      "state IN (SELECT value FROM json_each(?)) AND reason <> '' ORDER BY key LIMIT ?",
      {job, states, kNotesMax}, [&](const Row& row) {
        found.push_back({std::string(row.text(0)), std::string(row.text(1)), row.integer(2)});
      }));
  return found;
}

Result<void> insert(Connection& db, const std::string& job, const Found& found,
                    std::int64_t now_ms) {
  return db.execute(
      "INSERT OR IGNORE INTO items(job, task, source, site, depth, state, due_ms, reason) "
      "VALUES(?,?,?,?,?,?,?,?)",
      {job, static_cast<std::int64_t>(found.task), found.source, found.site,
       std::int64_t{found.depth}, std::string(found.skipped.empty() ? "waiting" : "skipped"),
       now_ms, short_reason(found.skipped)});
}

// Those that still fit under the job's pages_max.
Result<void> insert_found(Connection& db, const Item& item, const std::vector<Found>& found,
                          std::int64_t now_ms) {
  std::int64_t pages = 0;
  std::int64_t pages_max = 0;
  TRY(
      db.query("SELECT pages_max, (SELECT count(*) FROM items WHERE job = ?1) FROM jobs "
               "WHERE id = ?1",
               {item.job}, [&](const Row& row) {
                 pages_max = row.integer(0);
                 pages = row.integer(1);
               }));
  for (const Found& piece : found) {
    if (piece.task == Task::Page && pages >= pages_max) continue;
    TRY(insert(db, item.job, piece, now_ms));
    pages += db.changes();
  }
  return {};
}

// Ends a job of which nothing is left to do.
Result<void> settle(Connection& db, const std::string& job, std::int64_t now_ms) {
  return db.execute(
      "UPDATE jobs SET updated_ms = ?2, state = CASE "
      "WHEN EXISTS(SELECT 1 FROM items WHERE job = ?1 AND state IN ('waiting', 'leased')) "
      "THEN 'running' "
      "WHEN EXISTS(SELECT 1 FROM items WHERE job = ?1 AND state = 'failed') THEN 'failed' "
      "ELSE 'done' END WHERE id = ?1 AND state IN ('queued', 'running')",
      {job, now_ms});
}

Result<void> forget_old_jobs(Connection& db, std::int64_t kept) {
  std::vector<std::string> old;
  TRY(
      db.query("SELECT id FROM jobs WHERE state NOT IN ('queued', 'running') "
               "ORDER BY rowid DESC LIMIT 20 OFFSET ?",
               {kept}, [&](const Row& row) { old.emplace_back(row.text(0)); }));
  for (const auto& id : old) {
    TRY(db.execute("DELETE FROM items WHERE job = ?", {id}));
    TRY(db.execute("DELETE FROM jobs WHERE id = ?", {id}));
  }
  return {};
}

}  // namespace

const char* Queue::schema() { return kSchema; }

Result<std::unique_ptr<Queue>> Queue::open(Options options, store::Database& database,
                                           const Clock& clock) {
  std::unique_ptr<Queue> queue(new Queue(options, database, clock));
  const std::int64_t now_ms = clock.wall_ms();
  TRY(database.write([&](Connection& db) {
    return db.execute("UPDATE items SET state = 'waiting', due_ms = ? WHERE state = 'leased'",
                      {now_ms});
  }));
  return queue;
}

Result<contracts::AddedJob> Queue::add(const contracts::AddJob& request, const Found& first) {
  contracts::AddedJob added;
  added.job_id = make_id("job");
  const std::int64_t now_ms = clock_.wall_ms();
  const store::Work insert_job = [&](Connection& db) -> Result<void> {
    std::int64_t open = 0;
    TRY(db.query("SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')", {},
                 [&](const Row& row) { open = row.integer(0); }));
    if (open >= options_.open_jobs_max) {
      return Error{Code::Overloaded, fmt::format("{} jobs wait already", open)};
    }
    TRY(forget_old_jobs(db, options_.jobs_kept));
    TRY(db.execute(
        "INSERT INTO jobs(id, source, kind, collection, depth, pages_max, metadata, refresh, "
        "state, created_ms, updated_ms) VALUES(?,?,?,?,?,?,?,?,'queued',?,?)",
        {added.job_id, first.source, text_of(request.kind.value_or(contracts::SourceKind::Url)),
         request.collection, std::int64_t{request.depth}, std::int64_t{request.pages_max},
         object_text(request.metadata), std::int64_t{request.refresh ? 1 : 0}, now_ms, now_ms}));
    return insert(db, added.job_id, first, now_ms);
  };
  TRY(database_.write(insert_job));
  announce();
  return added;
}

Result<contracts::Job> Queue::job(const std::string& id) {
  std::optional<Job> found;
  const store::Work read = [&](Connection& db) -> Result<void> {
    TRY(db.query(fmt::format("SELECT {} FROM jobs WHERE id = ?", kJobColumns), {id},
                 [&](const Row& row) { found = job_of(row); }));
    if (!found) return Error{Code::NotFound, fmt::format("no job '{}'", id)};
    TRY(count(db, *found));
    // What was read and yet has a reason was read in part.
    found->skipped = TRY(notes(db, id, R"(["skipped","given"])"));
    found->failed = TRY(notes(db, id, R"(["failed"])"));
    found->waiting = TRY(notes(db, id, R"(["waiting"])"));
    return {};
  };
  TRY(database_.read(read));
  return std::move(*found);
}

Result<contracts::JobList> Queue::jobs(const contracts::JobsQuery& query) {
  contracts::JobList list;
  store::Value state = nullptr;
  if (query.state) state = text_of(*query.state);
  const store::Work read = [&](Connection& db) -> Result<void> {
    TRY(db.query(fmt::format("SELECT {} FROM jobs WHERE ?1 IS NULL OR state = ?1 "
                             "ORDER BY id DESC LIMIT ?2",
                             kJobColumns),
                 {state, std::int64_t{query.limit}},
                 [&](const Row& row) { list.jobs.push_back(job_of(row)); }));
    for (Job& job : list.jobs) TRY(count(db, job));
    return {};
  };
  TRY(database_.read(read));
  return list;
}

Result<void> Queue::require(const std::string& id) {
  bool found = false;
  const store::Work read = [&](Connection& db) {
    return db.query("SELECT 1 FROM jobs WHERE id = ?", {id}, [&](const Row&) { found = true; });
  };
  TRY(database_.read(read));
  if (found) return {};
  return Error{Code::NotFound, fmt::format("no job '{}'", id)};
}

Result<void> Queue::cancel(const std::string& id) {
  TRY(require(id));
  const std::int64_t now_ms = clock_.wall_ms();
  const store::Work write = [&](Connection& db) -> Result<void> {
    TRY(
        db.execute("UPDATE jobs SET state = 'cancelled', updated_ms = ? WHERE id = ? AND "
                   "state IN ('queued', 'running')",
                   {now_ms, id}));
    if (db.changes() == 0) return {};
    return db.execute(
        "UPDATE items SET state = 'cancelled' WHERE job = ? AND "
        "state IN ('waiting', 'leased')",
        {id});
  };
  return database_.write(write);
}

Result<void> Queue::retry(const std::string& id) {
  TRY(require(id));
  const std::int64_t now_ms = clock_.wall_ms();
  const store::Work write = [&](Connection& db) -> Result<void> {
    TRY(
        db.execute("UPDATE items SET state = 'waiting', attempts = 0, due_ms = ? "
                   "WHERE job = ? AND state = 'failed'",
                   {now_ms, id}));
    if (db.changes() == 0) return {};
    return db.execute("UPDATE jobs SET state = 'running', updated_ms = ? WHERE id = ?",
                      {now_ms, id});
  };
  TRY(database_.write(write));
  announce();
  return {};
}

Result<std::optional<Item>> Queue::lease(const std::vector<std::string>& busy) {
  std::optional<Item> item;
  const std::int64_t now_ms = clock_.wall_ms();
  // Most often there is nothing to do, and that is known without a write.
  const auto due = next_due_ms();
  if (!due || *due > now_ms) return item;
  json::Writer sites;
  sites.begin_array();
  for (const auto& site : busy) sites.string(site);
  sites.end_array();
  const store::Work take = [&](Connection& db) -> Result<void> {
    item.reset();
    TRY(db.query(
        "SELECT i.key, i.job, i.task, i.source, i.depth, i.attempts, j.source, j.collection, "
        "j.depth, j.metadata, j.refresh FROM items i JOIN jobs j ON j.id = i.job "
        "WHERE i.state IN ('waiting', 'leased') AND i.due_ms <= ? "
        "AND i.site NOT IN (SELECT value FROM json_each(?)) ORDER BY i.due_ms, i.key LIMIT 1",
        {now_ms, sites.text()}, [&](const Row& row) {
          item = Item{row.integer(0),
                      std::string(row.text(1)),
                      static_cast<Task>(row.integer(2)),
                      std::string(row.text(3)),
                      static_cast<int>(row.integer(4)),
                      static_cast<int>(row.integer(5)),
                      std::string(row.text(6)),
                      std::string(row.text(7)),
                      static_cast<int>(row.integer(8)),
                      std::string(row.text(9)),
                      row.integer(10) != 0};
        }));
    if (!item) return {};
    TRY(
        db.execute("UPDATE items SET state = 'leased', attempts = attempts + 1, "
                   "due_ms = ? WHERE key = ?",
                   {now_ms + options_.lease_ms, item->key}));
    return db.execute(
        "UPDATE jobs SET state = 'running', updated_ms = ? "
        "WHERE id = ? AND state = 'queued'",
        {now_ms, item->job});
  };
  TRY(database_.write(take));
  return item;
}

Result<void> Queue::finish(const Item& item, const Ending& ending) {
  const std::int64_t now_ms = clock_.wall_ms();
  const store::Work write = [&](Connection& db) -> Result<void> {
    TRY(db.execute(
        "UPDATE items SET state = ?, reason = ?, documents = ?, "
        "chunks = ?, deleted = ? WHERE key = ? AND state = 'leased'",
        {std::string(state_of(ending.kind)), short_reason(ending.reason), ending.documents,
         ending.chunks, std::int64_t{ending.deleted ? 1 : 0}, item.key}));
    if (db.changes() == 0) return {};  // cancelled meanwhile, or done by another
    TRY(insert_found(db, item, ending.found, now_ms));
    return settle(db, item.job, now_ms);
  };
  TRY(database_.write(write));
  announce();
  return {};
}

Result<void> Queue::postpone(const Item& item, std::int64_t wait_ms, const std::string& reason,
                             Attempt attempt) {
  const std::int64_t due_ms = clock_.wall_ms() + wait_ms;
  const std::int64_t back = attempt == Attempt::Counts ? 0 : 1;
  TRY(database_.write([&](Connection& db) {
    return db.execute(
        "UPDATE items SET state = 'waiting', due_ms = ?, reason = ?, "
        "attempts = attempts - ? WHERE key = ? AND state = 'leased'",
        {due_ms, short_reason(reason), back, item.key});
  }));
  announce();
  return {};
}

Result<bool> Queue::wanted(const std::string& job) {
  bool wanted = false;
  TRY(database_.read([&](Connection& db) {
    return db.query("SELECT 1 FROM jobs WHERE id = ? AND state IN ('queued', 'running')", {job},
                    [&](const Row&) { wanted = true; });
  }));
  return wanted;
}

std::uint64_t Queue::version() const {
  const std::lock_guard lock(mutex_);
  return version_;
}

void Queue::announce() {
  const std::lock_guard lock(mutex_);
  ++version_;
  changed_.notify_all();
}

std::optional<std::int64_t> Queue::next_due_ms() {
  std::optional<std::int64_t> due;
  const auto read = database_.read([&](Connection& db) {
    return db.query("SELECT min(due_ms) FROM items WHERE state IN ('waiting', 'leased')", {},
                    [&](const Row& row) {
                      if (!row.null(0)) due = row.integer(0);
                    });
  });
  if (!read) return clock_.wall_ms() + 1000;  // a disk in trouble is asked again
  return due;
}

void Queue::wait(std::uint64_t seen, SteadyTime until, const std::stop_token& stop) {
  if (const auto due = next_due_ms()) {
    const auto left = std::max<std::int64_t>(0, *due - clock_.wall_ms());
    // What is due already waits for its site, whose turn the caller knows.
    if (left > 0) until = std::min(until, clock_.now() + Milliseconds(left));
    if (left == 0 && until == SteadyTime::max()) return;
  }
  std::unique_lock lock(mutex_);
  const auto changed = [&] { return version_ != seen; };
  if (until == SteadyTime::max()) {
    changed_.wait(lock, stop, changed);
  } else {
    changed_.wait_until(lock, stop, until, changed);
  }
}

Result<Queue::Backlog> Queue::backlog() {
  Backlog backlog;
  const std::int64_t now_ms = clock_.wall_ms();
  TRY(database_.read([&](Connection& db) {
    return db.query(
        "SELECT count(*), min(created_ms) FROM jobs WHERE state IN ('queued', "
        "'running')",
        {}, [&](const Row& row) {
          backlog.jobs = row.integer(0);
          if (backlog.jobs > 0) {
            backlog.oldest_ms = std::max<std::int64_t>(0, now_ms - row.integer(1));
          }
        });
  }));
  return backlog;
}

}  // namespace crawler
