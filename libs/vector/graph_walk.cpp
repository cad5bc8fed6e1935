#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "vector/graph.h"

// The readers' part of the graph: what a search keeps in mind, the walk, the search.

namespace vector {
namespace {

constexpr std::size_t kDescent = 4;  // breadth of the walks that only look for an entry
constexpr std::uint64_t kFollowed = 1;

// Falls as the score rises, in the order of unsigned integers.
std::uint32_t complement(float score) {
  const auto bits = std::bit_cast<std::uint32_t>(score);
  return (bits >> 31) != 0 ? bits : ~(bits | 0x8000'0000);
}

float score_of(std::uint64_t key) {
  const auto high = static_cast<std::uint32_t>(key >> 32);
  return std::bit_cast<float>((high >> 31) != 0 ? high : ~high & 0x7FFF'FFFF);
}

void fetch_row(const std::uint32_t* row) {
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
  scratch.exact_slots_.resize(Graph::kBreadthMax);
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
  size_ = 0;
  breadth_ = std::clamp<std::size_t>(breadth, 1, Graph::kBreadthMax);
  threshold_ = -std::numeric_limits<float>::infinity();
}

inline std::size_t GraphScratch::put(float score, std::uint32_t slot) {
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
  if (place >= breadth_) return place;
  const std::size_t moved = std::min(size_, breadth_ - 1) - place;
  std::memmove(pool + place + 1, pool + place, moved * sizeof(std::uint64_t));
  pool[place] = key;
  size_ = std::min(size_ + 1, breadth_);
  if (size_ == breadth_) threshold_ = score_of(pool[size_ - 1]);
  return place;
}

// --- The walk.

const CodeQuery& Graph::walked(const CodeQuery& u4, const CodeQuery& i8) const {
  return rows_->options().u4 ? u4 : i8;
}

inline void Graph::score(const CodeQuery& query, const std::uint32_t* slots, std::size_t count,
                         float* out) const {
  if (rows_->options().u4) {
    kernels_->score_u4_gather(query, rows_->u4(), slots, count, out);
  } else {
    kernels_->score_i8_gather(query, rows_->i8(), slots, count, out);
  }
}

// The neighbours that this search meets for the first time.
inline std::size_t Graph::unseen(const Level& level, std::uint32_t slot, GraphScratch& scratch,
                                 std::uint32_t* out) const {
  const std::uint32_t* row = level.row(slot);
  const std::size_t slots_max = rows_->options().rows_max;
  std::size_t count = 0;
  for (std::size_t i = 0; i < kDegree; ++i) {
    const std::uint32_t next = load(row[i]) - 1;
    if (next >= slots_max) break;  // the end, or a damaged file
    if (scratch.see(next)) out[count++] = next;
  }
  return count;
}

void Graph::walk(const Level& level, const CodeQuery& query, std::uint32_t start,
                 std::size_t breadth, GraphScratch& scratch) const {
  std::uint32_t fresh[kDegree];
  float scores[kDegree];
  scratch.reset(breadth);
  scratch.see(start);
  score(query, &start, 1, scores);
  scratch.put(scores[0], start);
  std::size_t next = 0;
  while (next < scratch.size_) {
    const std::uint32_t slot = scratch.slot(next);
    scratch.pool_[next] |= kFollowed;
    const std::size_t count = unseen(level, slot, scratch, fresh);
    const auto follow_on = [&](std::size_t place) {
      while (place < scratch.size_ && (scratch.pool_[place] & kFollowed) != 0) ++place;
      return place;
    };
    // What is next unless this row's neighbours are better: its links arrive meanwhile.
    next = follow_on(next + 1);
    if (next < scratch.size_) fetch_row(level.row(scratch.slot(next)));
    score(query, fresh, count, scores);
    scratch.scored_ += count;
    for (std::uint64_t better = kernels_->above(scores, count, scratch.threshold_); better != 0;
         better &= better - 1) {
      const auto i = static_cast<std::size_t>(std::countr_zero(better));
      const std::size_t place = scratch.put(scores[i], fresh[i]);
      if (place <= next) {
        next = place;
        fetch_row(level.row(fresh[i]));
      }
    }
    next = follow_on(next);
  }
  scratch.forget();
}

// Where to begin in a level: from the top, the best of each level above.
std::uint32_t Graph::descend(const CodeQuery& query, std::size_t level,
                             GraphScratch& scratch) const {
  std::uint32_t start = kNone;
  for (std::size_t i = kLevels - 1; i > level; --i) {
    if (start == kNone) start = load(levels_[i].entry);
    if (start == kNone) continue;
    walk(levels_[i], query, start, kDescent, scratch);
    start = scratch.slot(0);
  }
  return start == kNone ? load(levels_[level].entry) : start;
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
  const CodeQuery& walk_query = walked(query.u4(), query.i8());
  const std::uint32_t start = descend(walk_query, 0, scratch);
  if (start == kNone || hits.empty()) return 0;
  walk(levels_[0], walk_query, start, std::max(effort.breadth, hits.size()), scratch);

  const std::size_t shown =
      choose_shown(scratch, snapshot, filter, std::max(effort.rescored, hits.size()));
  scratch.rescored_ = shown;
  const std::size_t exact = std::min(shown, std::max(effort.exact, hits.size()));
  std::span<const std::uint32_t> slots(scratch.slots_.data(), shown);
  Hit* best = scratch.hits_.data();
  const auto keep_scores = [&] {
    for (std::size_t i = 0; i < slots.size(); ++i) best[i] = {scratch.scores_[i], slots[i]};
  };
  if (exact < shown) {
    kernels_->score_i8_gather(query.i8(), rows_->i8(), slots.data(), shown, scratch.scores_.data());
    keep_scores();
    std::nth_element(best, best + exact, best + shown);
    for (std::size_t i = 0; i < exact; ++i) scratch.exact_slots_[i] = best[i].slot;
    slots = {scratch.exact_slots_.data(), exact};
  }
  rows_->rescore(query, slots, scratch.scores_.data());
  keep_scores();
  const std::size_t found = std::min(exact, hits.size());
  std::partial_sort_copy(best, best + exact, hits.data(), hits.data() + found);
  return found;
}

}  // namespace vector
