#include "llm/ledger.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <set>
#include <tuple>
#include <utility>

#include "telemetry/log.h"

namespace llm {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::size_t kNameBytesMax = 256;
constexpr std::size_t kNamesMax = 4096;  // in one journal
constexpr std::string_view kPrefix = "usage-";
constexpr std::string_view kSuffix = ".journal";

constexpr std::string_view kSchema = R"(
CREATE TABLE usage(day INTEGER, key TEXT, model TEXT, provider TEXT, requests INTEGER NOT NULL,
  prompt INTEGER NOT NULL, cached_prompt INTEGER NOT NULL, completion INTEGER NOT NULL,
  estimated INTEGER NOT NULL, cost REAL NOT NULL, aborted INTEGER NOT NULL, cut INTEGER NOT NULL,
  cached INTEGER NOT NULL, failed INTEGER NOT NULL,
  PRIMARY KEY(day, key, model, provider)) WITHOUT ROWID;
CREATE TABLE folded(journal INTEGER PRIMARY KEY);
)";

constexpr std::string_view kAdd =
    "INSERT INTO usage VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET "
    "requests=requests+excluded.requests, prompt=prompt+excluded.prompt, "
    "cached_prompt=cached_prompt+excluded.cached_prompt, "
    "completion=completion+excluded.completion, estimated=estimated+excluded.estimated, "
    "cost=cost+excluded.cost, aborted=aborted+excluded.aborted, cut=cut+excluded.cut, "
    "cached=cached+excluded.cached, failed=failed+excluded.failed";

// A use as it lies in the journal, behind the letter 'U'; names are numbered in the order of the
// journal's records 'N'.
struct Packed {
  std::int64_t at_ms;
  std::int64_t prompt;
  std::int64_t cached;
  std::int64_t completion;
  double cost;
  std::uint16_t key;
  std::uint16_t model;
  std::uint16_t provider;
  std::uint8_t exact;
  std::uint8_t ending;
};
static_assert(sizeof(Packed) == 48);

void count(UsageRow& row, const Packed& used) {
  ++row.requests;
  row.prompt_tokens += used.prompt;
  row.cached_tokens += used.cached;
  row.completion_tokens += used.completion;
  if (used.exact == 0) row.estimated_tokens += used.prompt + used.completion;
  row.cost += used.cost;
  switch (static_cast<Ending>(used.ending)) {
    case Ending::Whole:
      return;
    case Ending::Aborted:
      ++row.aborted;
      return;
    case Ending::Cut:
      ++row.cut;
      return;
    case Ending::Cached:
      ++row.cached;
      return;
    case Ending::Failed:
      ++row.failed;
      return;
  }
}

void add_to(UsageRow& total, const UsageRow& row) {
  total.requests += row.requests;
  total.prompt_tokens += row.prompt_tokens;
  total.cached_tokens += row.cached_tokens;
  total.completion_tokens += row.completion_tokens;
  total.estimated_tokens += row.estimated_tokens;
  total.cost += row.cost;
  total.aborted += row.aborted;
  total.cut += row.cut;
  total.cached += row.cached;
  total.failed += row.failed;
}

UsageRow row_of(const store::Row& found) {
  UsageRow row;
  row.day = day_text(found.integer(0));
  row.key = found.text(1);
  row.model = found.text(2);
  row.provider = found.text(3);
  row.requests = found.integer(4);
  row.prompt_tokens = found.integer(5);
  row.cached_tokens = found.integer(6);
  row.completion_tokens = found.integer(7);
  row.estimated_tokens = found.integer(8);
  row.cost = found.real(9);
  row.aborted = found.integer(10);
  row.cut = found.integer(11);
  row.cached = found.integer(12);
  row.failed = found.integer(13);
  return row;
}

