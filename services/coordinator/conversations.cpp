#include "coordinator/conversations.h"

#include <algorithm>
#include <future>
#include <utility>

#include "coordinator/attention.h"

namespace coordinator {
namespace {

using contracts::Kind;
using contracts::Line;
using contracts::ObserveRequest;

constexpr std::size_t kLinesKept = limits::kHistoryLines;
constexpr std::size_t kTimesKept = 1000;  // the quality thresholds end at 21
constexpr std::int64_t kDayMs = 24 * 3600 * 1000LL;
constexpr std::int64_t kAnswersMax = 64;

const char* const kSchema = R"sql(
CREATE TABLE lines (
  seq INTEGER PRIMARY KEY,
  channel TEXT NOT NULL,
  message_id TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  author TEXT NOT NULL,
  kind INTEGER NOT NULL,  -- 0 human, 1 bot
  text TEXT NOT NULL,
  reply_to TEXT,
  turn_id TEXT,
  UNIQUE (channel, message_id)
);
CREATE INDEX lines_by_channel ON lines (channel, seq);
CREATE INDEX lines_by_time ON lines (at_ms);
CREATE TABLE channels (
  channel TEXT PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  energy REAL NOT NULL,
  bot_lines INTEGER NOT NULL,
  reserved_after TEXT,
  reserved_by TEXT,
  reserved_cost REAL
) WITHOUT ROWID;
CREATE INDEX channels_by_time ON channels (at_ms);
)sql";

const char* const kAnswersColumn = "ALTER TABLE lines ADD COLUMN answers TEXT;";
// Lines come in the order of time: to find the old ones no index is needed, which each line pays
// for.
const char* const kNoTimeIndexes = "DROP INDEX lines_by_time; DROP INDEX channels_by_time;";
const char* const kQuietColumn =
    "ALTER TABLE channels ADD COLUMN quiet_until_ms INTEGER NOT NULL DEFAULT 0;";

// Lines of one person are looked for only when they are to be forgotten, and those of characters
// have no such id: the index has but few entries.
const char* const kAuthorColumn =
    "ALTER TABLE lines ADD COLUMN author_id TEXT;"
    "CREATE INDEX lines_by_author ON lines (author_id, channel) WHERE author_id IS NOT NULL;";

store::Value optional_text(const std::optional<std::string>& text) {
  if (!text) return nullptr;
  return *text;
}

// Columns: turn_id, author, text.
contracts::Answered answered_of(const store::Row& row) {
  return {std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2))};
}

// Columns: message_id, at_ms, author, kind, text, reply_to.
Line line_of(const store::Row& row) {
  Line line{.author = std::string(row.text(2)),
            .text = std::string(row.text(4)),
            .kind = row.integer(3) == 0 ? Kind::Human : Kind::Bot,
            .reply_to = std::nullopt};
  if (!row.null(5)) line.reply_to = std::string(row.text(5));
  return line;
}

}  // namespace

struct Conversations::Channel {
  struct Entry {
    std::string message_id;
    std::int64_t at_ms = 0;
    Line line;
  };
  // Shared with the pictures of the channel before this one: a line does not change.
  std::deque<std::shared_ptr<const Entry>> lines;
  // Of the last day's lines, oldest first, at most kTimesKept + 1.
  std::vector<std::int64_t> times;
  double energy = 0;
  int bot_lines = 0;
  std::optional<Reservation> reservation;
  std::int64_t quiet_until_ms = 0;
  std::int64_t loaded_ms = 0;

  bool holds(std::string_view message_id) const {
    return std::any_of(lines.begin(), lines.end(),
                       [&](const auto& entry) { return entry->message_id == message_id; });
  }

  void append(Entry entry) {
    times.push_back(entry.at_ms);
    lines.push_back(std::make_shared<const Entry>(std::move(entry)));
    if (lines.size() > kLinesKept) lines.pop_front();
    if (times.size() > kTimesKept + 1) times.erase(times.begin());
  }

  void spend_for(const Line& line, const Weights& weights) {
    if (line.kind == Kind::Human) {
      energy = weights.energy_budget;
      bot_lines = 0;
      reservation.reset();
      return;
    }
    ++bot_lines;
    if (reservation && reservation->character == line.author) {
      reservation.reset();  // spent already
    } else {
      energy = std::max(0.0, energy - line_cost(bot_lines, weights));
    }
  }

