#include "tuning/outcomes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

namespace tuning {
namespace {

using contracts::Opinion;
using contracts::Outcome;

constexpr std::int64_t kOpinionsOfTurnMax = 256;
constexpr std::int64_t kSurplusMax = 500;  // of opinions that make room for one more
constexpr double kStep = 1.05;             // of the times that are told apart

const char* const kSchema = R"sql(
CREATE TABLE outcomes (
  seq INTEGER PRIMARY KEY,
  turn_id TEXT NOT NULL UNIQUE,
  at_ms INTEGER NOT NULL,
  character TEXT NOT NULL,
  variant TEXT NOT NULL,   -- '': drafted without tuning
  channel TEXT NOT NULL,
  model TEXT NOT NULL,
  kind TEXT NOT NULL,
  status TEXT NOT NULL,
  said INTEGER NOT NULL,
  passed INTEGER NOT NULL,
  first_passed INTEGER,    -- NULL: no draft was judged
  score REAL NOT NULL,
  degraded INTEGER NOT NULL,
  ms REAL NOT NULL,
  slower INTEGER,          -- NULL: not compared
  ups INTEGER NOT NULL,
  downs INTEGER NOT NULL
);
CREATE INDEX outcomes_by_time ON outcomes (at_ms);
CREATE TABLE lines (seq INTEGER PRIMARY KEY, message TEXT NOT NULL, line TEXT NOT NULL);
CREATE TABLE totals (
  day INTEGER NOT NULL, character TEXT NOT NULL, variant TEXT NOT NULL,
  turns INTEGER NOT NULL, passes INTEGER NOT NULL, passes_of INTEGER NOT NULL,
  rewards INTEGER NOT NULL, rewards_of INTEGER NOT NULL, degraded INTEGER NOT NULL,
  disliked INTEGER NOT NULL, slower INTEGER NOT NULL, slower_of INTEGER NOT NULL,
  score REAL NOT NULL, ups INTEGER NOT NULL, downs INTEGER NOT NULL,
  PRIMARY KEY (day, character, variant)
) WITHOUT ROWID;
CREATE TABLE times (  -- turns by their time, in steps of a twentieth
  day INTEGER NOT NULL, character TEXT NOT NULL, variant TEXT NOT NULL, step INTEGER NOT NULL,
  turns INTEGER NOT NULL,
  PRIMARY KEY (day, character, variant, step)
) WITHOUT ROWID;
CREATE TABLE findings (
  day INTEGER NOT NULL, character TEXT NOT NULL, code TEXT NOT NULL, drafts INTEGER NOT NULL,
  PRIMARY KEY (day, character, code)
) WITHOUT ROWID;
CREATE TABLE hint_uses (
  day INTEGER NOT NULL, character TEXT NOT NULL, hint TEXT NOT NULL,
  used INTEGER NOT NULL, helped INTEGER NOT NULL,
  PRIMARY KEY (day, character, hint)
) WITHOUT ROWID;
CREATE TABLE opinions (
  turn_id TEXT NOT NULL,
  author TEXT NOT NULL,
  kind TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (turn_id, author)
) WITHOUT ROWID;
CREATE INDEX opinions_by_time ON opinions (at_ms);
CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), generation INTEGER NOT NULL);
INSERT INTO state VALUES (1, 0);
)sql";

const char* const kWaitingColumn = R"sql(
ALTER TABLE opinions ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0;  -- for the turn's outcome
UPDATE opinions SET waiting = 1
  WHERE NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.turn_id = opinions.turn_id);
CREATE INDEX opinions_waiting ON opinions (at_ms) WHERE waiting = 1;
)sql";

// Of a draft that was judged; a draft with a fault is nobody's verdict on the variant.
std::optional<bool> first_passed(const Outcome& outcome) {
  for (const auto& attempt : outcome.attempts) {
    if (!attempt.fault) return attempt.passed && !outcome.degraded;
  }
  return std::nullopt;
}

store::Value optional_flag(const std::optional<bool>& flag) {
  if (!flag) return nullptr;
  return std::int64_t{*flag};
}

std::optional<bool> flag_of(const store::Row& row, int column) {
  if (row.null(column)) return std::nullopt;
  return row.integer(column) != 0;
}