// The number in "usage-17.journal"; nothing for other files.
std::optional<std::int64_t> number_in(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  name = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
  std::int64_t number = 0;
  const auto read = std::from_chars(name.data(), name.data() + name.size(), number);
  if (read.ec != std::errc() || read.ptr != name.data() + name.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string day_text(std::int64_t day) {
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

Result<std::int64_t> day_of(std::string_view text) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  const auto read = [&](std::size_t at, std::size_t digits, auto& number) {
    if (text.size() != 10) return false;
    const char* const end = text.data() + at + digits;
    return std::from_chars(text.data() + at, end, number).ptr == end;
  };
  const bool digits = read(0, 4, year) && read(5, 2, month) && read(8, 2, day);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!digits || text[4] != '-' || text[7] != '-' || !date.ok()) {
    return Error{Code::InvalidArgument, fmt::format("'{}' is no day such as 2026-01-31", text)};
  }
  return std::chrono::sys_days(date).time_since_epoch().count();
}

Ledger::Ledger(Options options) : options_(std::move(options)) {
  if (options_.metrics == nullptr) return;
  drops_ = options_.metrics->counter("troupe_llm_usage_dropped_total",
                                     "Uses that came into no books: the disk gave no room");
}

Result<std::unique_ptr<Ledger>> Ledger::open(Options options) {
  std::unique_ptr<Ledger> ledger(new Ledger(std::move(options)));
  store::Database::Options file;
  file.path = ledger->options_.folder + "/usage.db";
  file.grade = store::Grade::PowerSafe;
  file.migrations = {std::string(kSchema)};
  ledger->database_ = TRY(store::Database::open(std::move(file)));
  TRY(ledger->fold_left_over());
  TRY(ledger->make_spare());
  ledger->begin_next();
  ledger->thread_ =
      std::jthread([raw = ledger.get()](const std::stop_token& stop) { raw->work(stop); });
  return ledger;
}

Ledger::~Ledger() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  if (const auto folded = fold(); !folded) {
    telemetry::warn("usage stays in its journal", {{"why", folded.error().message}});
  }
  // An empty journal says nothing to the next process.
  for (const auto* const journal : {journal_.get(), spare_.get()}) {
    if (journal != nullptr && journal->empty()) ::unlink(journal->path().c_str());
  }
}

std::string Ledger::path_of(std::int64_t number) const {
  return fmt::format("{}/{}{}{}", options_.folder, kPrefix, number, kSuffix);
}

// Of one thread at a time: that which holds folding_, or opens the ledger.
Result<void> Ledger::make_spare() {
  std::int64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    if (spare_ != nullptr) return {};
    number = ++latest_;
  }
  auto made = TRY(Journal::create(path_of(number), options_.journal_bytes));
  {
    const std::lock_guard lock(mutex_);
    if (spare_ == nullptr) {
      spare_ = std::move(made);
      spare_number_ = number;
    }
  }
  if (made != nullptr) ::unlink(made->path().c_str());  // add() was faster
  return {};
}

// Under mutex_, with a spare.
void Ledger::begin_next() {
  if (journal_ != nullptr) full_.emplace_back(number_, std::move(journal_));
  journal_ = std::move(spare_);
  number_ = spare_number_;
  names_.clear();
}

// Journals of earlier processes, each folded unless its number is in the database already.
Result<void> Ledger::fold_left_over() {
  std::set<std::int64_t> numbers;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(options_.folder, failed)) {
    const std::string name = entry.path().filename().string();
    if (const auto number = number_in(name)) numbers.insert(*number);
    if (name.starts_with(kPrefix) && name.ends_with(Journal::kUnfinished)) {
      ::unlink(entry.path().c_str());
    }
  }
  if (failed) {
    return Error{Code::Unavailable,
                 fmt::format("cannot list {}: {}", options_.folder, failed.message())};
  }
  std::set<std::int64_t> folded;
  TRY(database_->read([&](store::Connection& db) {
    return db.query("SELECT journal FROM folded", {},
                    [&](const store::Row& row) { folded.insert(row.integer(0)); });
  }));
  if (!folded.empty()) latest_ = *folded.rbegin();
  for (const std::int64_t number : numbers) {
    latest_ = std::max(latest_, number);
    if (!folded.contains(number)) {
      auto sums = TRY(sums_of(path_of(number)));
      TRY(commit(std::move(sums), number));
    }
    ::unlink(path_of(number).c_str());
  }
  return {};
}

// --- writing ------------------------------------------------------------------------------------

// The number of a name in this journal, which is written into it when it is new; nothing when there
// is no room for it.
std::optional<std::uint16_t> Ledger::number_of(std::string_view name) {
  name = name.substr(0, kNameBytesMax);
  if (const auto found = names_.find(std::string(name)); found != names_.end()) {
    return found->second;
  }
  if (names_.size() >= kNamesMax || !journal_->append("N" + std::string(name))) {
    return std::nullopt;
  }
  const auto number = static_cast<std::uint16_t>(names_.size());
  names_.emplace(name, number);
  return number;
}

