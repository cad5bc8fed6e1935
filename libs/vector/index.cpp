#include "vector/index.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <functional>
#include <thread>
#include <utility>

namespace vector {
namespace {

constexpr std::size_t kTogether = 8;        // queries that share a scan
constexpr std::uint64_t kAuditEvery = 128;  // walks: fewer than one in a hundred waits for one
constexpr std::uint64_t kAuditsFirst = 64;
constexpr double kWideningMax = 8;
constexpr std::size_t kOutlookEvery = 64;  // changes
constexpr std::chrono::seconds kScrubEvery{1};
// How long a change waits for searches before it is refused.
constexpr std::chrono::seconds kSearchesEnd{1};
constexpr float kRounding = 1e-6F;  // of a score, by the order of its sum

// The originals that a profile keeps, and the codes.
Rows::Options rows_options(const IndexOptions& options) {
  Rows::Options rows;
  rows.dimension = options.dimension;
  rows.metric = options.metric;
  rows.spare = spare_slots(options.rows_max);
  rows.rows_max = options.rows_max + rows.spare;
  rows.centre = options.centre;
  switch (options.profile) {
    case Profile::Exact:
      rows.originals = Rows::Originals::F32;
      break;
    case Profile::Fast:
      // Within a unit vector f16 is eight times finer, beyond it bf16 has the range.
      rows.originals =
          options.metric == Metric::Cosine ? Rows::Originals::F16 : Rows::Originals::Bf16;
      break;
    case Profile::Compact:
      rows.originals = Rows::Originals::None;
      rows.u4 = rows.b1 = false;
      break;
  }
  return rows;
}

// Rounded by its profile, a vector may be longer than insert() takes.
void shorten(std::vector<float>& vector) {
  double squared = 0;
  for (const float x : vector) squared += static_cast<double>(x) * static_cast<double>(x);
  if (squared <= Coder::kSquaredMax) return;
  const double scale = std::sqrt(Coder::kSquaredMax / squared) * (1 - 1e-6);
  for (float& x : vector) x = static_cast<float>(static_cast<double>(x) * scale);
}

}  // namespace

// A scratch for one search, put back for the next of this thread.
class Index::Lease {
 public:
  Lease(const Index& index, std::unique_ptr<Scratch> scratch)
      : index_(&index), scratch_(std::move(scratch)) {}
  Lease(Lease&&) = default;
  Lease& operator=(Lease&&) = delete;
  ~Lease() {
    for (std::size_t i = 0; scratch_ != nullptr && i < index_->scratches_.size(); ++i) {
      auto& place = index_->scratches_[(home() + i) % index_->scratches_.size()];
      Scratch* none = nullptr;
      if (place.load(std::memory_order_relaxed) == nullptr &&
          place.compare_exchange_strong(none, scratch_.get(), std::memory_order_release,
                                        std::memory_order_relaxed)) {
        scratch_.release();
      }
    }
  }

  Scratch& operator*() const { return *scratch_; }
  Scratch* operator->() const { return scratch_.get(); }

  static std::size_t home() {
    static thread_local const std::size_t kHome =
        std::hash<std::thread::id>{}(std::this_thread::get_id());
    return kHome;
  }

