#include "tuning/learner.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/ids.h"

namespace tuning {
namespace {

using contracts::Hints;
using contracts::Outcome;
using contracts::OutcomesReply;

constexpr std::int64_t kPageLines = 100;
constexpr std::size_t kReportRows = 512;

// Whether the texts of two are the same, in the same order; weights aside.
bool same_texts(const Hints& a, const Hints& b) {
  const auto same_list = [](const contracts::RetryHints& x, const contracts::RetryHints& y) {
    return x.code == y.code &&
           std::equal(x.hints.begin(), x.hints.end(), y.hints.begin(), y.hints.end(),
                      [](const auto& p, const auto& q) { return p.id == q.id; });
  };
  return a.guidance == b.guidance &&
         std::equal(a.retry.begin(), a.retry.end(), b.retry.begin(), b.retry.end(), same_list);
}

// What went wrong with a character's drafts, and what helped.
void add_drafts(Totals& totals, contracts::CharacterReport& report) {
  for (const auto& [code, drafts] : totals.findings[report.character]) {
    report.findings.push_back({code, drafts});
  }
  for (const auto& [id, tally] : totals.hints[report.character]) {
    report.hints.push_back({id, tally.used, tally.helped});
  }
  std::stable_sort(report.findings.begin(), report.findings.end(),
                   [](const auto& a, const auto& b) { return a.drafts > b.drafts; });
  std::stable_sort(report.hints.begin(), report.hints.end(), [](const auto& a, const auto& b) {
    return a.helped * b.used > b.helped * a.used;
  });
}

void add_row(const Totals::Row& row, contracts::VariantReport& report) {
  const Interval interval = interval_of(row.tally.passes);
  report.turns = row.tally.turns;
  report.pass_rate = row.tally.passes.rate();
  report.pass_low = interval.low;
  report.pass_high = interval.high;
  report.reward_rate = row.tally.rewards.rate();
  report.mean_score = row.tally.score_sum / static_cast<double>(row.tally.turns);
  report.degraded_share = row.tally.degraded.rate();
  report.median_ms = row.median_ms;
  report.thumbs_up = row.tally.ups;
  report.thumbs_down = row.tally.downs;
}

}  // namespace

Result<Learner::Options> Learner::options_of(const Config& config, std::string path) {
  Options options;
  options.path = std::move(path);
  options.variants = config.variants;
  options.hints = default_hints();
  if (config.variants.empty()) return Error(Code::InvalidArgument, "variants: there must be one");
  std::set<std::string> ids;
  for (const VariantSetting& variant : config.variants) {
    if (!valid_id(variant.id)) {
      return Error(Code::InvalidArgument,
                   "variants: an id has letters, digits, '_', '-', '.' and ':'");
    }
    if (!ids.insert(variant.id).second) {
      return Error(Code::InvalidArgument, fmt::format("variants: two are named {}", variant.id));
    }
  }
  for (const auto& [name, texts] : config.retry_hints) {
    const auto code = code_named(name);
    if (!code) {
      return Error(Code::InvalidArgument, fmt::format("retry_hints: there is no fault {}", name));
    }
    options.hints[*code] = texts;
  }
  options.rotation.weights = config.weights;
  options.slow_ratio = config.slow_ratio;
  options.retention_days = config.retention_days;
  options.characters_max = static_cast<std::size_t>(config.characters_max);
  options.opinions_waiting_max = config.opinions_waiting_max;
  return options;
}

Result<std::unique_ptr<Learner>> Learner::open(Options options, const Clock& clock) {
  store::Database::Options where;
  where.path = options.path;
  where.grade = store::Grade::CrashSafe;
  where.migrations = migrations();
  std::unique_ptr<Learner> learner(new Learner(std::move(options), clock));
  learner->database_ = TRY(store::Database::open(std::move(where)));
  TRY(learner->database_->write([&](store::Connection& db) { return learner->load(db); }));
  return learner;
}

Learner::Learner(Options options, const Clock& clock)
    : options_(std::move(options)), clock_(clock) {}

std::optional<std::size_t> Learner::index_of(std::string_view variant) const {
  for (std::size_t i = 0; i < options_.variants.size(); ++i) {
    if (options_.variants[i].id == variant) return i;
  }
  return std::nullopt;
}

Learner::Character* Learner::character_of(const std::string& name) {
  const auto found = characters_.find(name);
  if (found != characters_.end()) return &found->second;
  if (characters_.size() >= options_.characters_max) return nullptr;
  Character& character = characters_.emplace(name, Character(options_)).first->second;
  character.published = hints_of(character, generation_);
  return &character;
}

Hints Learner::hints_of(const Character& character, std::int64_t generation) const {
  Hints hints;
  hints.generation = generation;
  for (std::size_t i = 0; i < options_.variants.size(); ++i) {
    const VariantSetting& setting = options_.variants[i];
    hints.variants.push_back({setting.id, setting.text, setting.temperature, setting.top_p,
                              character.rotation.weights()[i]});
  }
  hints.retry = ordered(options_.hints, hint_tallies_);
  hints.guidance = guidance(character.findings);
  return hints;
}

bool Learner::refresh(Character& character, std::int64_t generation) const {
  const bool moved = character.rotation.refresh();
  Hints now = hints_of(character, generation);
  if (!moved && same_texts(now, character.published)) return false;
  character.published = std::move(now);
  return true;
}

Hints Learner::hints(const std::string& character) const {
  const std::lock_guard lock(mutex_);
  const auto found = characters_.find(character);
  Hints hints = found == characters_.end() ? fresh_ : found->second.published;
  hints.generation = generation_;
  return hints;
}

Result<void> Learner::ensure_loaded(store::Connection& db) {
  if (!stale_) return {};
  TRY(load(db));
  stale_ = false;
  return {};
}

Result<void> Learner::load(store::Connection& db) {
  const Totals totals = TRY(load_totals(db, "", 0, options_.characters_max * 64));
  const std::int64_t waiting = TRY(count_waiting(db));
  // Another configuration gives other weights, and so does a memory that was ahead of the disk.
  const std::int64_t generation = std::max(TRY(load_generation(db)), this->generation()) + 1;
  TRY(save_generation(db, generation));
  const std::lock_guard lock(mutex_);
  generation_ = generation;
  opinions_waiting_ = waiting;
  characters_.clear();
  hint_tallies_.clear();
  std::map<std::string, std::vector<Tally>> tallies;
  for (const auto& row : totals.variants) {
    auto& list = tallies[row.character];
    list.resize(options_.variants.size());
    if (const auto index = index_of(row.variant)) list[*index] = row.tally;
  }
  for (const auto& [name, hints] : totals.hints) {
    for (const auto& [id, tally] : hints) {
      if (!knows_hint(id)) continue;
      hint_tallies_[id].used += tally.used;
      hint_tallies_[id].helped += tally.helped;
    }
  }
  fresh_ = hints_of(Character(options_), generation_);
  // Of some there may be nothing but silences.
  for (const auto& [name, codes] : totals.findings) tallies[name].resize(options_.variants.size());
  for (auto& [name, list] : tallies) {
    Character* character = character_of(name);
    if (character == nullptr) break;
    character->rotation.set(std::move(list));
    const auto findings = totals.findings.find(name);
    if (findings != totals.findings.end()) character->findings = findings->second;
    refresh(*character, generation_);
  }
  return {};
}

std::optional<bool> Learner::compare_time(const Outcome& outcome) {
  const auto index = index_of(outcome.variant.value_or(""));
  if (!index || outcome.status != contracts::TurnStatus::Said) return std::nullopt;
  const auto known = baseline_ms_.find(outcome.character);
  if (known == baseline_ms_.end() && baseline_ms_.size() >= options_.characters_max) {
    return std::nullopt;
  }
  auto& times = baseline_ms_[outcome.character];
  if (*index == 0) {
    for (std::size_t i = 1; i < options_.variants.size(); ++i) times[i] = outcome.ms;
    return std::nullopt;
  }
  const auto time = times.extract(*index);
  if (time.empty()) return std::nullopt;
  return outcome.ms > time.mapped() * options_.slow_ratio;
}

void Learner::learn(const Stored& stored) {
  opinions_waiting_ -= stored.opinions;
  for (const HintUse& use : stored.uses) {
    if (!knows_hint(use.hint)) continue;
    HintTally& tally = hint_tallies_[use.hint];
    ++tally.used;
    tally.helped += use.helped ? 1 : 0;
  }
  // Of a turn that was not said the faults of its drafts are learned.
  if (!stored.learned && stored.findings.empty()) return;
  Character* character = character_of(stored.character);
  if (character == nullptr) return;
  for (const auto& [code, drafts] : stored.findings) character->findings[code] += drafts;
  const auto index = stored.learned ? index_of(stored.learned->variant) : std::nullopt;
  if (index) {
    character->rotation.add(*index, stored.learned->lesson);
  } else {
    character->rotation.note();
  }
}

bool Learner::knows_hint(std::string_view id) const {
  const auto code = code_of_hint(id);
  const auto found = code ? options_.hints.find(*code) : options_.hints.end();
  return found != options_.hints.end() &&
         std::any_of(found->second.begin(), found->second.end(),
                     [&](const std::string& text) { return hint_id(*code, text) == id; });
}

Result<void> Learner::publish_changes(store::Connection& db,
                                      const std::vector<std::string>& characters) {
  std::int64_t generation = 0;
  {
    const std::lock_guard lock(mutex_);
    for (const std::string& name : characters) {
      const auto found = characters_.find(name);
      if (found == characters_.end() || !found->second.rotation.due()) continue;
      if (refresh(found->second, generation_ + 1)) generation = generation_ + 1;
    }
    if (generation == 0) return {};
    generation_ = generation;
    fresh_.retry = ordered(options_.hints, hint_tallies_);
  }
  return save_generation(db, generation);
}

Result<void> Learner::take_batch(store::Connection& db, const std::vector<Outcome>& outcomes,
                                 OutcomesReply& reply, bool& learned) {
  TRY(ensure_loaded(db));
  const std::int64_t now_ms = clock_.wall_ms();
  std::vector<Stored> all;
  std::vector<std::string> characters;
  for (Outcome outcome : outcomes) {
    // Of a clock that runs ahead, or that was not asked.
    if (outcome.at_ms <= 0 || outcome.at_ms > now_ms) outcome.at_ms = now_ms;
    // A repeat must not use up the time that the next turn is compared with.
    const bool known = TRY(holds(db, outcome.turn_id));
    all.push_back(TRY(insert(db, outcome, known ? std::nullopt : compare_time(outcome))));
    ++(all.back().repeated ? reply.repeated : reply.accepted);
    characters.push_back(outcome.character);
  }
  learned = true;
  {
    const std::lock_guard lock(mutex_);
    for (const Stored& stored : all) learn(stored);
  }
  std::sort(characters.begin(), characters.end());
  characters.erase(std::unique(characters.begin(), characters.end()), characters.end());
  TRY(publish_changes(db, characters));
  reply.generation = generation();
  return {};
}

Result<OutcomesReply> Learner::take(const std::vector<Outcome>& outcomes) {
  OutcomesReply reply;
  bool learned = false;
  const auto written = database_->write(
      [&](store::Connection& db) { return take_batch(db, outcomes, reply, learned); });
  if (!written) {
    // Only what was learned and then not committed has to be read anew.
    if (learned) stale_ = true;
    return written.error();
  }
  return reply;
}

Result<void> Learner::take_opinion(store::Connection& db, const contracts::FeedbackRequest& request,
                                   contracts::FeedbackReply& reply, bool& learned) {
  TRY(ensure_loaded(db));
  const std::int64_t surplus = [&] {
    const std::lock_guard lock(mutex_);
    return opinions_waiting_ + 1 - options_.opinions_waiting_max;
  }();
  const Judged judged = TRY(judge(db, request, clock_.wall_ms(), surplus));
  reply = {judged.changed, judged.known};
  if (!judged.changed) return {};
  learned = true;
  {
    const std::lock_guard lock(mutex_);
    opinions_waiting_ += judged.waiting;
    if (!judged.before) return {};
    Character* character = character_of(judged.before->character);
    const auto index = index_of(judged.before->variant);
    if (character == nullptr || !index) return {};
    character->rotation.add(*index, judged.before->lesson, -1);
    character->rotation.add(*index, judged.after->lesson);
  }
  return publish_changes(db, {judged.before->character});
}

Result<contracts::FeedbackReply> Learner::feedback(const contracts::FeedbackRequest& request) {
  contracts::FeedbackReply reply;
  bool learned = false;
  const auto written = database_->write(
      [&](store::Connection& db) { return take_opinion(db, request, reply, learned); });
  if (!written) {
    if (learned) stale_ = true;
    return written.error();
  }
  return reply;
}

Result<std::int64_t> Learner::forget(std::int64_t batch) {
  std::int64_t gone = 0;
  std::int64_t deleted = 0;
  const auto work = [&](store::Connection& db) -> Result<void> {
    const std::int64_t wall_ms = clock_.wall_ms();
    const std::int64_t now_ms = std::min(wall_ms, TRY(newest_ms(db)));
    deleted = TRY(forget_before(db, now_ms - options_.retention_days * kDayMs, batch));
    // A turn's outcome comes within minutes or, after a long fault, hours.
    deleted += TRY(forget_waiting(db, wall_ms - kDayMs, batch));
    return {};
  };
  do {
    TRY(database_->write(work));
    gone += deleted;
  } while (deleted >= batch);
  if (gone > 0) {
    TRY(database_->write([&](store::Connection& db) { return load(db); }));
  }
  return gone;
}

Result<contracts::ForgottenOutcomes> Learner::forget_turns(
    const std::vector<std::string>& turn_ids) {
  contracts::ForgottenOutcomes reply;
  const auto work = [&](store::Connection& db) -> Result<void> {
    for (const std::string& id : turn_ids) reply.outcomes += TRY(forget_turn(db, id)) ? 1 : 0;
    const std::int64_t waiting = TRY(count_waiting(db));
    const std::lock_guard lock(mutex_);
    opinions_waiting_ = waiting;
    return {};
  };
  if (const auto written = database_->write(work); !written) {
    stale_ = true;  // the count may be ahead of the disk
    return written.error();
  }
  return reply;
}

std::int64_t Learner::since(std::optional<int> days) const {
  return days ? clock_.wall_ms() - *days * kDayMs : 0;
}

Result<void> Learner::each_chosen(const contracts::ExportRequest& request, const Page& page) const {
  const ExportFilter filter{request.character.value_or(""), request.min_score, since(request.days)};
  std::int64_t after = 0;
  if (request.after) {
    const auto find = [&](store::Connection& db) -> Result<void> {
      after = TRY(seq_of(db, *request.after));
      return {};
    };
    TRY(database_->read(find));
  }
  std::int64_t left = request.limit;
  while (left > 0) {
    const std::int64_t wanted = std::min(left, kPageLines);
    std::vector<ExportedRow> rows;
    const auto read = [&](store::Connection& db) -> Result<void> {
      rows = TRY(load_export(db, filter, after, wanted));
      return {};
    };
    TRY(database_->read(read));
    const auto got = static_cast<std::int64_t>(rows.size());
    if (!page(rows) || got < wanted) return {};
    after = rows.back().seq;
    left -= got;
  }
  return {};
}

contracts::CharacterReport Learner::report_of(const std::string& name, const Totals& totals) const {
  contracts::CharacterReport report;
  report.character = name;
  const auto known = characters_.find(name);
  const Character fresh(options_);
  const Rotation& rotation = (known == characters_.end() ? fresh : known->second).rotation;
  for (std::size_t i = 0; i < options_.variants.size(); ++i) {
    contracts::VariantReport variant;
    variant.variant = options_.variants[i].id;
    variant.weight = rotation.weights()[i];
    variant.guards = rotation.guards(i);
    variant.verdict = rotation.verdict(i);
    variant.evidence = rotation.evidence(i);
    report.variants.push_back(std::move(variant));
  }
  for (const auto& row : totals.variants) {
    if (row.character != name) continue;
    const auto index = index_of(row.variant);
    if (!index) {
      report.variants.emplace_back();
      report.variants.back().variant = row.variant;
      report.variants.back().configured = false;
    }
    add_row(row, index ? report.variants[*index] : report.variants.back());
    report.turns += row.tally.turns;
  }
  return report;
}

Result<contracts::TuningReport> Learner::report(const contracts::ReportRequest& request) const {
  Totals totals;
  const auto read = [&](store::Connection& db) -> Result<void> {
    const std::string character = request.character.value_or("");
    totals = TRY(load_totals(db, character, since(request.days), kReportRows));
    return load_medians(db, character, since(request.days), totals);
  };
  TRY(database_->read(read));
  std::set<std::string> names;
  for (const auto& row : totals.variants) names.insert(row.character);
  if (request.character) names.insert(*request.character);
  contracts::TuningReport report;
  const std::lock_guard lock(mutex_);
  report.generation = generation_;
  for (const std::string& name : names) {
    report.characters.push_back(report_of(name, totals));
    add_drafts(totals, report.characters.back());
  }
  return report;
}

std::int64_t Learner::generation() const {
  const std::lock_guard lock(mutex_);
  return generation_;
}

std::size_t Learner::guarded() const {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const auto& [name, character] : characters_) {
    for (std::size_t i = 0; i < options_.variants.size(); ++i) {
      count += character.rotation.guards(i).empty() ? 0 : 1;
    }
  }
  return count;
}

}  // namespace tuning