bool Ledger::append(const Used& used) {
  const auto key = number_of(used.key);
  const auto model = number_of(used.model);
  const auto provider = number_of(used.provider);
  if (!key || !model || !provider) return false;
  const Packed packed{used.at_ms,
                      used.prompt_tokens,
                      used.cached_tokens,
                      used.completion_tokens,
                      used.cost,
                      *key,
                      *model,
                      *provider,
                      static_cast<std::uint8_t>(used.exact),
                      static_cast<std::uint8_t>(used.ending)};
  std::array<char, 1 + sizeof packed> record;
  record[0] = 'U';
  std::memcpy(record.data() + 1, &packed, sizeof packed);
  return journal_->append({record.data(), record.size()});
}

Result<void> Ledger::add(const Used& used) {
  const std::lock_guard lock(mutex_);
  unsynced_ = true;
  if (append(used)) return {};
  wake_.notify_one();
  if (spare_ == nullptr) {
    if (no_room_) return keep(used);
    // The thread is behind: this once the disk is waited for.
    auto made = Journal::create(path_of(latest_ + 1), options_.journal_bytes);
    no_room_ = !made;
    if (no_room_) return keep(used);
    spare_number_ = ++latest_;
    spare_ = std::move(made).value();
  }
  begin_next();
  if (append(used)) return {};
  drop();
  return Error{Code::Internal, "the usage journal is too small for an entry"};
}

// Under mutex_, as the three below.
Result<void> Ledger::keep(const Used& used) {
  if (waiting_.size() >= options_.waiting_max) {
    drop();
    return Error{Code::Overloaded, "too many uses wait for room on the disk"};
  }
  waiting_.push_back(
      {used, std::string(used.key), std::string(used.model), std::string(used.provider)});
  return {};
}

void Ledger::drop() {
  ++dropped_;
  if (drops_) drops_->add();
}

void Ledger::write_waiting() {
  while (!waiting_.empty()) {
    const Waiting& next = waiting_.front();
    Used used = next.used;
    used.key = next.key;
    used.model = next.model;
    used.provider = next.provider;
    if (!append(used)) {
      if (spare_ == nullptr) return;
      begin_next();
      if (!append(used)) drop();  // no journal is large enough
    }
    waiting_.pop_front();
  }
}

// --- folding ------------------------------------------------------------------------------------

Result<Ledger::Sums> Ledger::sums_of(const std::string& path) const {
  Sums sums;
  std::vector<std::string> names;
  TRY(Journal::read(path, [&](std::string_view record) {
    if (record.front() == 'N') return names.emplace_back(record.substr(1)), void();
    Packed used{};
    if (record.front() != 'U' || record.size() != 1 + sizeof used) return;
    std::memcpy(&used, record.data() + 1, sizeof used);
    if (std::max({used.key, used.model, used.provider}) >= names.size()) return;
    const Key key{used.at_ms / kDayMs, names[used.key], names[used.model], names[used.provider]};
    count(sums[key], used);
  }));
  return sums;
}

Result<void> Ledger::commit(Sums sums, std::int64_t journal) {
  return database_->write([sums = std::move(sums), journal](store::Connection& db) -> Result<void> {
    for (const auto& [key, row] : sums) {
      const auto& [day, name, model, provider] = key;
      TRY(db.execute(kAdd, {day, name, model, provider, row.requests, row.prompt_tokens,
                            row.cached_tokens, row.completion_tokens, row.estimated_tokens,
                            row.cost, row.aborted, row.cut, row.cached, row.failed}));
    }
    // Of the older ones the files are gone: the newest number alone must be remembered.
    TRY(db.execute("DELETE FROM folded WHERE journal<?", {journal - 64}));
    return db.execute("INSERT INTO folded VALUES(?)", {journal});
  });
}

// Everything that add() has taken is in the database when it returns.
Result<void> Ledger::fold() {
  const std::lock_guard one(folding_);
  const auto turned = turn();
  TRY(fold_full());
  if (turned) return {};
  TRY(turn());  // there may be room, now that those are gone
  return fold_full();
}

