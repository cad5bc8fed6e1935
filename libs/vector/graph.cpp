#include "vector/graph.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

namespace vector {
namespace {

constexpr std::size_t kNeighboursMeasured = 10;
constexpr std::size_t kSamplesKept = 48;
constexpr std::size_t kSampleGap = 1000;  // inserts between two; a scan of fewer rows is as good
constexpr std::size_t kCodesKept = 16;    // samples that count for the codes
constexpr float kRounding = 1e-6F;        // of a score, by the order of its sum
constexpr std::size_t kTriesToMend = 6;   // candidates looked at for each link that is lost

bool contains(std::span<const std::uint32_t> slots, std::uint32_t slot) {
  return std::find(slots.begin(), slots.end(), slot) != slots.end();
}

}  // namespace

std::size_t GraphOutlook::breadth_for(double wanted) const {
  if (samples == 0) return 0;
  for (std::size_t i = 0; i < kBreadths.size(); ++i) {
    if (recall[i] < wanted) continue;
    if (i == 0 || recall[i] <= recall[i - 1]) return kBreadths[i];
    const double part = (wanted - recall[i - 1]) / (recall[i] - recall[i - 1]);
    const auto step = static_cast<double>(kBreadths[i] - kBreadths[i - 1]);
    return kBreadths[i - 1] + static_cast<std::size_t>(part * step);
  }
  return 0;
}

Result<Graph> Graph::create(const Rows& rows, GraphOptions options) {
  Graph graph(rows, options);
  const std::size_t slots_max = rows.options().rows_max;
  graph.kernels_ = &kernels();
  for (const float x : rows.coder().centre()) graph.centre_squared_ += x * x;
  if (rows.coder().metric() == Metric::L2) graph.gain_ = 2;
  for (std::size_t i = 0; i < kLevels; ++i) {
    graph.levels_[i].shift = kShift[i];
    graph.levels_[i].links = TRY(HugeArray<std::uint32_t>::reserve(places(i, slots_max) * kDegree));
    graph.levels_[i].in_links = TRY(HugeArray<std::uint32_t>::reserve(places(i, slots_max)));
  }
  graph.linked_ = TRY(HugeArray<std::uint64_t>::reserve(slots_max / 64 + 1));
  graph.scratch_ = TRY(GraphScratch::create(slots_max));
  const std::size_t lines = u4_stride(rows.options().dimension) * 2 / sizeof(Line);
  for (RowQuery* query : {&graph.inserted_, &graph.pruned_, &graph.chosen_}) {
    query->lines.resize(lines);
  }
  return graph;
}

// --- Linking. All of this is the writer's.

bool Graph::is_linked(std::uint32_t slot) const {
  return (linked_[slot / 64] >> (slot % 64) & 1) != 0;
}

bool Graph::in_level(const Level& level, std::uint32_t slot) const {
  return (slot & ((std::uint32_t{1} << level.shift) - 1)) == 0;
}

void Graph::read(std::uint32_t slot, RowQuery& out) const {
  const CodeRows rows = rows_->i8();
  const std::uint8_t* code = rows.codes + slot * rows.stride;
  auto* codes = reinterpret_cast<std::int8_t*>(out.lines.data());
  for (std::size_t i = 0; i < rows.stride; i += sizeof(std::uint64_t)) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, code + i, sizeof eight);
    eight ^= 0x8080'8080'8080'8080;
    std::memcpy(codes + i, &eight, sizeof eight);
  }
  // The bytes stand 128 above their value; their sum comes from a product with ones.
  constexpr std::int8_t kOnes[64] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                     1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                     1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                     1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < rows.stride; i += sizeof kOnes) {
    sum += kernels_->dot_u8(code + i, kOnes, sizeof kOnes) - 128 * 64;
  }
  const Factor factor = rows.factors[slot];
  const float scale = factor.scale * gain_ / 2;
  const float base = factor.bias + centre_squared_ * (gain_ == 1 ? 1.0F : 0.0F);
  out.i8 = {codes, scale, base, 256 * sum};
  out.u4 = {codes, scale, base, 15 * sum};
}

void Graph::read_to_walk(std::uint32_t slot, RowQuery& out) const {
  read(slot, out);
  if (!rows_->options().u4) return;
  const CodeRows rows = rows_->i8();
  const std::int32_t sum = out.i8.offset / 256;
  const std::int32_t squared =
      kernels_->dot_u8(rows.codes + slot * rows.stride, out.i8.codes, rows.stride) - 128 * sum;
  const float step = rows.factors[slot].scale;
  out.sketch.set(rows_->options().dimension, out.i8.codes, step, gain_, out.i8.base,
                 static_cast<double>(step) * static_cast<double>(step) * squared);
}