struct Opinions {
  std::int64_t count = 0;
  std::int64_t ups = 0;
  std::int64_t downs = 0;
};

Result<Opinions> opinions_on(store::Connection& db, const std::string& turn_id) {
  Opinions opinions;
  TRY(db.query(
      "SELECT count(*), coalesce(sum(kind = 'thumbs_up'), 0) FROM opinions WHERE turn_id = ?",
      {turn_id}, [&](const store::Row& row) {
        opinions.count = row.integer(0);
        opinions.ups = row.integer(1);
      }));
  opinions.downs = opinions.count - opinions.ups;
  return opinions;
}

std::int64_t day_of(std::int64_t at_ms) { return at_ms / kDayMs; }

// Adds the lesson to the counts of its day, or with the sign -1 takes it back.
Result<void> count(store::Connection& db, std::int64_t day, const Learned& learned, int sign) {
  Tally tally;
  tally.add(learned.lesson, sign);
  return db.execute(
      "INSERT INTO totals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
      "ON CONFLICT DO UPDATE SET turns = turns + excluded.turns, "
      "passes = passes + excluded.passes, passes_of = passes_of + excluded.passes_of, "
      "rewards = rewards + excluded.rewards, rewards_of = rewards_of + excluded.rewards_of, "
      "degraded = degraded + excluded.degraded, disliked = disliked + excluded.disliked, "
      "slower = slower + excluded.slower, slower_of = slower_of + excluded.slower_of, "
      "score = score + excluded.score, ups = ups + excluded.ups, downs = downs + excluded.downs",
      {day, learned.character, learned.variant, tally.turns, tally.passes.hits, tally.passes.of,
       tally.rewards.hits, tally.rewards.of, tally.degraded.hits, tally.disliked.hits,
       tally.slower.hits, tally.slower.of, tally.score_sum, tally.ups, tally.downs});
}

Result<void> count_time(store::Connection& db, std::int64_t day, const Outcome& outcome) {
  const auto step = static_cast<std::int64_t>(std::log1p(outcome.ms) / std::log(kStep));
  return db.execute(
      "INSERT INTO times VALUES (?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET turns = turns + 1",
      {day, outcome.character, outcome.variant.value_or(""), step});
}

// What became of each draft.
Result<void> count_drafts(store::Connection& db, std::int64_t day, const Outcome& outcome,
                          Stored& stored) {
  for (const auto& attempt : outcome.attempts) {
    const std::set<FindingCode> once(attempt.codes.begin(), attempt.codes.end());
    for (const FindingCode code : once) ++stored.findings[code];
  }
  for (const auto& [code, drafts] : stored.findings) {
    TRY(
        db.execute("INSERT INTO findings VALUES (?, ?, ?, ?) "
                   "ON CONFLICT DO UPDATE SET drafts = drafts + excluded.drafts",
                   {day, outcome.character, std::string(enum_name(code)), drafts}));
  }
  stored.uses = hint_uses(outcome.attempts);
  for (const HintUse& use : stored.uses) {
    TRY(
        db.execute("INSERT INTO hint_uses VALUES (?, ?, ?, 1, ?) ON CONFLICT DO UPDATE SET "
                   "used = used + 1, helped = helped + excluded.helped",
                   {day, outcome.character, use.hint, std::int64_t{use.helped}}));
  }
  return {};
}

// What is kept of a turn, as far as an opinion may change it.
struct Turn {
  bool known = false;
  std::int64_t day = 0;
  std::optional<Learned> learned;  // when it was said
};

Result<Turn> turn_of(store::Connection& db, const std::string& turn_id) {
  Turn turn;
  TRY(db.query(
      "SELECT character, variant, first_passed, degraded, score, slower, ups, downs, said, "
      "at_ms FROM outcomes WHERE turn_id = ?",
      {turn_id}, [&](const store::Row& row) {
        turn.known = true;
        turn.day = day_of(row.integer(9));
        if (row.integer(8) == 0) return;
        turn.learned = Learned{std::string(row.text(0)),
                               std::string(row.text(1)),
                               {flag_of(row, 2), row.integer(3) != 0, row.real(4), flag_of(row, 5),
                                row.integer(6), row.integer(7)}};
      }));
  return turn;
}