// Puts everything that add() has taken into journals that are full or count as such.
Result<void> Ledger::turn() {
  for (bool moved = false; !moved;) {
    TRY(make_spare());
    const std::lock_guard lock(mutex_);
    no_room_ = false;
    write_waiting();
    moved = waiting_.empty() && (journal_->empty() || spare_ != nullptr);
    if (moved && !journal_->empty()) begin_next();  // else add() has taken the spare meanwhile
  }
  return make_spare();
}

Result<void> Ledger::fold_full() {
  for (;;) {
    std::pair<std::int64_t, std::string> next;
    {
      const std::lock_guard lock(mutex_);
      if (full_.empty()) return {};
      next = {full_.front().first, full_.front().second->path()};
    }
    auto sums = TRY(sums_of(next.second));
    TRY(commit(std::move(sums), next.first));
    std::unique_ptr<Journal> done;  // closed without the lock: that may wait for the disk
    {
      const std::lock_guard lock(mutex_);
      done = std::move(full_.front().second);
      full_.erase(full_.begin());
    }
    ::unlink(next.second.c_str());
  }
}

void Ledger::work(const std::stop_token& stop) {
  SteadyTime folded = SystemClock::instance().now();
  bool failing = false;
  std::int64_t dropped = 0;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    // Somebody who asks for the usage may have journals in full_ as well: this must wait then, not
    // hold mutex_ and turn round.
    wake_.wait_for(lock, stop, options_.sync_every,
                   [&] { return !failing && !(full_.empty() && waiting_.empty()); });
    if (stop.stop_requested()) return;
    const SteadyTime now = SystemClock::instance().now();
    const bool due =
        !full_.empty() || !waiting_.empty() || (unsynced_ && now - folded >= options_.fold_every);
    if (dropped_ > 2 * dropped) {  // at the first, and not for each of those that follow
      dropped = dropped_;
      telemetry::error("uses are lost to the books", {{"so_far", dropped}});
    }
    Result<void> done;
    if (due) {
      unsynced_ = false;
      folded = now;
      lock.unlock();
      done = fold();
      lock.lock();
    } else if (std::exchange(unsynced_, false)) {
      // add() does not wait for the disk. While folding_ is held no journal goes.
      lock.unlock();
      {
        const std::lock_guard one(folding_);
        lock.lock();
        const Journal* const journal = journal_.get();
        lock.unlock();
        done = journal->sync();
      }
      lock.lock();
    }
    if (!done && !failing) {
      telemetry::error("usage is not on disk yet", {{"why", done.error().message}});
    }
    failing = !done;
    if (failing) unsynced_ = true;
  }
}

// --- reading ------------------------------------------------------------------------------------

Result<Usage> Ledger::usage(const UsageQuery& query) {
  const std::int64_t from = query.from ? TRY(day_of(*query.from)) : 0;
  const std::int64_t to = query.to ? TRY(day_of(*query.to)) : 1'000'000;
  TRY(fold());
  Usage usage;
  std::string where = "day>=? AND day<=?";
  std::vector<store::Value> arguments{from, to};
  for (const auto& [column, value] :
       {std::pair{"key", query.key}, {"model", query.model}, {"provider", query.provider}}) {
    if (!value) continue;
    where += fmt::format(" AND {}=?", column);
    arguments.emplace_back(*value);
  }
  TRY(database_->read([&](store::Connection& db) {
    return db.query(
        "SELECT * FROM usage WHERE " + where + " ORDER BY day DESC, key, model, provider",
        arguments, [&](const store::Row& found) {
          UsageRow row = row_of(found);
          add_to(usage.total, row);
          usage.more = usage.rows.size() >= options_.rows_max;
          if (!usage.more) usage.rows.push_back(std::move(row));
        });
  }));
  return usage;
}

Result<std::map<std::string, Ledger::Spent>> Ledger::spent(std::int64_t day, std::int64_t month) {
  TRY(fold());
  std::map<std::string, Spent> spent;
  TRY(database_->read([&](store::Connection& db) {
    return db.query(
        "SELECT key, sum(iif(day>=?1, prompt+completion, 0)), sum(iif(day>=?1, cost, 0)),"
        " sum(prompt+completion), sum(cost) FROM usage WHERE day>=?2 GROUP BY key",
        {day, month}, [&](const store::Row& row) {
          spent[std::string(row.text(0))] = {row.integer(1), row.real(2), row.integer(3),
                                             row.real(4)};
        });
  }));
  return spent;
}

}  // namespace llm