  std::size_t bytes() const {
    std::size_t sum = sizeof(Channel) + times.capacity() * sizeof(std::int64_t);
    for (const auto& entry : lines) {
      sum += sizeof(Entry) + entry->message_id.size() + entry->line.author.size() +
             entry->line.text.size();
    }
    return sum;
  }
};

Result<std::unique_ptr<Conversations>> Conversations::open(Options options, const Clock& clock) {
  store::Database::Options where;
  where.path = options.path;
  where.grade = store::Grade::CrashSafe;
  where.write_on = options.write_on;
  where.migrations = {kSchema, kAnswersColumn, kQuietColumn, kNoTimeIndexes, kAuthorColumn};
  auto database = TRY(store::Database::open(std::move(where)));
  return std::unique_ptr<Conversations>(
      new Conversations(std::move(options), clock, std::move(database)));
}

Conversations::Conversations(Options options, const Clock& clock,
                             std::unique_ptr<store::Database> database)
    : options_(std::move(options)), clock_(clock), database_(std::move(database)) {}

Conversations::~Conversations() = default;

void Conversations::observe(ObserveRequest request, Observed done) {
  struct Job {
    ObserveRequest request;
    Observed done;
    Conversation result{};
  };
  const auto job = std::make_shared<Job>(Job{std::move(request), std::move(done)});
  database_->write_async(
      [this, job](store::Connection& db) { return store_line(db, job->request, job->result); },
      [this, job](const Result<void>& written) {
        if (written) return job->done(std::move(job->result));
        // The memory may be ahead of the disk; the next call reads the disk.
        drop(job->request.channel);
        job->done(written.error());
      });
}

Result<Conversation> Conversations::observe(const ObserveRequest& request) {
  // Shared, because the promise is still in use when it wakes us.
  const auto result = std::make_shared<std::promise<Result<Conversation>>>();
  observe(request, [result](Result<Conversation> seen) { result->set_value(std::move(seen)); });
  return result->get_future().get();
}

void Conversations::settle() {
  (void)database_->write([](store::Connection&) { return Result<void>{}; });
}

Result<void> Conversations::store_line(store::Connection& db, const ObserveRequest& request,
                                       Conversation& result) {
  const Line& line = request.line;
  const std::int64_t now_ms = clock_.wall_ms();
  const auto channel = TRY(load(db, request.channel));
  if (channel->holds(request.message_id)) return restore_repeat(db, request, result);
  TRY(db.execute(
      "INSERT OR IGNORE INTO lines "
      "(channel, message_id, at_ms, author, kind, text, reply_to, turn_id, answers, "
      "author_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {request.channel, request.message_id, now_ms, line.author,
       std::int64_t{line.kind == Kind::Human ? 0 : 1}, line.text, optional_text(line.reply_to),
       optional_text(request.turn_id), optional_text(request.answers),
       line.kind == Kind::Human ? optional_text(request.author_id) : nullptr}));
  if (db.changes() == 0) return restore_repeat(db, request, result);
  channel->append({request.message_id, now_ms, line});
  channel->spend_for(line, options_.weights);
  if (line.kind == Kind::Human && asks_for_quiet(line.text)) {
    channel->quiet_until_ms = std::max(channel->quiet_until_ms, now_ms + options_.quiet_asked_ms);
  }
  TRY(save_state(db, request.channel, *channel));
  result = view(*channel, line.kind == Kind::Human ? Lines::Shown : Lines::LeftOut);
  keep(request.channel, channel);
  return {};
}

Result<void> Conversations::restore_repeat(store::Connection& db, const ObserveRequest& request,
                                           Conversation& result) {
  const auto channel = TRY(load(db, request.channel));
  std::int64_t seq = 0;
  std::int64_t at_ms = 0;
  TRY(
      db.query("SELECT seq, at_ms, kind, turn_id, author, text FROM lines "
               "WHERE channel = ? AND message_id = ?",
               {request.channel, request.message_id}, [&](const store::Row& row) {
                 seq = row.integer(0);
                 at_ms = row.integer(1);
                 // Whoever tells a character's line twice must know which of the two stands.
                 if (row.integer(2) == 0) return;
                 result.answered.push_back({std::string(row.text(3)), std::string(row.text(4)),
                                            std::string(row.text(5))});
               }));
  result.repeated = true;
  result.last_id = request.message_id;
  result.energy = channel->energy;
  result.bot_lines = channel->bot_lines;
  result.reservation = channel->reservation;
  result.quiet_until_ms = quiet_until_ms(*channel);
  TRY(
      db.query("SELECT message_id, at_ms, author, kind, text, reply_to FROM lines "
               "WHERE channel = ? AND seq <= ? ORDER BY seq DESC LIMIT ?",
               {request.channel, seq, static_cast<std::int64_t>(kLinesKept)},
               [&](const store::Row& row) { result.lines.push_back(line_of(row)); }));
  std::reverse(result.lines.begin(), result.lines.end());
  TRY(
      db.query("SELECT turn_id, author, text FROM lines "
               "WHERE channel = ? AND seq > ? AND answers = ? ORDER BY seq LIMIT ?",
               {request.channel, seq, request.message_id, kAnswersMax},
               [&](const store::Row& row) { result.answered.push_back(answered_of(row)); }));
  return db.query(
      "SELECT count(*) FROM (SELECT 1 FROM lines WHERE channel = ? AND seq < ? AND "
      "at_ms > ? LIMIT ?)",
      {request.channel, seq, at_ms - kDayMs, static_cast<std::int64_t>(kTimesKept)},
      [&](const store::Row& row) { result.message_count = row.integer(0); });
}