// The condition of every sum.
constexpr std::string_view kWanted = "(?1 = '' OR character = ?1) AND day >= ?2";

Result<void> load_tallies(store::Connection& db, const std::vector<store::Value>& wanted,
                          std::size_t rows_max, Totals& totals) {
  return db.query(
      fmt::format("SELECT character, variant, sum(turns), sum(passes), sum(passes_of), "
                  "sum(rewards), sum(rewards_of), sum(degraded), sum(disliked), sum(slower), "
                  "sum(slower_of), sum(score), sum(ups), sum(downs) FROM totals WHERE {} "
                  "GROUP BY character, variant LIMIT {}",
                  kWanted, rows_max),
      wanted, [&](const store::Row& row) {
        Tally tally;
        tally.turns = row.integer(2);
        tally.passes = {row.integer(3), row.integer(4)};
        tally.rewards = {row.integer(5), row.integer(6)};
        tally.degraded = {row.integer(7), tally.turns};
        tally.disliked = {row.integer(8), tally.turns};
        tally.slower = {row.integer(9), row.integer(10)};
        tally.score_sum = row.real(11);
        tally.ups = row.integer(12);
        tally.downs = row.integer(13);
        totals.variants.push_back({std::string(row.text(0)), std::string(row.text(1)), tally});
      });
}

Result<void> load_drafts(store::Connection& db, const std::vector<store::Value>& wanted,
                         std::size_t rows_max, Totals& totals) {
  TRY(db.query(fmt::format("SELECT character, code, sum(drafts) FROM findings WHERE {} "
                           "GROUP BY 1, 2 LIMIT {}",
                           kWanted, 12 * rows_max),
               wanted, [&](const store::Row& row) {
                 const auto code = code_named(row.text(1));
                 if (code) totals.findings[std::string(row.text(0))][*code] = row.integer(2);
               }));
  return db.query(fmt::format("SELECT character, hint, sum(used), sum(helped) FROM hint_uses "
                              "WHERE {} GROUP BY 1, 2 LIMIT {}",
                              kWanted, 4 * rows_max),
                  wanted, [&](const store::Row& row) {
                    auto& tally = totals.hints[std::string(row.text(0))][std::string(row.text(1))];
                    tally = {row.integer(2), row.integer(3)};
                  });
}

}  // namespace

std::vector<std::string> migrations() { return {kSchema, kWaitingColumn}; }

Result<bool> holds(store::Connection& db, const std::string& turn_id) {
  bool found = false;
  TRY(db.query("SELECT 1 FROM outcomes WHERE turn_id = ?", {turn_id},
               [&](const store::Row&) { found = true; }));
  return found;
}

Result<Stored> insert(store::Connection& db, const Outcome& outcome, std::optional<bool> slower) {
  Stored stored;
  stored.character = outcome.character;
  const bool said = outcome.status == contracts::TurnStatus::Said;
  const auto opinions = TRY(opinions_on(db, outcome.turn_id));
  Learned learned{outcome.character,
                  outcome.variant.value_or(""),
                  {first_passed(outcome), outcome.degraded, outcome.score, slower, opinions.ups,
                   opinions.downs}};
  TRY(db.execute(
      "INSERT OR IGNORE INTO outcomes (turn_id, at_ms, character, variant, channel, model, kind, "
      "status, said, passed, first_passed, score, degraded, ms, slower, ups, downs) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {outcome.turn_id, outcome.at_ms, learned.character, learned.variant, outcome.channel,
       outcome.model, std::string(enum_name(outcome.kind)), std::string(enum_name(outcome.status)),
       std::int64_t{said}, std::int64_t{outcome.passed}, optional_flag(learned.lesson.first_passed),
       outcome.score, std::int64_t{outcome.degraded}, outcome.ms, optional_flag(slower),
       opinions.ups, opinions.downs}));
  stored.repeated = db.changes() == 0;
  if (stored.repeated) return stored;
  const std::int64_t seq = db.last_insert_id();
  if (said && !outcome.line.empty()) {
    TRY(db.execute("INSERT INTO lines VALUES (?, ?, ?)", {seq, outcome.message, outcome.line}));
  }
  const std::int64_t day = day_of(outcome.at_ms);
  TRY(count_drafts(db, day, outcome, stored));
  if (opinions.count > 0) {
    TRY(db.execute("UPDATE opinions SET waiting = 0 WHERE turn_id = ? AND waiting = 1",
                   {outcome.turn_id}));
    stored.opinions = db.changes();
  }
  if (!said) return stored;
  TRY(count(db, day, learned, 1));
  TRY(count_time(db, day, outcome));
  stored.learned = std::move(learned);
  return stored;
}

