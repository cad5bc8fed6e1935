#include "vector/flat.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace vector {
namespace {

constexpr std::size_t kTile = 64;
constexpr std::size_t kSlotsAtOnce = 1024;  // slots of a filter that are scored together
constexpr int kDoubtful = 8;                // B1 is left out from here on
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
  const CodeRows rows;

  void many(std::size_t first, std::size_t count, float* out) const {
    k.score_u4_many(query, rows, first, count, out);
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
  // Nibbles pay once the bytes they save outweigh the second rescoring.
  constexpr std::size_t kFew = 4000;
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
      scan_slots(snapshot, filter, U4Score{kernels(), query.u4(), rows_.u4()});
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
  slots_.clear();
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
      slots_.push_back(static_cast<std::uint32_t>(first) +
                       static_cast<std::uint32_t>(std::countr_zero(wanted)));
    }
    if (slots_.size() >= kSlotsAtOnce) flush(score);
  }
  flush(score);
}

template <class Score>
void Flat::flush(const Score& score) {
  add_slots(slots_, score);
  slots_.clear();
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
  if (rows_.options().u4 && b1_doubt_ > kDoubtful) {
    --b1_doubt_;
    return false;
  }
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
  if (short_of) return note_b1(false);
  if (found == 0) return true;
  const std::span<const Hit> hits = best_.sorted();
  const Hit& last = hits[std::min(k, hits.size()) - 1];
  const std::uint8_t* block = rows_.b1_block(last.slot / kTile);
  const float deviation = query.b1_deviation(rows_.b1_factors(block)[last.slot % kTile]);
  return note_b1(last.score - kDeviations * deviation >= dropped);
}

// Whether B1 was enough.
bool Flat::note_b1(bool clear) {
  constexpr int kDoubtMax = 64;  // searches after which it is tried again
  b1_doubt_ = clear ? std::max(b1_doubt_ - 1, 0) : b1_doubt_ + 2;
  if (b1_doubt_ > kDoubtful) b1_doubt_ = kDoubtMax;
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

// A whole tile, for four queries at a time.
void Flat::add_tile(std::span<const Query> queries, std::size_t first) {
  constexpr std::size_t kTogether = 4;
  const Kernels& k = kernels();
  for (std::size_t q = 0; q < queries.size(); q += kTogether) {
    CodeQuery together[kTogether];
    const std::size_t count = std::min(kTogether, queries.size() - q);
    for (std::size_t i = 0; i < kTogether; ++i) {
      together[i] = queries[q + std::min(i, count - 1)].i8();
    }
    k.score_i8_batch(together, rows_.i8(), first, kTile, scores_.data());
    for (std::size_t i = 0; i < count; ++i) {
      const float* scores = scores_.data() + i * kTile;
      TopK& best = batch_best_[q + i];
      add(best, k.above(scores, kTile, best.threshold()), scores, first);
    }
  }
}

void Flat::search_batch(std::span<Query> queries, std::size_t k, const Snapshot& snapshot,
                        const Bitmap* filter) {
  const std::size_t tiles = (rows_.slots() + kTile - 1) / kTile;
  batch_best_.resize(std::max(batch_best_.size(), queries.size()));
  batch_hits_.resize(queries.size());
  scores_.resize(std::max(scores_.size(), kSlotsAtOnce + kTile));
  for (std::size_t q = 0; q < queries.size(); ++q) {
    batch_best_[q].reset(candidates(Scan::I8, k));
  }
  for (std::size_t tile = 0; tile < tiles; ++tile) {
    std::uint64_t wanted = filter == nullptr ? kAll : filter->word(tile);
    if (wanted == 0) continue;
    wanted &= rows_.visible_word(tile, snapshot);
    const std::size_t first = tile * kTile;
    if (wanted == kAll) {
      add_tile(queries, first);
      continue;
    }
    std::uint32_t slots[kTile];
    std::size_t count = 0;
    for (; wanted != 0; wanted &= wanted - 1) {
      slots[count++] =
          static_cast<std::uint32_t>(first) + static_cast<std::uint32_t>(std::countr_zero(wanted));
    }
    for (std::size_t q = 0; q < queries.size(); ++q) {
      kernels().score_i8_gather(queries[q].i8(), rows_.i8(), slots, count, scores_.data());
      for (std::size_t i = 0; i < count; ++i) batch_best_[q].add(scores_[i], slots[i]);
    }
  }
  for (std::size_t q = 0; q < queries.size(); ++q) {
    std::swap(best_, batch_best_[q]);
    const std::span<const Hit> found = finish(queries[q], k);
    batch_hits_[q].assign(found.begin(), found.end());
    std::swap(best_, batch_best_[q]);
  }
}

}  // namespace vector