 private:
  const Index* index_;
  std::unique_ptr<Scratch> scratch_;
};

Result<Index::Lease> Index::lease() const {
  for (std::size_t i = 0; i < scratches_.size(); ++i) {
    auto& place = scratches_[(Lease::home() + i) % scratches_.size()];
    if (place.load(std::memory_order_relaxed) == nullptr) continue;
    if (Scratch* found = place.exchange(nullptr, std::memory_order_acquire)) {
      return Lease(*this, std::unique_ptr<Scratch>(found));
    }
  }
  GraphScratch graph = TRY(GraphScratch::create(rows_->options().rows_max));
  return Lease(*this, std::make_unique<Scratch>(*rows_, std::move(graph)));
}

void Index::SharedOutlook::store(const GraphOutlook& outlook) {
  for (std::size_t i = 0; i < recall.size(); ++i) {
    recall[i].store(outlook.recall[i], std::memory_order_relaxed);
    scored[i].store(outlook.scored[i], std::memory_order_relaxed);
  }
  for (std::size_t i = 0; i < codes.size(); ++i) {
    codes[i].store(outlook.codes[i], std::memory_order_relaxed);
  }
  samples.store(outlook.samples, std::memory_order_relaxed);
}

GraphOutlook Index::SharedOutlook::load() const {
  GraphOutlook outlook;
  for (std::size_t i = 0; i < recall.size(); ++i) {
    outlook.recall[i] = recall[i].load(std::memory_order_relaxed);
    outlook.scored[i] = scored[i].load(std::memory_order_relaxed);
  }
  for (std::size_t i = 0; i < codes.size(); ++i) {
    outlook.codes[i] = codes[i].load(std::memory_order_relaxed);
  }
  outlook.samples = samples.load(std::memory_order_relaxed);
  return outlook;
}

Result<std::unique_ptr<Index>> Index::create(const IndexOptions& options) {
  Loaded parts;
  parts.rows = TRY(Rows::create(rows_options(options)));
  Graph graph = TRY(Graph::create(*parts.rows));
  parts.graph = std::make_unique<Graph>(std::move(graph));
  return std::unique_ptr<Index>(new Index(std::move(parts)));
}

Result<std::unique_ptr<Index>> Index::open(const std::string& path, Tending tending) {
  Loaded parts = TRY(load(path));
  const GraphOutlook outlook = parts.facts.outlook;
  std::unique_ptr<Index> index(new Index(std::move(parts)));
  index->outlook_.store(outlook);
  index->opening_.store(true, std::memory_order_relaxed);
  if (tending == Tending::Thread) {
    index->tending_ =
        std::jthread([&tended = *index](const std::stop_token& stop) { tended.tend_on(stop); });
  }
  return index;
}

Index::Index(Loaded parts)
    : rows_(std::move(parts.rows)),
      graph_(std::move(parts.graph)),
      backing_(std::move(parts.backing)),
      ids_(*rows_) {
  note_bytes();
}

Index::~Index() {
  tending_ = {};
  for (auto& place : scratches_) delete place.load(std::memory_order_acquire);
}

// An opened index has its map made when it is first asked for an id: searches need none.
const IdMap& Index::ids() const {
  std::call_once(ids_made_, [this] {
    const std::size_t slots = rows_->slots();
    ids_.reserve(rows_->live());
    for (std::uint32_t slot = 0; slot < slots; ++slot) {
      if (rows_->is_live(slot)) ids_.put(slot);
    }
  });
  return ids_;
}

IdMap& Index::changing_ids() {
  ids();
  return ids_;
}

bool Index::contains(std::uint64_t id) const {
  const Snapshot snapshot = rows_->snapshot();
  return ids().find(id).has_value();
}

// --- Searching.

Result<void> Index::check_request(const SearchOptions& options, std::size_t k) const {
  if (k < 1 || k > kMatchesMax) {
    return Error(Code::InvalidArgument,
                 fmt::format("a search gives 1 to {} matches, not {}", kMatchesMax, k));
  }
  if (!(options.recall > 0 && options.recall <= 1)) {
    return Error(Code::InvalidArgument,
                 fmt::format("recall is above 0 and at most 1, not {}", options.recall));
  }
  return {};
}

Result<std::size_t> Index::search(std::span<const float> vector, const SearchOptions& options,
                                  std::span<Match> matches) const {
  TRY(check_request(options, matches.size()));
  const Lease scratch = TRY(lease());
  TRY(scratch->query.set(rows_->coder(), vector));
  const Snapshot snapshot = rows_->snapshot();
  const std::span<const Hit> hits = TRY(find(*scratch, snapshot, options, matches.size()));
  std::transform(hits.begin(), hits.end(), matches.begin(), [&](const Hit& hit) {
    return Match{rows_->id(hit.slot), hit.score};
  });
  return hits.size();
}

// A publication takes one row away at most, so a count stands until many have followed it.
std::size_t Index::left(const Filter& filter, const Snapshot& snapshot) const {
  Filter::Left& left = filter.left_;
  const std::size_t counted = left.size.load(std::memory_order_relaxed);
  const std::uint64_t at = left.sequence.load(std::memory_order_relaxed);
  if (counted == 0 || snapshot.sequence <= at + counted / 8) return counted;
  std::size_t count = 0;
  for (std::size_t word = 0; word < filter.slots_.words().size(); ++word) {
    std::uint64_t set = filter.slots_.word(word);
    if (set != 0) set &= rows_->visible_word(word, snapshot);
    for (; set != 0; set &= set - 1) {
      const auto slot =
          static_cast<std::uint32_t>(64 * word) + static_cast<std::uint32_t>(std::countr_zero(set));
      if (rows_->born(slot) <= filter.sequence_) ++count;
    }
  }
  left.set(count, snapshot.sequence);
  return count;
}

Facts Index::facts(std::size_t k, const SearchOptions& options, const Snapshot& snapshot) const {
  Facts facts;
  facts.dimension = dimension();
  facts.rows = rows_->live();
  facts.matches = options.filter == nullptr ? facts.rows
                                            : std::min(facts.rows, left(*options.filter, snapshot));
  facts.k = k;
  facts.recall = options.recall;
  facts.u4 = rows_->options().u4;
  facts.b1 = rows_->options().b1;
  facts.outlook = outlook_.load();
  facts.widening = widening_.load(std::memory_order_relaxed);
  return facts;
}

Result<std::span<const Hit>> Index::find(Scratch& scratch, const Snapshot& snapshot,
                                         const SearchOptions& options, std::size_t k) const {
  const Facts facts = this->facts(k, options, snapshot);
  const Plan plan = plan_search(facts);
  const Filter* const filter = options.filter;
  const std::size_t enough =
      std::min({k, facts.rows, filter == nullptr ? facts.rows : filter->size_});
  if (filter == nullptr) return look(scratch, snapshot, plan, nullptr, options.recall, k, enough);
  const Bitmap& slots = scratch.fresh_serial == filter->serial_ ? scratch.fresh : filter->slots_;
  const std::span<const Hit> hits =
      TRY(look(scratch, snapshot, plan, &slots, options.recall, k, enough));
  // A slot that was given to another row since the filter was made is not of the filter.
  if (reused_.load(std::memory_order_relaxed) <= filter->sequence_) return hits;
  const auto is_new = [&](const Hit& hit) { return rows_->born(hit.slot) > filter->sequence_; };
  if (std::none_of(hits.begin(), hits.end(), is_new)) return hits;
  freshen(scratch, *filter);
  return look(scratch, snapshot, plan, &scratch.fresh, options.recall, k, enough);
}

// Finds by the plan, and by a scan when the walk found fewer than there are.
Result<std::span<const Hit>> Index::look(Scratch& scratch, const Snapshot& snapshot,
                                         const Plan& plan, const Bitmap* filter, double recall,
                                         std::size_t k, std::size_t enough) const {
  if (!plan.walk) return scan(scratch, snapshot, plan.scan, filter, k);
  if (backing_ != nullptr) TRY(backing_->verify_walk());
  scratch.hits.resize(k);
  const std::size_t found =
      graph_->search(scratch.graph, scratch.query, snapshot, filter, plan.effort, scratch.hits);
  if (backing_ != nullptr) TRY(backing_->verify_rows(scratch.graph.rescored()));
  if (found >= enough) {
    const std::span<const Hit> hits = std::span<const Hit>(scratch.hits).first(found);
    audit(scratch, snapshot, plan, filter, recall, hits);
    return hits;
  }
  scanned_after_.fetch_add(1, std::memory_order_relaxed);
  return scan(scratch, snapshot, plan.scan, filter, k);
}

// The outlook is of rows, and queries may lie where no rows are. So now and then a walk is compared
// with a scan, and what it had missed widens or narrows all later ones until they miss on average
// what their callers allow. That costs a fiftieth of the time of the walks, an eighth at the
// beginning.
void Index::audit(Scratch& scratch, const Snapshot& snapshot, const Plan& plan,
                  const Bitmap* filter, double recall, std::span<const Hit> hits) const {
  constexpr double kGain = 0.06;
  constexpr double kExcessMax = 8;
  const std::uint64_t walks = by_walk_.fetch_add(1, std::memory_order_relaxed) + 1;
  const auto period =
      std::max(kAuditEvery, static_cast<std::uint64_t>(50 * plan.scan_ns / plan.cost_ns));
  const bool first = walks < period * kAuditsFirst / 8;
  if (walks % (first ? period / 8 : period) != 0 || opening_.load(std::memory_order_relaxed))
    return;
  const std::span<const Hit> exact =
      scratch.flat.search(scratch.query, hits.size(), snapshot, plan.scan, filter);
  if (exact.empty()) return;
  // By scores: which of equal rows are found is free.
  const float least = exact.back().score - kRounding * std::abs(exact.back().score);
  const auto found =
      std::count_if(hits.begin(), hits.end(), [&](const Hit& hit) { return hit.score >= least; });
  const auto missed = std::max<std::ptrdiff_t>(std::ssize(exact) - found, 0);
  const double allowed = static_cast<double>(hits.size()) * std::max(1 - recall, 0.001);
  const double excess = std::min(static_cast<double>(missed) / allowed, kExcessMax) - 1;
  const double before = widening_.load(std::memory_order_relaxed);
  widening_.store(std::clamp(before * std::exp(kGain * excess), 1.0, kWideningMax),
                  std::memory_order_relaxed);
}

Result<std::span<const Hit>> Index::scan(Scratch& scratch, const Snapshot& snapshot, Scan how,
                                         const Bitmap* filter, std::size_t k) const {
  by_scan_.fetch_add(1, std::memory_order_relaxed);
  if (backing_ != nullptr) {
    // A scan of bits reads whole blocks of them.
    const bool whole = filter == nullptr || how == Scan::B1;
    TRY(whole ? backing_->verify_all() : backing_->verify_rows(*filter));
  }
  return scratch.flat.search(scratch.query, k, snapshot, how, filter);
}

// Once a stale slot was found, for all searches of this scratch by the same filter until another
// is: slots only ever leave a filter.
void Index::freshen(Scratch& scratch, const Filter& filter) const {
  if (scratch.fresh_serial != filter.serial_) scratch.fresh = filter.slots_;
  scratch.fresh_serial = filter.serial_;
  for (std::size_t word = 0; word < scratch.fresh.words().size(); ++word) {
    for (std::uint64_t set = scratch.fresh.word(word); set != 0; set &= set - 1) {
      const auto slot =
          static_cast<std::uint32_t>(64 * word) + static_cast<std::uint32_t>(std::countr_zero(set));
      if (rows_->born(slot) > filter.sequence_) scratch.fresh.clear(slot);
    }
  }
}

Result<void> Index::search_batch(std::span<const float> vectors, std::size_t k,
                                 const SearchOptions& options, std::span<Match> matches,
                                 std::span<std::size_t> found) const {
  TRY(check_request(options, k));
  const std::size_t count = found.size();
  if (count > kBatchMax || vectors.size() != count * dimension() || matches.size() < count * k) {
    return Error(Code::InvalidArgument,
                 fmt::format("{} floats and room for {} matches are no batch of {} queries",
                             vectors.size(), matches.size(), count));
  }
  const Plan plan = plan_search(facts(k, options, rows_->snapshot()));
  const bool sharing = !plan.walk && plan.scan == Scan::I8 && options.filter == nullptr;
  const std::size_t step = sharing ? kTogether : 1;
  for (std::size_t i = 0; i < count; i += step) {
    const std::size_t here = std::min(step, count - i);
    const auto queries = vectors.subspan(i * dimension(), here * dimension());
    if (here == 1) {
      found[i] = TRY(search(queries, options, matches.subspan(i * k, k)));
    } else {
      TRY(search_together(queries, k, matches.subspan(i * k), found.subspan(i, here)));
    }
  }
  return {};
}

Result<void> Index::search_together(std::span<const float> vectors, std::size_t k,
                                    std::span<Match> matches, std::span<std::size_t> found) const {
  const Lease scratch = TRY(lease());
  scratch->together.resize(kTogether);
  const std::span<Query> queries = std::span(scratch->together).first(found.size());
  for (std::size_t i = 0; i < queries.size(); ++i) {
    TRY(queries[i].set(rows_->coder(), vectors.subspan(i * dimension(), dimension())));
  }
  const Snapshot snapshot = rows_->snapshot();
  if (backing_ != nullptr) TRY(backing_->verify_all());
  scratch->flat.search_batch(queries, k, snapshot);
  by_scan_.fetch_add(queries.size(), std::memory_order_relaxed);
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const std::vector<Hit>& hits = scratch->flat.hits()[i];
    found[i] = hits.size();
    for (std::size_t j = 0; j < hits.size(); ++j) {
      matches[i * k + j] = {rows_->id(hits[j].slot), hits[j].score};
    }
  }
  return {};
}