Result<Judged> judge(store::Connection& db, const contracts::FeedbackRequest& request,
                     std::int64_t now_ms, std::int64_t surplus) {
  Judged judged;
  const std::string kind(enum_name(request.kind));
  bool waited = false;
  bool same = request.kind == Opinion::None;
  TRY(db.query("SELECT kind, waiting FROM opinions WHERE turn_id = ? AND author = ?",
               {request.turn_id, request.author}, [&](const store::Row& row) {
                 same = row.text(0) == kind;
                 waited = row.integer(1) != 0;
               }));
  Turn turn = TRY(turn_of(db, request.turn_id));
  judged.known = turn.known;
  if (same) return judged;
  const bool waits = !judged.known && request.kind != Opinion::None;
  judged.waiting = (waits ? 1 : 0) - (waited ? 1 : 0);
  if (judged.waiting > 0 && surplus > 0) {
    judged.waiting -= TRY(forget_waiting(db, std::numeric_limits<std::int64_t>::max(),
                                         std::min(surplus, kSurplusMax)));
  }
  if (request.kind == Opinion::None) {
    TRY(db.execute("DELETE FROM opinions WHERE turn_id = ? AND author = ?",
                   {request.turn_id, request.author}));
  } else {
    TRY(db.execute("INSERT OR REPLACE INTO opinions VALUES (?, ?, ?, ?, ?)",
                   {request.turn_id, request.author, kind, now_ms, std::int64_t{waits}}));
  }
  judged.changed = true;
  const auto opinions = TRY(opinions_on(db, request.turn_id));
  if (opinions.count > kOpinionsOfTurnMax) {
    return Error(Code::Overloaded, "feedback: the turn has all the opinions that are kept of one");
  }
  if (!judged.known) return judged;
  TRY(db.execute("UPDATE outcomes SET ups = ?, downs = ? WHERE turn_id = ?",
                 {opinions.ups, opinions.downs, request.turn_id}));
  if (turn.learned) {
    judged.after = turn.learned;
    judged.after->lesson.ups = opinions.ups;
    judged.after->lesson.downs = opinions.downs;
    TRY(count(db, turn.day, *turn.learned, -1));
    TRY(count(db, turn.day, *judged.after, 1));
    judged.before = std::move(turn.learned);
  }
  return judged;
}

Result<Totals> load_totals(store::Connection& db, const std::string& character,
                           std::int64_t since_ms, std::size_t rows_max) {
  Totals totals;
  const std::vector<store::Value> wanted{character, day_of(since_ms)};
  TRY(load_tallies(db, wanted, rows_max, totals));
  TRY(load_drafts(db, wanted, rows_max, totals));
  return totals;
}

Result<void> load_medians(store::Connection& db, const std::string& character,
                          std::int64_t since_ms, Totals& totals) {
  std::map<std::pair<std::string, std::string>, std::pair<Totals::Row*, std::int64_t>> rows;
  for (auto& row : totals.variants) rows[{row.character, row.variant}] = {&row, 0};
  return db.query(
      fmt::format("SELECT character, variant, step, sum(turns) FROM times WHERE {} "
                  "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
                  kWanted),
      {character, day_of(since_ms)}, [&](const store::Row& row) {
        const auto found = rows.find({std::string(row.text(0)), std::string(row.text(1))});
        if (found == rows.end()) return;
        auto& [told, before] = found->second;
        const std::int64_t half = (told->tally.turns + 1) / 2;
        if (before < half && before + row.integer(3) >= half) {
          // The middle of the step.
          told->median_ms = std::pow(kStep, static_cast<double>(row.integer(2)) + 0.5) - 1;
        }
        before += row.integer(3);
      });
}

Result<std::int64_t> count_waiting(store::Connection& db) {
  std::int64_t count = 0;
  TRY(db.query("SELECT count(*) FROM opinions WHERE waiting = 1", {},
               [&](const store::Row& row) { count = row.integer(0); }));
  return count;
}