void Graph::sort_by_bytes(const RowQuery& query, std::span<const std::uint32_t> slots,
                          std::vector<Hit>& out) const {
  float scores[64];
  out.clear();
  for (std::size_t first = 0; first < slots.size(); first += 64) {
    const auto part = slots.subspan(first, std::min<std::size_t>(64, slots.size() - first));
    kernels_->score_i8_gather(query.i8, rows_->i8(), part.data(), part.size(), scores);
    for (std::size_t i = 0; i < part.size(); ++i) out.push_back({scores[i], part[i]});
  }
  std::sort(out.begin(), out.end());
}

// Of candidates in order, those that are nearer to the row they were scored for than to any kept
// before them (the rule of HNSW and of relative neighbourhood graphs, Toussaint 1980).
std::size_t Graph::diverse(std::span<const Hit> candidates, std::size_t most, std::uint32_t* out) {
  slots_of_candidates_.resize(candidates.size());
  scores_.resize(candidates.size());
  left_.assign(candidates.begin(), candidates.end());
  std::size_t left = left_.size();
  std::size_t count = 0;
  std::size_t first = 0;
  while (first < left) {
    out[count++] = left_[first++].slot;
    if (count == most) break;
    for (std::size_t i = first; i < left; ++i) slots_of_candidates_[i] = left_[i].slot;
    read(out[count - 1], chosen_);
    kernels_->score_i8_gather(chosen_.i8, rows_->i8(), slots_of_candidates_.data() + first,
                              left - first, scores_.data());
    std::size_t kept = first;
    for (std::size_t i = first; i < left; ++i) {
      if (scores_[i - first] < left_[i].score) left_[kept++] = left_[i];
    }
    left = kept;
  }
  return count;
}

std::size_t Graph::neighbours(const Level& level, std::uint32_t slot, std::uint32_t* out) {
  const std::uint32_t* row = level.row(slot);
  std::size_t count = 0;
  while (count < kDegree && load(row[count]) != 0) {
    out[count] = load(row[count]) - 1;
    ++count;
  }
  return count;
}

// The links of a slot that was not linked are left over from the row before.
void Graph::set_links(const Level& level, std::uint32_t slot,
                      std::span<const std::uint32_t> links) {
  for (const std::uint32_t next : links) ++level.leading_to(next);
  if (is_linked(slot)) uncount(level, slot);
  std::uint32_t* row = level.row(slot);
  for (std::size_t i = 0; i < kDegree; ++i) store(row[i], i < links.size() ? links[i] + 1 : 0);
}

void Graph::uncount(const Level& level, std::uint32_t slot) {
  std::uint32_t links[kDegree];
  const std::size_t count = neighbours(level, slot, links);
  for (std::size_t i = 0; i < count; ++i) --level.leading_to(links[i]);
}

// Chooses from candidates in order: diverse ones, and if these are few the best of the others,
// which make up for what is removed later.
std::size_t Graph::choose(std::span<const Hit> candidates, std::uint32_t* out) {
  std::size_t count = diverse(candidates, options_.links_max, out);
  for (const Hit& hit : candidates) {
    if (count >= options_.links_min) break;
    if (!contains({out, count}, hit.slot)) out[count++] = hit.slot;
  }
  return count;
}

void Graph::link(const Level& level, std::uint32_t slot, const Starts& starts) {
  walk(level, measures(inserted_), starts, options_.breadth, scratch_);
  std::vector<std::uint32_t>& found = scratch_.slots_;
  std::size_t count = 0;
  const auto take = [&](auto&& wanted) {
    for (std::size_t i = 0; i < scratch_.size_; ++i) {
      const std::uint32_t candidate = scratch_.slot(i);
      if (candidate != slot && wanted(candidate)) found[count++] = candidate;
    }
  };
  take([&](std::uint32_t candidate) { return !gone_.test(candidate); });
  // Where all is removed, what is removed leads to the row until the repair.
  if (count == 0) take([](std::uint32_t) { return true; });
  sort_by_bytes(inserted_, std::span(found).first(count), candidates_);
  std::uint32_t chosen[kDegree];
  const std::size_t links = choose(candidates_, chosen);
  set_links(level, slot, std::span(chosen).first(links));
  for (std::size_t i = 0; i < links; ++i) link_back(level, chosen[i], slot);
}

