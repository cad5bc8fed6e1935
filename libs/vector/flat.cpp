#include "vector/flat.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <type_traits>
#include <utility>

namespace vector {
namespace {

constexpr std::size_t kTile = 64;
constexpr std::size_t kSlotsAtOnce = 512;  // slots of a filter that are scored together
constexpr std::size_t kSlotsAtFirst = 64;  // then twice as many each time: all of these pass
constexpr std::size_t kFew = 4000;         // rows for which a second rescoring does not pay
constexpr float kPromised = 2;             // deviations by which a sketch may be wrong
constexpr int kDoubtful = 8;               // coarser codes are left out from here on
constexpr std::uint64_t kAll = ~std::uint64_t{0};

// How many candidates each kind of code hands on for k results.
std::size_t candidates(Scan scan, std::size_t k) {
  switch (scan) {
    case Scan::F32:
      return k;
    case Scan::I8:
      return k + k / 4 + 4;
    case Scan::U4:
      return 2 * k + 10;
    case Scan::B1:
      return 10 * k + 100;
  }
  return k;
}

// A row's score by what is kept of the originals.
struct OriginalScore {
  const Rows& rows;
  const Query& query;

  void many(std::size_t first, std::size_t count, float* out) const {
    const Kernels& k = kernels();
    const std::size_t stride = f32_stride(rows.options().dimension);
    const bool l2 = rows.options().metric == Metric::L2;
    switch (rows.options().originals) {
      case Rows::Originals::F32:
        (l2 ? k.l2_f32_many : k.dot_f32_many)(query.original(), rows.f32() + first * stride, stride,
                                              stride, count, out);
        break;
      case Rows::Originals::F16:
        k.dot_f16_many(query.original(), rows.half() + first * stride, stride, stride, count, out);
        break;
      case Rows::Originals::Bf16:
        (l2 ? k.l2_bf16_many : k.dot_bf16_many)(query.original(), rows.half() + first * stride,
                                                stride, stride, count, out);
        break;
      case Rows::Originals::None:
        k.score_i8_many(query.i8(), rows.i8(), first, count, out);
        return;
    }
    if (l2) std::transform(out, out + count, out, [](float x) { return -x; });
  }
  void gather(std::span<const std::uint32_t> slots, float* out) const {
    rows.rescore(query, slots, out);
  }
};

struct I8Score {
  const Kernels& k;
  const CodeQuery& query;
  const CodeRows rows;

  static CodeRows rows_of(const Rows& rows) { return rows.i8(); }
  static constexpr auto kBatch = &Kernels::score_i8_batch;
  static constexpr auto kGather = &Kernels::score_i8_gather;

  void many(std::size_t first, std::size_t count, float* out) const {
    k.score_i8_many(query, rows, first, count, out);
  }
  void gather(std::span<const std::uint32_t> slots, float* out) const {
    k.score_i8_gather(query, rows, slots.data(), slots.size(), out);
  }
};

struct U4Score {
  const Kernels& k;
  const CodeQuery& query;
  const CodeQuery promise;
  const CodeRows in_order;
  const CodeRows rows;  // scattered

  static CodeRows rows_of(const Rows& rows) { return rows.u4(); }
  static constexpr auto kBatch = &Kernels::score_u4_batch;
  static constexpr auto kGather = &Kernels::score_u4_gather;