Result<Conversation> Conversations::recent(const std::string& channel) {
  if (const auto known = cached(channel)) return view(*known);
  Conversation result;
  // By way of the writer, so that no older picture of the channel can replace a newer one.
  const auto read = [&](store::Connection& db) -> Result<void> {
    const auto loaded = TRY(load(db, channel));
    result = view(*loaded);
    if (!loaded->lines.empty()) keep(channel, loaded);
    return {};
  };
  TRY(database_->write(read));
  return result;
}

Result<Conversation> Conversations::reserve(const std::string& channel, const Conversation& seen,
                                            const Reservation& reservation) {
  Conversation result;
  const auto written = database_->write([&](store::Connection& db) -> Result<void> {
    const auto current = TRY(load(db, channel));
    const bool same = !current->lines.empty() &&
                      current->lines.back()->message_id == seen.last_id &&
                      current->reservation == seen.reservation;
    if (!same) return Error(Code::Conflict, "the conversation went on");
    current->energy = std::max(0.0, current->energy - reservation.cost);
    current->reservation = reservation;
    TRY(save_state(db, channel, *current));
    result = view(*current);
    keep(channel, current);
    return {};
  });
  if (!written) {
    if (written.error().code != Code::Conflict) drop(channel);
    return written.error();
  }
  return result;
}

Result<Conversation> Conversations::set_quiet(const std::string& channel, std::int64_t for_ms) {
  Conversation result;
  const auto written = database_->write([&](store::Connection& db) -> Result<void> {
    const auto current = TRY(load(db, channel));
    current->quiet_until_ms = for_ms == 0 ? 0 : clock_.wall_ms() + for_ms;
    TRY(save_state(db, channel, *current));
    result = view(*current);
    keep(channel, current);
    return {};
  });
  if (!written) {
    drop(channel);
    return written.error();
  }
  return result;
}

Result<std::vector<Line>> Conversations::history(const std::string& channel, int limit) {
  std::vector<Line> lines;
  TRY(database_->read([&](store::Connection& db) {
    return db.query(
        "SELECT message_id, at_ms, author, kind, text, reply_to FROM lines "
        "WHERE channel = ? ORDER BY seq DESC LIMIT ?",
        {channel, std::int64_t{limit}},
        [&](const store::Row& row) { lines.push_back(line_of(row)); });
  }));
  std::reverse(lines.begin(), lines.end());
  return lines;
}

Result<std::vector<contracts::Answered>> Conversations::answers_to(const std::string& channel,
                                                                   const std::string& message_id) {
  std::vector<contracts::Answered> answered;
  TRY(database_->read([&](store::Connection& db) {
    return db.query(
        "SELECT turn_id, author, text FROM lines WHERE channel = ? AND answers = ? "
        "ORDER BY seq DESC LIMIT ?",
        {channel, message_id, kAnswersMax},
        [&](const store::Row& row) { answered.push_back(answered_of(row)); });
  }));
  return answered;
}