void Graph::link_back(const Level& level, std::uint32_t from, std::uint32_t to) {
  std::uint32_t slots[kDegree + 1];
  const std::size_t count = neighbours(level, from, slots);
  if (contains({slots, count}, to)) return;
  if (count < kDegree) {
    ++level.leading_to(to);
    return store(level.row(from)[count], to + 1);
  }
  slots[count] = to;
  read(from, pruned_);
  sort_by_bytes(pruned_, slots, candidates_of_pruned_);
  std::uint32_t kept[kDegree];
  std::size_t links = diverse(candidates_of_pruned_, kDegree, kept);
  // What nothing else leads to stays, if need be in place of what others lead to.
  const auto needed = [&](std::uint32_t slot) {
    return level.leading_to(slot) <= (slot == to ? 0 : 1);
  };
  for (const Hit& hit : candidates_of_pruned_) {
    if (!needed(hit.slot) || contains({kept, links}, hit.slot)) continue;
    if (links < kDegree) {
      kept[links++] = hit.slot;
    } else {
      const auto spare = std::find_if_not(std::rbegin(kept), std::rend(kept), needed);
      if (spare != std::rend(kept)) *spare = hit.slot;
    }
  }
  set_links(level, from, std::span(kept).first(links));
}

void Graph::insert(std::uint32_t slot) {
  count_in_links();
  slots_ = std::max<std::size_t>(slots_, slot + std::size_t{1});
  read_to_walk(slot, inserted_);
  if (++inserts_ >= next_sample_) sample(slot);
  const Measures by = measures(inserted_);
  // From the bottom up: so no level leads to a slot that the next one does not know.
  for (Level& level : levels_) {
    if (!in_level(level, slot)) break;
    const Starts starts = descend(by, static_cast<std::size_t>(&level - levels_.data()), scratch_);
    if (starts.count == 0) {
      set_links(level, slot, {});
      store(level.entry, slot);
    } else {
      link(level, slot, starts);
    }
  }
  linked_[slot / 64] |= std::uint64_t{1} << (slot % 64);
  ++size_;
}

// --- Unlinking.

void Graph::remove(std::uint32_t slot) {
  if (slot >= slots_ || !is_linked(slot) || gone_.test(slot)) return;
  if (slot >= gone_.size()) {
    Bitmap larger(std::bit_ceil(slots_));
    larger |= gone_;
    gone_ = std::move(larger);
  }
  gone_.set(slot);
  pending_.push_back(slot);
  --size_;
}

bool Graph::repair_due() const {
  return pending_.size() >= std::max<std::size_t>(64, size_ / options_.pending_part);
}

// Whether a candidate, with its score for some row, is nearer to one of that row's links.
bool Graph::hidden(const Hit& candidate, std::span<const std::uint32_t> links) {
  float scores[kDegree];
  read(candidate.slot, chosen_);
  kernels_->score_i8_gather(chosen_.i8, rows_->i8(), links.data(), links.size(), scores);
  return kernels_->above(scores, links.size(), candidate.score) != 0;
}

// Gives a row that leads to removed ones, in their place, the best that those led to, and where its
// links have become few some more.
void Graph::mend(const Level& level, std::uint32_t slot) {
  std::uint32_t links[kDegree];
  const std::size_t count = neighbours(level, slot, links);
  const auto gone =
      std::partition(links, links + count, [&](std::uint32_t next) { return !gone_.test(next); });
  if (gone == links + count) return;
  std::vector<std::uint32_t>& found = scratch_.slots_;
  std::size_t candidates = 0;
  scratch_.see(slot);
  std::for_each(links, gone, [&](std::uint32_t next) { scratch_.see(next); });
  std::for_each(gone, links + count, [&](std::uint32_t removed) {
    std::uint32_t beyond[kDegree];
    const std::size_t led_to = neighbours(level, removed, beyond);
    for (std::size_t i = 0; i < led_to; ++i) {
      if (!gone_.test(beyond[i]) && scratch_.see(beyond[i])) found[candidates++] = beyond[i];
    }
  });
  scratch_.forget();
  read(slot, pruned_);
  sort_by_bytes(pruned_, std::span(found).first(candidates), candidates_);
  std::size_t kept = static_cast<std::size_t>(gone - links);
  const std::size_t live = kept;
  const std::size_t most = std::max(count, options_.links_mended);
  std::size_t tries = kTriesToMend * (count - live);
  for (const Hit& hit : candidates_) {
    if (kept == most || tries-- == 0) break;
    if (!hidden(hit, std::span(links).first(kept))) links[kept++] = hit.slot;
  }
  for (const Hit& hit : candidates_) {
    if (kept >= count) break;
    if (!contains({links, kept}, hit.slot)) links[kept++] = hit.slot;
  }
  set_links(level, slot, std::span(links).first(kept));
  for (std::size_t i = live; i < kept; ++i) link_back(level, links[i], slot);
}