Filter Index::filter(std::span<const std::uint64_t> ids) const {
  const Snapshot before = rows_->snapshot();  // keeps the slots that are found
  Filter filter;
  const std::size_t slots = rows_->slots();
  filter.slots_ = Bitmap(slots);
  for (const std::uint64_t id : ids) {
    const auto slot = this->ids().find(id);
    if (slot && *slot < slots) filter.slots_.set(*slot);
  }
  filter.size_ = filter.slots_.count();
  filter.sequence_ = rows_->snapshot().sequence;
  filter.serial_ = filters_.fetch_add(1, std::memory_order_relaxed) + 1;
  filter.left_.set(filter.size_, filter.sequence_);
  return filter;
}

Result<std::vector<float>> Index::vector(std::uint64_t id) const {
  const Snapshot snapshot = rows_->snapshot();
  const auto slot = ids().find(id);
  if (!slot) return Error(Code::NotFound, fmt::format("the index has no row {}", id));
  if (backing_ != nullptr) TRY(backing_->verify_rows({&*slot, 1}));
  std::vector<float> out(dimension());
  rows_->vector(*slot, out.data());
  return out;
}

// --- Changing.

// What is changed is kept apart from the file, so it must have been right.
Result<void> Index::ready_to_change() {
  if (backing_ != nullptr) TRY(backing_->verify_all());
  return {};
}