Result<std::vector<contracts::SaidLine>> Conversations::said(int limit) {
  std::vector<contracts::SaidLine> lines;
  TRY(database_->read([&](store::Connection& db) {
    return db.query(
        "SELECT said.turn_id, said.channel, said.author, said.text, said.at_ms, said.answers, "
        "asked.author, asked.text, asked.author_id FROM lines said "
        "LEFT JOIN lines asked ON asked.channel = said.channel AND asked.message_id = said.answers "
        "WHERE said.turn_id IS NOT NULL ORDER BY said.seq DESC LIMIT ?",
        {std::int64_t{limit}}, [&](const store::Row& row) {
          contracts::SaidLine line;
          line.turn_id = row.text(0);
          line.channel = row.text(1);
          line.character = row.text(2);
          line.text = row.text(3);
          line.at_ms = row.integer(4);
          line.message_id = row.text(5);
          line.author = row.text(6);
          line.message = row.text(7);
          if (!row.null(8)) line.author_id = std::string(row.text(8));
          lines.push_back(std::move(line));
        });
  }));
  return lines;
}

Result<std::int64_t> Conversations::forget_older_than(int days, int batch) {
  const std::int64_t now_ms = clock_.wall_ms();
  const std::int64_t before_ms = now_ms - days * kDayMs;
  std::int64_t gone = 0;
  std::int64_t seen = 0;  // the last line that was looked at
  bool more = true;
  const auto forget = [&](store::Connection& db) -> Result<void> {
    const std::int64_t after = seen;
    std::int64_t count = 0;
    std::int64_t young = 0;
    TRY(
        db.query("SELECT max(seq), count(*), sum(at_ms BETWEEN ? AND ?) FROM "
                 "(SELECT seq, at_ms FROM lines WHERE seq > ? ORDER BY seq LIMIT ?)",
                 {before_ms, now_ms, after, std::int64_t{batch}}, [&](const store::Row& row) {
                   seen = row.integer(0);
                   count = row.integer(1);
                   young = row.integer(2);
                 }));
    TRY(db.execute("DELETE FROM lines WHERE seq > ? AND seq <= ? AND at_ms < ?",
                   {after, seen, before_ms}));
    gone += db.changes();
    // Behind young lines there are no old ones. A line of a clock that ran ahead tells nothing.
    more = count == batch && (db.changes() > 0 || young == 0);
    return db.execute(
        "DELETE FROM channels WHERE channel IN "
        "(SELECT channel FROM channels WHERE at_ms < ? LIMIT ?)",
        {before_ms, std::int64_t{batch}});
  };
  while (more) TRY(database_->write(forget));
  // What was read from disk before may hold lines that are gone.
  const std::lock_guard lock(mutex_);
  for (auto entry = entries_.begin(); gone > 0 && entry != entries_.end();) {
    const auto next = std::next(entry);
    const auto& lines = entry->second->lines;
    const auto old = [&](const auto& line) { return line->at_ms < before_ms; };
    if (lines.empty() || std::any_of(lines.begin(), lines.end(), old)) erase_entry(entry);
    entry = next;
  }
  return gone;
}

Result<std::int64_t> Conversations::forget_author(const std::string& author_id) {
  std::vector<std::string> channels;
  TRY(database_->read([&](store::Connection& db) {
    return db.query("SELECT DISTINCT channel FROM lines WHERE author_id = ?", {author_id},
                    [&](const store::Row& row) { channels.emplace_back(row.text(0)); });
  }));
  std::int64_t gone = 0;
  for (const std::string& channel : channels) {
    const auto forget = [&](store::Connection& db) -> Result<void> {
      drop(channel);
      TRY(
          db.execute("DELETE FROM lines WHERE channel = ?1 AND answers IN "
                     "(SELECT message_id FROM lines WHERE channel = ?1 AND author_id = ?2)",
                     {channel, author_id}));
      gone += db.changes();
      TRY(db.execute("DELETE FROM lines WHERE channel = ? AND author_id = ?",
                     {channel, author_id}));
      gone += db.changes();
      return {};
    };
    TRY(database_->write(forget));
  }
  return gone;
}

ConversationStats Conversations::stats() const {
  const std::lock_guard lock(mutex_);
  ConversationStats stats = stats_;
  stats.channels = entries_.size();
  return stats;
}

Result<std::shared_ptr<Conversations::Channel>> Conversations::load(store::Connection& db,
                                                                    const std::string& channel) {
  if (const auto known = cached(channel)) return std::make_shared<Channel>(*known);
  return load_from_disk(db, channel);
}