void Graph::repair(Level& level) {
  const std::uint32_t step = std::uint32_t{1} << level.shift;
  const auto each_left = [&](auto&& f) {
    for (std::uint32_t slot = 0; slot < slots_; slot += step) {
      if (is_linked(slot) && !gone_.test(slot)) f(slot);
    }
  };
  for (const std::uint32_t slot : pending_) {
    if (in_level(level, slot)) uncount(level, slot);
  }
  each_left([&](std::uint32_t slot) { mend(level, slot); });
  choose_entry(level);
  // What only removed rows led to.
  each_left([&](std::uint32_t slot) {
    const std::uint32_t start = load(level.entry);
    if (level.leading_to(slot) != 0 || start == slot) return;
    std::uint32_t links[kDegree];
    const std::size_t count = neighbours(level, slot, links);
    for (std::size_t i = 0; i < count; ++i) link_back(level, links[i], slot);
    if (count > 0) return;
    read_to_walk(slot, inserted_);
    link(level, slot, Starts(start));
  });
}

// An entry that was removed gives way to any row that is left.
void Graph::choose_entry(Level& level) {
  const std::uint32_t entry = load(level.entry);
  if (entry == kNone || !gone_.test(entry)) return;
  const std::uint32_t step = std::uint32_t{1} << level.shift;
  for (std::uint32_t slot = 0; slot < slots_; slot += step) {
    if (is_linked(slot) && !gone_.test(slot)) return store(level.entry, slot);
  }
  store(level.entry, kNone);
}

std::vector<std::uint32_t> Graph::repair() {
  if (pending_.empty()) return {};
  count_in_links();
  for (Level& level : levels_) repair(level);
  for (const std::uint32_t slot : pending_) {
    gone_.clear(slot);
    linked_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  }
  return std::exchange(pending_, {});
}

// --- What the graph is worth here.

// How many of its nearest, by a scan of the originals, walks of each breadth find for the row, and
// how many the scans of codes hand on.
void Graph::sample(std::uint32_t slot) {
  next_sample_ = inserts_ < kSampleGap ? 2 * inserts_
                                       : inserts_ + std::max<std::size_t>(kSampleGap, size_ / 32);
  if (size_ < 2 * kNeighboursMeasured) return;
  scan_for_sample(slot);
  ++codes_sampled_;
  const auto share_of = [&](TopK& best) {
    std::size_t count = 0;
    for (const Hit& hit : best.unsorted()) scratch_.slots_[count++] = hit.slot;
    return share_of_nearest({scratch_.slots_.data(), count});
  };
  const std::array<double, 2> codes = {share_of(by_bytes_),
                                       rows_->options().u4 ? share_of(by_nibbles_) : 1};
  const auto weight = static_cast<double>(std::min(codes_sampled_, kCodesKept));
  for (std::size_t i = 0; i < codes.size(); ++i) codes_[i] += (codes[i] - codes_[i]) / weight;
  if (size_ < kSampleGap) return;  // of so few rows any walk finds most

  const Measures by = measures(inserted_);
  Sample sample;
  for (std::size_t i = 0; i < GraphOutlook::kBreadths.size(); ++i) {
    scratch_.scored_ = 0;
    walk(levels_[0], by, descend(by, 0, scratch_), GraphOutlook::kBreadths[i], scratch_);
    const std::size_t kept = std::min(scratch_.size_, Effort{}.rescored);
    for (std::size_t place = 0; place < kept; ++place) {
      scratch_.slots_[place] = scratch_.slot(place);
    }
    sample.recall[i] = static_cast<float>(share_of_nearest({scratch_.slots_.data(), kept}));
    sample.scored[i] = static_cast<float>(scratch_.scored_);
  }
  if (samples_.size() < kSamplesKept) {
    samples_.push_back(sample);
  } else {
    samples_[sampled_ % kSamplesKept] = sample;
  }
  ++sampled_;
}