  void many(std::size_t first, std::size_t count, float* out) const {
    k.score_u4_many(query, in_order, first, count, out);
  }
  void gather(std::span<const std::uint32_t> slots, float* out) const {
    k.score_u4_gather(query, rows, slots.data(), slots.size(), out);
  }
};

void add(TopK& best, std::uint64_t set, const float* scores, std::size_t first) {
  for (; set != 0; set &= set - 1) {
    const auto i = static_cast<std::size_t>(std::countr_zero(set));
    best.add(scores[i], static_cast<std::uint32_t>(first + i));
  }
}

}  // namespace

Scan Flat::choose(const Rows& rows, std::size_t matches) {
  const bool most = matches * 3 >= rows.live();
  if (rows.options().b1 && most && matches > kFew) return Scan::B1;
  return rows.options().u4 && matches > kFew ? Scan::U4 : Scan::I8;
}

std::span<const Hit> Flat::search(Query& query, std::size_t k, const Snapshot& snapshot, Scan scan,
                                  const Bitmap* filter) {
  scores_.resize(std::max(scores_.size(), kSlotsAtOnce + kTile));
  if (scan == Scan::B1 && !scan_b1(query, k, snapshot, filter)) scan = Scan::U4;
  switch (scan) {
    case Scan::F32:
      best_.reset(k);
      scan_slots(snapshot, filter, OriginalScore{rows_, query});
      return best_.sorted();
    case Scan::I8:
      best_.reset(candidates(scan, k));
      scan_slots(snapshot, filter, I8Score{kernels(), query.i8(), rows_.i8()});
      break;
    case Scan::U4:
      best_.reset(candidates(scan, k));
      scan_slots(snapshot, filter,
                 U4Score{kernels(), query.u4(), query.sketch().above(kPromised), rows_.u4(),
                         rows_.u4_sketched()});
      keep_best_by_i8(query, candidates(Scan::I8, k));
      break;
    case Scan::B1:
      break;
  }
  return finish(query, k);
}

std::span<const Hit> Flat::search_slots(Query& query, std::size_t k, const Snapshot& snapshot,
                                        std::span<const std::uint32_t> slots) {
  best_.reset(candidates(Scan::I8, k));
  scores_.resize(std::max(scores_.size(), kSlotsAtOnce + kTile));
  const I8Score score{kernels(), query.i8(), rows_.i8()};
  slots_.clear();
  for (const std::uint32_t slot : slots) {
    if (!rows_.visible(slot, snapshot)) continue;
    slots_.push_back(slot);
    if (slots_.size() == kSlotsAtOnce) flush(score);
  }
  flush(score);
  return finish(query, k);
}

// Tiles of which all rows count are scored as they lie, of the others the rows that count.
template <class Score>
void Flat::scan_slots(const Snapshot& snapshot, const Bitmap* filter, const Score& score) {
  const Kernels& k = kernels();
  const std::size_t tiles = (rows_.slots() + kTile - 1) / kTile;
  slots_.resize(kSlotsAtOnce + kTile);
  std::size_t count = 0;
  std::size_t at_once = kSlotsAtFirst;
  for (std::size_t tile = 0; tile < tiles; ++tile) {
    std::uint64_t wanted = filter == nullptr ? kAll : filter->word(tile);
    if (wanted == 0) continue;
    wanted &= rows_.visible_word(tile, snapshot);
    const std::size_t first = tile * kTile;
    if (wanted == kAll) {
      score.many(first, kTile, scores_.data());
      add(best_, k.above(scores_.data(), kTile, best_.threshold()), scores_.data(), first);
      continue;
    }
    for (; wanted != 0; wanted &= wanted - 1) {
      slots_[count++] =
          static_cast<std::uint32_t>(first) + static_cast<std::uint32_t>(std::countr_zero(wanted));
    }
    if (count >= at_once) {
      take(std::span(slots_).first(std::exchange(count, 0)), score);
      at_once = std::min(2 * at_once, kSlotsAtOnce);
    }
  }
  take(std::span(slots_).first(count), score);
}

template <class Score>
void Flat::take(std::span<std::uint32_t> slots, const Score& score) {
  if constexpr (std::is_same_v<Score, U4Score>) {
    return add_slots(keep_promising(slots, score.promise), score);
  }
  add_slots(slots, score);
}

template <class Score>
void Flat::flush(const Score& score) {
  add_slots(slots_, score);
  slots_.clear();
}

// Moves those that their sketches do not rule out to the front.
std::span<const std::uint32_t> Flat::keep_promising(std::span<std::uint32_t> slots,
                                                    const CodeQuery& promise) {
  const Kernels& k = kernels();
  best_.unsorted();  // brings the threshold up
  k.score_sketch_gather(promise, rows_.sketches(), slots.data(), slots.size(), scores_.data());
  std::size_t kept = 0;
  for (std::size_t start = 0; start < slots.size(); start += kTile) {
    const std::size_t count = std::min(kTile, slots.size() - start);
    std::uint64_t set = k.above(scores_.data() + start, count, best_.threshold());
    for (; set != 0; set &= set - 1) {
      slots[kept++] = slots[start + static_cast<std::size_t>(std::countr_zero(set))];
    }
  }
  return slots.first(kept);
}

template <class Score>
void Flat::add_slots(std::span<const std::uint32_t> slots, const Score& score) {
  score.gather(slots, scores_.data());
  for (std::size_t start = 0; start < slots.size(); start += kTile) {
    const std::size_t count = std::min(kTile, slots.size() - start);
    std::uint64_t set = kernels().above(scores_.data() + start, count, best_.threshold());
    for (; set != 0; set &= set - 1) {
      const std::size_t i = start + static_cast<std::size_t>(std::countr_zero(set));
      best_.add(scores_[i], slots[i]);
    }
  }
}

// Leaves the candidates for finish() in best_; false if U4 has to do it.
bool Flat::scan_b1(Query& query, std::size_t k, const Snapshot& snapshot, const Bitmap* filter) {
  constexpr std::size_t kSample = 16;  // of so many tiles one is looked at for a threshold
  constexpr float kDeviations = 1.3F;  // in which the worst of ten rows is missed 1 in 10
  if (rows_.options().u4 && b1_doubt_.high()) return false;
  query.prepare_b1();
  // With a threshold from a sample, what passes hardly needs selecting. It is set so that half as
  // many again may pass as are wanted.
  const std::size_t wanted = candidates(Scan::B1, k);
  best_.reset(wanted * 3 / 2 / kSample);
  pass_b1(query, snapshot, filter, kSample);
  const bool sampled = best_.full();
  best_.unsorted();
  best_.reset(wanted, sampled ? best_.threshold() : -std::numeric_limits<float>::infinity());
  pass_b1(query, snapshot, filter, 1);

  std::size_t found = best_.unsorted().size();
  // Many rows at that threshold, equal ones, and nothing but what is better has passed it.
  const bool short_of = sampled && found < k;
  if (short_of && !rows_.options().u4) {
    best_.reset(wanted);
    pass_b1(query, snapshot, filter, 1);
    found = best_.unsorted().size();
  }
  const float dropped = best_.threshold();
  keep_best_by_i8(query, candidates(Scan::I8, k));
  if (!rows_.options().u4) return true;
  if (short_of) return b1_doubt_.note(false);
  if (found == 0) return true;
  const std::span<const Hit> hits = best_.sorted();
  const Hit& last = hits[std::min(k, hits.size()) - 1];
  const std::uint8_t* block = rows_.b1_block(last.slot / kTile);
  const float deviation = query.b1_deviation(rows_.b1_factors(block)[last.slot % kTile]);
  return b1_doubt_.note(last.score - kDeviations * deviation >= dropped);
}

bool Flat::Doubt::high() {
  if (level_ <= kDoubtful) return false;
  --level_;
  return true;
}

bool Flat::Doubt::note(bool clear) {
  constexpr int kMax = 64;  // searches after which it is tried again
  level_ = clear ? std::max(level_ - 1, 0) : level_ + 2;
  if (level_ > kDoubtful) level_ = kMax;
  return clear;
}

// Every `step`-th tile.
void Flat::pass_b1(const Query& query, const Snapshot& snapshot, const Bitmap* filter,
                   std::size_t step) {
  const Kernels& k = kernels();
  const std::size_t groups = b1_groups(rows_.options().dimension);
  const std::size_t tiles = (rows_.slots() + kTile - 1) / kTile;
  std::uint16_t sums[kTile];
  for (std::size_t tile = 0; tile < tiles; tile += step) {
    std::uint64_t wanted = filter == nullptr ? kAll : filter->word(tile);
    if (wanted == 0) continue;
    wanted &= rows_.visible_word(tile, snapshot);
    const std::uint8_t* block = rows_.b1_block(tile);
    if (wanted == 0 || block == nullptr) continue;
    k.scan_b1(block, query.tables(), groups, sums);
    wanted &=
        k.finish_b1(sums, query.b1(), rows_.b1_factors(block), best_.threshold(), scores_.data());
    add(best_, wanted, scores_.data(), tile * kTile);
  }
}

// Leaves the candidates' best `count` by byte codes in best_.
void Flat::keep_best_by_i8(const Query& query, std::size_t count) {
  slots_.clear();
  for (const Hit& hit : best_.unsorted()) slots_.push_back(hit.slot);
  best_.reset(count);
  scores_.resize(std::max(scores_.size(), slots_.size()));
  flush(I8Score{kernels(), query.i8(), rows_.i8()});
}

// The answer from the candidates in best_, which have been scored by byte codes.
std::span<const Hit> Flat::finish(const Query& query, std::size_t k) {
  if (rows_.options().originals != Rows::Originals::None) {
    slots_.clear();
    for (const Hit& hit : best_.unsorted()) slots_.push_back(hit.slot);
    best_.reset(k);
    scores_.resize(std::max(scores_.size(), slots_.size()));
    flush(OriginalScore{rows_, query});
  }
  const std::span<Hit> sorted = best_.sorted();
  return sorted.first(std::min(k, sorted.size()));
}

void Flat::search_batch(std::span<Query> queries, std::size_t k, const Snapshot& snapshot,
                        const Bitmap* filter) {
  const bool many = filter == nullptr && rows_.live() > kFew;
  if (many && rows_.options().u4 && !u4_doubt_.high() &&
      u4_doubt_.note(share<U4Score>(queries, k, snapshot, filter))) {
    return;
  }
  share<I8Score>(queries, k, snapshot, filter);
}

// False, without answers, if nibbles may have missed what bytes would find.
template <class Score>
bool Flat::share(std::span<Query> queries, std::size_t k, const Snapshot& snapshot,
                 const Bitmap* filter) {
  constexpr bool kNibbles = std::is_same_v<Score, U4Score>;
  batch_best_.resize(std::max(batch_best_.size(), queries.size()));
  batch_hits_.resize(queries.size());
  batch_codes_.clear();
  for (std::size_t q = 0; q < queries.size(); ++q) {
    batch_codes_.push_back(kNibbles ? queries[q].u4() : queries[q].i8());
    batch_best_[q].reset(kNibbles ? 4 * k + 60 : candidates(Scan::I8, k));
  }
  scan_together<Score>(snapshot, filter);
  for (std::size_t q = 0; q < queries.size(); ++q) {
    std::swap(best_, batch_best_[q]);
    best_.unsorted();
    const float dropped = best_.threshold();
    if (kNibbles) keep_best_by_i8(queries[q], candidates(Scan::I8, k));
    const std::span<const Hit> found = finish(queries[q], k);
    batch_hits_[q].assign(found.begin(), found.end());
    std::swap(best_, batch_best_[q]);
    if (kNibbles && !clear_of(dropped, queries[q], k, batch_hits_[q])) return false;
  }
  return true;
}

// Whether hardly a row that nibbles scored no higher than `dropped` can be among the best k.
bool Flat::clear_of(float dropped, const Query& query, std::size_t k,
                    std::span<const Hit> found) const {
  constexpr float kDeviations = 4;  // of which one in 30,000 is more
  if (found.size() < k) return true;
  const Hit& last = found[k - 1];
  return last.score - kDeviations * query.u4_deviation(rows_.u4().factors[last.slot]) >= dropped;
}

template <class Score>
void Flat::scan_together(const Snapshot& snapshot, const Bitmap* filter) {
  const Kernels& k = kernels();
  const std::size_t tiles = (rows_.slots() + kTile - 1) / kTile;
  const std::size_t count = batch_codes_.size();
  const CodeRows codes = Score::rows_of(rows_);
  scores_.resize(std::max(scores_.size(), count * kTile));
  for (std::size_t tile = 0; tile < tiles; ++tile) {
    std::uint64_t wanted = filter == nullptr ? kAll : filter->word(tile);
    if (wanted == 0) continue;
    wanted &= rows_.visible_word(tile, snapshot);
    if (wanted == 0) continue;
    const std::size_t first = tile * kTile;
    if (wanted == kAll) {
      (k.*Score::kBatch)(batch_codes_.data(), count, codes, first, kTile, scores_.data());
      for (std::size_t q = 0; q < count; ++q) {
        const float* scores = scores_.data() + q * kTile;
        add(batch_best_[q], k.above(scores, kTile, batch_best_[q].threshold()), scores, first);
      }
      continue;
    }
    std::uint32_t slots[kTile];
    std::size_t some = 0;
    for (; wanted != 0; wanted &= wanted - 1) {
      slots[some++] =
          static_cast<std::uint32_t>(first) + static_cast<std::uint32_t>(std::countr_zero(wanted));
    }
    for (std::size_t q = 0; q < count; ++q) {
      (k.*Score::kGather)(batch_codes_[q], codes, slots, some, scores_.data());
      for (std::size_t i = 0; i < some; ++i) batch_best_[q].add(scores_[i], slots[i]);
    }
  }
}

}  // namespace vector