Result<std::int64_t> load_generation(store::Connection& db) {
  std::int64_t generation = 0;
  TRY(db.query("SELECT generation FROM state", {},
               [&](const store::Row& row) { generation = row.integer(0); }));
  return generation;
}

Result<void> save_generation(store::Connection& db, std::int64_t generation) {
  return db.execute("UPDATE state SET generation = ?", {generation});
}

Result<std::vector<ExportedRow>> load_export(store::Connection& db, const ExportFilter& filter,
                                             std::int64_t after, std::int64_t limit) {
  std::vector<ExportedRow> rows;
  TRY(db.query(
      "SELECT o.seq, l.message, l.line, o.character, o.turn_id, o.score "
      "FROM outcomes o JOIN lines l USING (seq) "
      "WHERE (?1 = '' OR o.character = ?1) AND o.at_ms >= ?2 AND o.score >= ?3 AND o.seq > ?4 "
      "AND NOT o.degraded AND o.downs = 0 AND (o.first_passed = 1 OR o.ups > 0) "
      "ORDER BY o.seq LIMIT ?5",
      {filter.character, filter.since_ms, filter.min_score, after, limit},
      [&](const store::Row& row) {
        rows.push_back(
            {row.integer(0),
             {{{"user", std::string(row.text(1))}, {"assistant", std::string(row.text(2))}},
              std::string(row.text(3)),
              std::string(row.text(4)),
              row.real(5)}});
      }));
  return rows;
}

Result<std::int64_t> seq_of(store::Connection& db, const std::string& turn_id) {
  std::optional<std::int64_t> seq;
  TRY(db.query("SELECT seq FROM outcomes WHERE turn_id = ?", {turn_id},
               [&](const store::Row& row) { seq = row.integer(0); }));
  if (!seq) return Error(Code::NotFound, fmt::format("after: there is no turn {}", turn_id));
  return *seq;
}

Result<std::int64_t> newest_ms(store::Connection& db) {
  std::int64_t newest = 0;
  TRY(db.query("SELECT coalesce(max(at_ms), 0) FROM outcomes", {},
               [&](const store::Row& row) { newest = row.integer(0); }));
  return newest;
}

Result<std::int64_t> forget_before(store::Connection& db, std::int64_t before_ms,
                                   std::int64_t batch) {
  const std::int64_t day = day_of(before_ms);
  for (const std::string_view table : {"totals", "times", "findings", "hint_uses"}) {
    TRY(db.execute(fmt::format("DELETE FROM {} WHERE day < ?", table), {day}));
  }
  constexpr std::string_view kOld = "(SELECT seq FROM outcomes WHERE at_ms < ? LIMIT ?)";
  const std::vector<store::Value> old{day * kDayMs, batch};
  TRY(db.execute(fmt::format("DELETE FROM lines WHERE seq IN {}", kOld), old));
  TRY(db.execute(fmt::format("DELETE FROM outcomes WHERE seq IN {}", kOld), old));
  const std::int64_t gone = db.changes();
  TRY(
      db.execute("DELETE FROM opinions WHERE (turn_id, author) IN "
                 "(SELECT turn_id, author FROM opinions WHERE at_ms < ? LIMIT ?)",
                 old));
  return gone + db.changes();
}

Result<bool> forget_turn(store::Connection& db, const std::string& turn_id) {
  TRY(db.execute("DELETE FROM lines WHERE seq IN (SELECT seq FROM outcomes WHERE turn_id = ?)",
                 {turn_id}));
  TRY(db.execute("DELETE FROM opinions WHERE turn_id = ?", {turn_id}));
  TRY(db.execute("DELETE FROM outcomes WHERE turn_id = ?", {turn_id}));
  return db.changes() > 0;
}

Result<std::int64_t> forget_waiting(store::Connection& db, std::int64_t before_ms,
                                    std::int64_t batch) {
  TRY(
      db.execute("DELETE FROM opinions WHERE (turn_id, author) IN (SELECT turn_id, author "
                 "FROM opinions WHERE waiting = 1 AND at_ms < ? ORDER BY at_ms LIMIT ?)",
                 {before_ms, batch}));
  return db.changes();
}

}  // namespace tuning