// As many are handed on as in flat scans for 10 (flat.cpp).
void Graph::scan_for_sample(std::uint32_t slot) {
  constexpr std::size_t kTile = 64;
  std::uint32_t slots[kTile];
  float scores[kTile];
  std::vector<float>& row = sampled_row_;
  row.resize(f32_stride(rows_->options().dimension));
  rows_->vector(slot, row.data());
  sampled_query_.set_accepted(rows_->coder(), row.data());
  nearest_.reset(kNeighboursMeasured);
  by_bytes_.reset(kNeighboursMeasured + kNeighboursMeasured / 4 + 4);
  by_nibbles_.reset(2 * kNeighboursMeasured + 10);
  const bool u4 = rows_->options().u4;
  for (std::size_t first = 0; first < slots_; first += kTile) {
    std::size_t count = 0;
    for (std::size_t i = first; i < std::min(first + kTile, slots_); ++i) {
      const auto other = static_cast<std::uint32_t>(i);
      if (other != slot && is_linked(other) && !gone_.test(other)) slots[count++] = other;
    }
    const auto add = [&](TopK& best) {
      for (std::uint64_t better = kernels_->above(scores, count, best.threshold()); better != 0;
           better &= better - 1) {
        const auto i = static_cast<std::size_t>(std::countr_zero(better));
        best.add(scores[i], slots[i]);
      }
    };
    rows_->rescore(sampled_query_, {slots, count}, scores);
    add(nearest_);
    kernels_->score_i8_gather(sampled_query_.i8(), rows_->i8(), slots, count, scores);
    add(by_bytes_);
    if (!u4) continue;
    kernels_->score_u4_gather(sampled_query_.u4(), rows_->u4(), slots, count, scores);
    add(by_nibbles_);
  }
}

// By scores, of which those of equal rows are equal: which of them are found is free.
double Graph::share_of_nearest(std::span<const std::uint32_t> slots) {
  const std::span<const Hit> nearest = nearest_.sorted();
  scores_.resize(slots.size());
  rows_->rescore(sampled_query_, slots, scores_.data());
  const float last = nearest.back().score;
  const float least = last - kRounding * std::abs(last);
  const auto found = static_cast<std::size_t>(
      std::count_if(scores_.begin(), scores_.end(), [&](float score) { return score >= least; }));
  return static_cast<double>(std::min(found, nearest.size())) / static_cast<double>(nearest.size());
}

GraphOutlook Graph::outlook() const {
  GraphOutlook outlook;
  outlook.codes = codes_;
  if (samples_.size() < std::min(GraphOutlook::kSamplesMin, restored_.samples)) {
    outlook = restored_;
    outlook.codes = codes_;
    return outlook;
  }
  outlook.samples = samples_.size();
  for (const Sample& sample : samples_) {
    for (std::size_t i = 0; i < sample.recall.size(); ++i) {
      outlook.recall[i] +=
          static_cast<double>(sample.recall[i]) / static_cast<double>(samples_.size());
      outlook.scored[i] +=
          static_cast<double>(sample.scored[i]) / static_cast<double>(samples_.size());
    }
  }
  return outlook;
}

std::size_t Graph::bytes() const {
  std::size_t links = 0;
  for (std::size_t i = 0; i < kLevels; ++i) {
    links += places(i, slots_) * (kDegree + (in_links_counted_ ? 1 : 0));
  }
  return links * sizeof(std::uint32_t) + slots_ / 8;
}

// --- Storage.

Graph::State Graph::state() const {
  State state;
  state.size = size_;
  state.slots = slots_;
  state.outlook = outlook();
  for (std::size_t i = 0; i < kLevels; ++i) state.entries[i] = load(levels_[i].entry);
  return state;
}

// Of a stored graph, when it is changed for the first time: a reader does without.
void Graph::count_in_links() {
  if (in_links_counted_) return;
  in_links_counted_ = true;
  for (const Level& level : levels_) {
    for (std::uint32_t slot = 0; slot < slots_; slot += std::uint32_t{1} << level.shift) {
      if (!is_linked(slot)) continue;
      std::uint32_t links[kDegree];
      const std::size_t count = neighbours(level, slot, links);
      for (std::size_t i = 0; i < count; ++i) ++level.leading_to(links[i]);
    }
  }
}

Result<void> Graph::restore(const State& state) {
  bool right = state.slots <= rows_->options().rows_max && state.size <= state.slots;
  for (std::size_t i = 0; i < kLevels; ++i) {
    const std::uint32_t entry = state.entries[i];
    right = right && (entry == kNone || (entry < state.slots && in_level(levels_[i], entry)));
  }
  if (!right) return Error(Code::DataLoss, "a stored graph's entries do not fit its slots");
  size_ = state.size;
  slots_ = state.slots;
  restored_ = state.outlook;
  codes_ = state.outlook.codes;
  codes_sampled_ = kCodesKept;
  next_sample_ = kSampleGap;
  in_links_counted_ = false;
  for (std::size_t i = 0; i < kLevels; ++i) store(levels_[i].entry, state.entries[i]);
  return {};
}

}  // namespace vector