Result<std::uint32_t> Index::put(std::uint64_t id, std::span<const float> vector) {
  const std::size_t slots = rows_->slots();
  Result<std::uint32_t> slot = rows_->insert(id, vector);
  const auto full = [&] { return !slot && slot.error().code == Code::Overloaded; };
  if (full() && graph_->pending() > 0) {
    repair();
    slot = rows_->insert(id, vector);
  }
  // Slots that were given back wait for the searches that may know them, which end soon.
  const auto until = std::chrono::steady_clock::now() + kSearchesEnd;
  while (full() && std::chrono::steady_clock::now() < until) {
    std::this_thread::yield();
    slot = rows_->insert(id, vector);
  }
  if (!slot) return slot;
  // Before the row can be seen: who sees it knows that older filters may mean another.
  if (slot.value() < slots) {
    reused_.store(rows_->snapshot().sequence + 1, std::memory_order_relaxed);
  }
  graph_->insert(slot.value());
  if (++changes_ % kOutlookEvery == 0) note_outlook();
  return slot;
}

Result<void> Index::insert(std::uint64_t id, std::span<const float> vector) {
  return insert_batch({&id, 1}, vector);
}

Result<void> Index::insert_batch(std::span<const std::uint64_t> ids,
                                 std::span<const float> vectors) {
  if (vectors.size() != ids.size() * dimension()) {
    return Error(Code::InvalidArgument,
                 fmt::format("{} numbers are not {} vectors of {} dimensions", vectors.size(),
                             ids.size(), dimension()));
  }
  const std::scoped_lock lock(writing_);
  TRY(ready_to_change());
  TRY(check_new(ids));
  TRY(check_room(ids.size()));
  // All before the first is linked: what is refused leaves no trace.
  std::vector<float> accepted(f32_stride(dimension()));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    TRY(rows_->coder().accept(vectors.subspan(i * dimension(), dimension()), accepted.data()));
  }
  std::vector<std::uint32_t> slots;
  slots.reserve(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    Result<std::uint32_t> slot = put(ids[i], vectors.subspan(i * dimension(), dimension()));
    if (!slot) {
      // Never published: removed in the sequence that would have shown it.
      for (const std::uint32_t taken : slots) rows_->remove(taken);
      rows_->publish();
      for (const std::uint32_t taken : slots) graph_->remove(taken);
      if (graph_->repair_due()) repair();
      note_bytes();
      return std::move(slot).error();
    }
    slots.push_back(slot.value());
  }
  rows_->publish();
  for (const std::uint32_t slot : slots) changing_ids().put(slot);
  note_bytes();
  return {};
}