Result<std::shared_ptr<Conversations::Channel>> Conversations::load_from_disk(
    store::Connection& db, const std::string& channel) {
  auto loaded = std::make_shared<Channel>();
  loaded->energy = options_.weights.energy_budget;
  loaded->loaded_ms = clock_.wall_ms();
  TRY(
      db.query("SELECT message_id, at_ms, author, kind, text, reply_to FROM lines "
               "WHERE channel = ? ORDER BY seq DESC LIMIT ?",
               {channel, static_cast<std::int64_t>(kLinesKept)}, [&](const store::Row& row) {
                 loaded->lines.push_front(std::make_shared<const Channel::Entry>(
                     Channel::Entry{std::string(row.text(0)), row.integer(1), line_of(row)}));
               }));
  TRY(db.query("SELECT at_ms FROM lines WHERE channel = ? ORDER BY seq DESC LIMIT ?",
               {channel, static_cast<std::int64_t>(kTimesKept + 1)},
               [&](const store::Row& row) { loaded->times.push_back(row.integer(0)); }));
  std::reverse(loaded->times.begin(), loaded->times.end());
  TRY(
      db.query("SELECT energy, bot_lines, reserved_after, reserved_by, reserved_cost, "
               "quiet_until_ms FROM channels WHERE channel = ?",
               {channel}, [&](const store::Row& row) {
                 loaded->energy = row.real(0);
                 loaded->bot_lines = static_cast<int>(row.integer(1));
                 loaded->quiet_until_ms = row.integer(5);
                 if (row.null(3)) return;
                 loaded->reservation =
                     Reservation{std::string(row.text(2)), std::string(row.text(3)), row.real(4)};
               }));
  return loaded;
}

Result<void> Conversations::save_state(store::Connection& db, const std::string& channel,
                                       const Channel& state) {
  // A channel may be made quiet before anybody has said anything.
  const std::int64_t at_ms = state.lines.empty() ? state.loaded_ms : state.lines.back()->at_ms;
  store::Value after = nullptr;
  store::Value by = nullptr;
  store::Value cost = nullptr;
  if (state.reservation) {
    after = state.reservation->after;
    by = state.reservation->character;
    cost = state.reservation->cost;
  }
  return db.execute("INSERT OR REPLACE INTO channels VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    {channel, at_ms, state.energy, std::int64_t{state.bot_lines}, after, by, cost,
                     state.quiet_until_ms});
}

std::int64_t Conversations::quiet_until_ms(const Channel& channel) const {
  return channel.quiet_until_ms > clock_.wall_ms() ? channel.quiet_until_ms : 0;
}

Conversation Conversations::view(const Channel& channel, Lines lines) const {
  Conversation result;
  result.energy = channel.energy;
  result.bot_lines = channel.bot_lines;
  result.reservation = channel.reservation;
  result.quiet_until_ms = quiet_until_ms(channel);
  if (channel.lines.empty()) return result;
  if (lines == Lines::Shown) {
    result.lines.reserve(channel.lines.size());
    for (const auto& entry : channel.lines) result.lines.push_back(entry->line);
  }
  result.last_id = channel.lines.back()->message_id;
  const std::int64_t since_ms = channel.lines.back()->at_ms - kDayMs;
  // A wall clock may step back, so the times need not be sorted.
  result.message_count = std::count_if(channel.times.begin(), std::prev(channel.times.end()),
                                       [&](std::int64_t at_ms) { return at_ms > since_ms; });
  return result;
}

std::shared_ptr<const Conversations::Channel> Conversations::cached(const std::string& channel) {
  const std::lock_guard lock(mutex_);
  const auto found = by_channel_.find(channel);
  if (found == by_channel_.end()) {
    ++stats_.misses;
    return nullptr;
  }
  if (found->second->second->loaded_ms + options_.cache_ttl_ms < clock_.wall_ms()) {
    ++stats_.misses;
    erase_entry(found->second);
    return nullptr;
  }
  ++stats_.hits;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->second;
}

void Conversations::keep(const std::string& channel, std::shared_ptr<const Channel> state) {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_channel_.find(channel); found != by_channel_.end()) {
    erase_entry(found->second);
  }
  stats_.bytes += state->bytes();
  entries_.emplace_front(channel, std::move(state));
  by_channel_.emplace(channel, entries_.begin());
  while (stats_.bytes > options_.cache_bytes && !entries_.empty()) {
    ++stats_.evictions;
    erase_entry(std::prev(entries_.end()));
  }
}

void Conversations::drop(const std::string& channel) {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_channel_.find(channel); found != by_channel_.end()) {
    erase_entry(found->second);
  }
}

void Conversations::erase_entry(Entries::iterator entry) {
  stats_.bytes -= entry->second->bytes();
  by_channel_.erase(entry->first);
  entries_.erase(entry);
}

}  // namespace coordinator
