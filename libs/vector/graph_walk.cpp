#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "vector/graph.h"

// The readers' part of the graph: what a search keeps in mind, the walk, the search.

namespace vector {
namespace {

constexpr std::uint64_t kFollowed = 1;
// Deviations by which a row's estimate may fall short of what it scores. One row in six falls
// short by more, of those that matter few: they score better than what they are compared with.
constexpr float kPromised = 1;

// Falls as the score rises, in the order of unsigned integers.
std::uint32_t complement(float score) {
  const auto bits = std::bit_cast<std::uint32_t>(score);
  return (bits >> 31) != 0 ? bits : ~(bits | 0x8000'0000);
}

float score_of(std::uint64_t key) {
  const auto high = static_cast<std::uint32_t>(key >> 32);
  return std::bit_cast<float>((high >> 31) != 0 ? high : ~high & 0x7FFF'FFFF);
}

[[gnu::always_inline]] inline void fetch_row(const std::uint32_t* row) {
  __builtin_prefetch(row);
  __builtin_prefetch(row + 16);
}

}  // namespace

// --- What a search needs.

Result<GraphScratch> GraphScratch::create(std::size_t rows_max) {
  GraphScratch scratch;
  scratch.seen_ = TRY(HugeArray<std::uint64_t>::reserve(rows_max / 64 + 1));
  scratch.log_.resize(kLogMax);
  scratch.pool_.resize(Graph::kBreadthMax + 1);
  scratch.slots_.resize(Graph::kBreadthMax);
  scratch.scores_.resize(Graph::kBreadthMax);
  scratch.hits_.resize(Graph::kBreadthMax);
  return scratch;
}

void GraphScratch::forget() {
  if (logged_ <= kLogMax) {
    for (std::size_t i = 0; i < logged_; ++i) seen_[log_[i] / 64] = 0;
  } else {
    std::memset(seen_.data(), 0, seen_.size() * sizeof(std::uint64_t));
  }
  logged_ = 0;
}

void GraphScratch::reset(std::size_t breadth) {
  forget();
  size_ = next_ = 0;
  breadth_ = std::clamp<std::size_t>(breadth, 1, Graph::kBreadthMax);
  threshold_ = -std::numeric_limits<float>::infinity();
}

inline std::size_t GraphScratch::unfollowed(std::size_t place) const {
  while (place < size_ && (pool_[place] & kFollowed) != 0) ++place;
  return place;
}

inline std::size_t GraphScratch::follow(std::size_t most, std::uint32_t* out) {
  next_ = unfollowed(next_);
  std::size_t count = 0;
  for (; count < most && next_ < size_; next_ = unfollowed(next_)) {
    out[count++] = slot(next_);
    pool_[next_] |= kFollowed;
  }
  return count;
}

inline void GraphScratch::put(float score, std::uint32_t slot) {
  const std::uint64_t key = std::uint64_t{complement(score)} << 32 | std::uint64_t{slot} << 1;
  std::uint64_t* pool = pool_.data();
  // Without a branch in the comparison: its outcome is a coin's.
  std::size_t place = 0;
  for (std::size_t length = size_; length > 0;) {
    const std::size_t half = length / 2;
    const bool after = pool[place + half] < key;
    place = after ? place + half + 1 : place;
    length = after ? length - half - 1 : half;
  }
  if (place >= breadth_) return;
  const std::size_t moved = std::min(size_, breadth_ - 1) - place;
  std::memmove(pool + place + 1, pool + place, moved * sizeof(std::uint64_t));
  pool[place] = key;
  size_ = std::min(size_ + 1, breadth_);
  if (size_ == breadth_) threshold_ = score_of(pool[size_ - 1]);
  next_ = std::min(next_, place);
}

// --- The walk.

template <class F>
inline void Graph::for_each_above(const float* scores, std::size_t count, float threshold,
                                  F&& f) const {
  for (std::size_t first = 0; first < count; first += 64) {
    const std::size_t here = std::min<std::size_t>(64, count - first);
    for (std::uint64_t set = kernels_->above(scores + first, here, threshold); set != 0;
         set &= set - 1) {
      f(first + static_cast<std::size_t>(std::countr_zero(set)));
    }
  }
}

[[gnu::always_inline]] inline void Graph::Measure::fetch(std::uint32_t slot) const {
  const std::uint8_t* const row = rows.codes + slot * rows.stride;
  for (std::size_t i = 0; i < rows.stride; i += sizeof(Line)) __builtin_prefetch(row + i);
}

Graph::Measures Graph::measures(const Query& query) const {
  return measures(query.i8(), query.u4(), query.sketch());
}

Graph::Measures Graph::measures(const RowQuery& query) const {
  return measures(query.i8, query.u4, query.sketch);
}

Graph::Measures Graph::measures(const CodeQuery& i8, const CodeQuery& u4,
                                const SketchQuery& sketch) const {
  if (!rows_->options().u4) {
    const Measure bytes = {i8, rows_->i8(), kernels_->score_i8_gather};
    return {bytes, bytes, false};
  }
  return {{u4, rows_->u4_sketched(), kernels_->score_u4_gather},
          {sketch.above(kPromised), rows_->sketches(), kernels_->score_sketch_gather},
          true};
}

// The neighbours that this search meets for the first time. What they are measured by is on its
// way.
inline std::size_t Graph::unseen(const Level& level, std::uint32_t slot, const Measure& measure,
                                 GraphScratch& scratch, std::uint32_t* out) const {
  const std::uint32_t* row = level.row(slot);
  const std::size_t slots_max = rows_->options().rows_max;
  std::size_t count = 0;
  for (std::size_t i = 0; i < kDegree; ++i) {
    const std::uint32_t next = load(row[i]) - 1;
    if (next >= slots_max) break;  // the end, or a damaged file
    if (!scratch.see(next)) continue;
    measure.fetch(next);
    out[count++] = next;
  }
  return count;
}

// Fetches the links of those that will be followed next unless better ones are found.
[[gnu::always_inline]] inline void Graph::fetch_links(const Level& level,
                                                      const GraphScratch& scratch) const {
  std::size_t place = scratch.next_;
  for (std::size_t i = 0; i < kTogether && place < scratch.size_; ++i) {
    fetch_row(level.row(scratch.slot(place)));
    place = scratch.unfollowed(place + 1);
  }
}

// Leaves those of `slots` that promise to enter the pool, their codes on the way.
inline std::size_t Graph::sift(const Measures& measures, const GraphScratch& scratch,
                               std::span<std::uint32_t> slots) const {
  float scores[kMet];
  measures.promise.score(slots, scores);
  std::size_t count = 0;
  for_each_above(scores, slots.size(), scratch.threshold_, [&](std::size_t i) {
    measures.fine.fetch(slots[i]);
    slots[count++] = slots[i];
  });
  return count;
}

// Several rows are followed at once: each step waits for memory three times, for links, sketches
// and codes, however many it asks for.
void Graph::walk(const Level& level, const Measures& measures, const Starts& starts,
                 std::size_t breadth, GraphScratch& scratch) const {
  std::uint32_t slots[kMet];
  float scores[kMet];
  scratch.reset(breadth);
  std::size_t count = 0;
  for (; count < starts.count; ++count) {
    slots[count] = starts.slots[count];
    scratch.see(slots[count]);
  }
  for (std::size_t n = 1; n > 0;) {
    measures.fine.score({slots, count}, scores);
    for_each_above(scores, count, scratch.threshold_,
                   [&](std::size_t i) { scratch.put(scores[i], slots[i]); });
    fetch_links(level, scratch);
    std::uint32_t followed[kTogether];
    n = scratch.follow(kTogether, followed);
    count = 0;
    for (std::size_t i = 0; i < n; ++i) {
      count += unseen(level, followed[i], measures.promise, scratch, slots + count);
    }
    scratch.scored_ += count;
    if (measures.sifting) count = sift(measures, scratch, {slots, count});
  }
  scratch.forget();
}

// Where to begin in a level: from the top, the best few of each level above.
Graph::Starts Graph::descend(const Measures& measures, std::size_t level,
                             GraphScratch& scratch) const {
  Starts starts;
  for (std::size_t i = kLevels; i-- > level;) {
    if (starts.count == 0) starts = Starts(load(levels_[i].entry));
    if (starts.count == 0 || i == level) continue;
    walk(levels_[i], measures, starts, kTogether, scratch);
    starts.count = scratch.size_;
    for (std::size_t place = 0; place < starts.count; ++place) {
      starts.slots[place] = scratch.slot(place);
    }
  }
  return starts;
}

// --- Searching.

// Puts the best that may be shown into scratch.slots_.
std::size_t Graph::choose_shown(GraphScratch& scratch, const Snapshot& snapshot,
                                const Bitmap* filter, std::size_t most) const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < scratch.size_ && count < most; ++i) {
    const std::uint32_t slot = scratch.slot(i);
    if (filter != nullptr && !filter->test(slot)) continue;
    if (rows_->visible(slot, snapshot)) scratch.slots_[count++] = slot;
  }
  return count;
}

std::size_t Graph::search(GraphScratch& scratch, const Query& query, const Snapshot& snapshot,
                          const Bitmap* filter, const Effort& effort, std::span<Hit> hits) const {
  scratch.rescored_ = scratch.scored_ = 0;
  hits = hits.first(std::min(hits.size(), kBreadthMax));
  const Measures by = measures(query);
  const Starts starts = descend(by, 0, scratch);
  if (starts.count == 0 || hits.empty()) return 0;
  walk(levels_[0], by, starts, std::max(effort.breadth, hits.size()), scratch);

  const std::size_t shown =
      choose_shown(scratch, snapshot, filter, std::max(effort.rescored, hits.size()));
  scratch.rescored_ = shown;
  rows_->rescore(query, scratch.rescored(), scratch.scores_.data());
  Hit* best = scratch.hits_.data();
  for (std::size_t i = 0; i < shown; ++i) best[i] = {scratch.scores_[i], scratch.slots_[i]};
  const std::size_t found = std::min(shown, hits.size());
  std::partial_sort_copy(best, best + shown, hits.data(), hits.data() + found);
  return found;
}

}  // namespace vector