// Slots there are more: what is removed keeps its own for a while.
Result<void> Index::check_room(std::size_t more) const {
  const std::size_t rows_max = rows_->options().rows_max - rows_->options().spare;
  if (rows_->live() + more <= rows_max) return {};
  return Error(Code::Overloaded, fmt::format("all {} rows of the index are taken", rows_max));
}

Result<void> Index::check_new(std::span<const std::uint64_t> ids) const {
  std::vector<std::uint64_t> sorted(ids.begin(), ids.end());
  std::sort(sorted.begin(), sorted.end());
  auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice == sorted.end()) {
    twice = std::find_if(sorted.begin(), sorted.end(),
                         [&](std::uint64_t id) { return this->ids().find(id).has_value(); });
  }
  if (twice == sorted.end()) return {};
  return Error(Code::Conflict, fmt::format("the index has a row {} already", *twice));
}

Result<bool> Index::replace(std::uint64_t id, std::span<const float> vector) {
  const std::scoped_lock lock(writing_);
  TRY(ready_to_change());
  const auto old = changing_ids().find(id);
  if (!old) TRY(check_room(1));
  const std::uint32_t slot = TRY(put(id, vector));
  if (!old) {
    rows_->publish();
    changing_ids().put(slot);
    note_bytes();
    return false;
  }
  rows_->remove(*old);
  rows_->publish();
  changing_ids().move(*old, slot);
  forget(*old);
  note_bytes();
  return true;
}

Result<bool> Index::remove(std::uint64_t id) {
  const std::scoped_lock lock(writing_);
  TRY(ready_to_change());
  const auto slot = changing_ids().find(id);
  if (!slot) return false;
  rows_->remove(*slot);
  rows_->publish();
  changing_ids().erase(*slot);
  forget(*slot);
  return true;
}

void Index::forget(std::uint32_t slot) {
  graph_->remove(slot);
  if (graph_->repair_due()) repair();
}

void Index::repair() {
  const std::vector<std::uint32_t> unlinked = graph_->repair();
  rows_->release(unlinked);
}

void Index::note_outlook() { outlook_.store(graph_->outlook()); }

Result<void> Index::merge(const Index& other) {
  const Rows& from = *other.rows_;
  if (&other == this) return {};
  if (other.dimension() != dimension() || from.options().metric != rows_->options().metric) {
    return Error(Code::InvalidArgument,
                 fmt::format("an index of {} dimensions takes none of {}, nor of another metric",
                             dimension(), other.dimension()));
  }
  if (other.backing_ != nullptr) TRY(other.backing_->verify_all());
  std::vector<std::uint64_t> wanted;
  {
    const Snapshot snapshot = from.snapshot();
    const std::size_t slots = from.slots();
    for (std::uint32_t slot = 0; slot < slots; ++slot) {
      if (from.visible(slot, snapshot)) wanted.push_back(from.id(slot));
    }
  }
  // No snapshot over all of them: it would hold back what the other's writers take away.
  for (const std::uint64_t id : wanted) {
    Result<std::vector<float>> vector = other.vector(id);
    if (!vector && vector.error().code == Code::NotFound) continue;
    if (!vector) return std::move(vector).error();
    shorten(vector.value());
    TRY(replace(id, vector.value()));
  }
  return {};
}

// --- Keeping.

Result<void> Index::save(const std::string& path) {
  const std::scoped_lock one(saving_);
  std::unique_lock lock(writing_);
  TRY(ready_to_change());  // else a new checksum would make good what is damaged
  if (graph_->pending() > 0) repair();
  note_outlook();
  const auto writer = TRY(store(path, *rows_, *graph_, {outlook_.load()}));
  lock.unlock();
  return writer->finish();
}

Result<bool> Index::tend() {
  if (backing_ == nullptr) return false;
  const auto step = [&]() -> Result<bool> {
    if (!opening_.load(std::memory_order_relaxed)) {
      TRY(backing_->scrub());
      return false;
    }
    const std::scoped_lock lock(writing_);
    const bool more = TRY(backing_->tend());
    if (!more) opening_.store(false, std::memory_order_relaxed);
    return more;
  };
  Result<bool> more = step();
  if (!more) {
    const std::scoped_lock lock(noting_);
    damaged_ = more.error().message;
  }
  return more;
}

// Until a damaged page ends it: stats() says so, and the search that needs the page.
void Index::tend_on(const std::stop_token& stop) {
  const auto ahead = [&] {
    const std::scoped_lock lock(writing_);
    return backing_->verify_walk_ahead();
  };
  while (!stop.stop_requested() && ahead()) continue;
  ids();
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  for (Result<bool> more = true; more && !stop.stop_requested(); more = tend()) {
    if (!more.value()) stopped.wait_for(lock, stop, kScrubEvery, [] { return false; });
  }
}

// What is in use, in pages; and where a first chunk is full, it becomes a huge page.
void Index::note_bytes() {
  constexpr std::size_t kPage = 4096;
  std::size_t bytes = 0;
  const auto add = [&](const char*, auto& array, std::size_t elements) {
    const std::size_t used = elements * sizeof(*array.data());
    array.range().grown(used);
    bytes += (used + kPage - 1) / kPage * kPage;
  };
  rows_->for_each_array(add);
  graph_->for_each_array(add);
  // What is not stored: links counted at their ends, and when each 64 slots changed.
  bytes += rows_->slots() * sizeof(std::uint32_t) + rows_->slots() / 8;
  bytes_.store(bytes, std::memory_order_relaxed);
}

IndexStats Index::stats() const {
  IndexStats stats;
  stats.rows = rows_->live();
  stats.bytes = bytes_.load(std::memory_order_relaxed) + ids_.bytes();
  stats.bytes_per_row =
      stats.rows == 0 ? 0 : static_cast<double>(stats.bytes) / static_cast<double>(stats.rows);
  stats.tier = kernels().tier;
  {
    const std::scoped_lock lock(noting_);
    stats.damaged = damaged_;
  }
  stats.opening = stats.damaged.empty() && opening_.load(std::memory_order_relaxed);
  stats.walks = by_walk_.load(std::memory_order_relaxed);
  stats.scans = by_scan_.load(std::memory_order_relaxed);
  stats.scans_after_walks = scanned_after_.load(std::memory_order_relaxed);
  stats.outlook = outlook_.load();
  stats.widening = widening_.load(std::memory_order_relaxed);
  return stats;
}

}  // namespace vector
