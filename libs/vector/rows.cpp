#include "vector/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <thread>

namespace vector {
namespace {

// Blocks of 1-bit codes that searches may hold back while new ones take their place.
constexpr std::size_t kSpareBlocks = 4096;

std::atomic_ref<std::uint64_t> shared(std::uint64_t& word) { return std::atomic_ref(word); }

}  // namespace

Epochs::Guard::~Guard() {
  if (place_ == nullptr) return;
  if (counted_) {
    place_->fetch_sub(1, std::memory_order_release);
  } else {
    place_->store(0, std::memory_order_release);
  }
}

Epochs::Guard Epochs::enter() const {
  // Each thread begins at a place of its own, so that two seldom meet.
  static thread_local const std::size_t kHome =
      std::hash<std::thread::id>{}(std::this_thread::get_id());
  for (std::size_t i = 0; i < kPlaces; ++i) {
    std::atomic<std::uint64_t>& place = places_[(kHome + i) % kPlaces].epoch;
    std::uint64_t free = 0;
    if (place.load(std::memory_order_relaxed) == 0 &&
        place.compare_exchange_strong(free, epoch_.load(std::memory_order_seq_cst),
                                      std::memory_order_seq_cst)) {
      return Guard(&place, false);
    }
  }
  crowd_.fetch_add(1, std::memory_order_seq_cst);
  return Guard(&crowd_, true);
}

std::uint64_t Epochs::advance() { return epoch_.fetch_add(1, std::memory_order_seq_cst) + 1; }

// A reader that this does not see entered after advance(): it reads the sequence later still, in
// the one order of all seq_cst operations, and finds the change that came before the advance.
bool Epochs::passed(std::uint64_t tag) const {
  if (crowd_.load(std::memory_order_seq_cst) != 0) return false;
  return std::all_of(places_.begin(), places_.end(), [&](const Place& place) {
    const std::uint64_t epoch = place.epoch.load(std::memory_order_seq_cst);
    return epoch == 0 || epoch >= tag;
  });
}

Result<std::unique_ptr<Rows>> Rows::create(Options options) {
  constexpr std::size_t kRowsMax = std::size_t{1} << 31;
  if (options.rows_max <= options.spare || options.rows_max > kRowsMax) {
    return Error(Code::InvalidArgument, fmt::format("an index holds 1 to {} rows, not {}", kRowsMax,
                                                    options.rows_max - options.spare));
  }
  if (options.originals == Originals::F16 && options.metric != Metric::Cosine) {
    return Error(Code::InvalidArgument, "f16 originals are for the cosine only");
  }
  Coder coder = TRY(Coder::create(options.dimension, options.metric, options.centre));
  std::unique_ptr<Rows> rows(new Rows(std::move(options), std::move(coder)));
  TRY(rows->reserve());
  return rows;
}

Result<void> Rows::reserve() {
  const std::size_t n = options_.rows_max;
  const std::size_t dimension = options_.dimension;
  const std::size_t blocks = (n + 63) / 64;
  ids_ = TRY(HugeArray<std::uint64_t>::reserve(n));
  born_ = TRY(HugeArray<std::uint64_t>::reserve(n));
  died_ = TRY(HugeArray<std::uint64_t>::reserve(n));
  live_words_ = TRY(HugeArray<std::uint64_t>::reserve(blocks));
  changed_ = TRY(HugeArray<std::uint64_t>::reserve(blocks));
  free_words_ = TRY(HugeArray<std::uint64_t>::reserve(blocks));
  i8_ = TRY(HugeArray<std::uint8_t>::reserve(n * i8_stride(dimension)));
  i8_factors_ = TRY(HugeArray<Factor>::reserve(n));
  switch (options_.originals) {
    case Originals::F32:
      f32_ = TRY(HugeArray<float>::reserve(n * f32_stride(dimension)));
      break;
    case Originals::F16:
    case Originals::Bf16:
      half_ = TRY(HugeArray<std::uint16_t>::reserve(n * f32_stride(dimension)));
      break;
    case Originals::None:
      break;
  }
  if (options_.u4) {
    u4_ = TRY(HugeArray<std::uint8_t>::reserve(n * u4_stride(dimension)));
    u4_factors_ = TRY(HugeArray<Factor>::reserve(n));
    sketches_ = TRY(HugeArray<std::uint8_t>::reserve(n * sketch_stride(dimension)));
  }
  if (options_.b1) {
    b1_ = TRY(HugeArray<std::uint8_t>::reserve((blocks + kSpareBlocks) * b1_bytes()));
    b1_at_ = TRY(HugeArray<std::uint32_t>::reserve(blocks));
  }
  accepted_.resize(f32_stride(dimension));
  rotated_.resize(f32_stride(dimension));
  return {};
}

Snapshot Rows::snapshot() const {
  Epochs::Guard guard = epochs_.enter();
  return {std::move(guard), sequence_.load(std::memory_order_seq_cst)};
}

// `died` first: who reads the one of a new row in a slot reads that row's `born`, too.
bool Rows::visible(std::uint32_t slot, const Snapshot& snapshot) const {
  return snapshot.sequence < shared(died_[slot]).load(std::memory_order_acquire) &&
         shared(born_[slot]).load(std::memory_order_relaxed) <= snapshot.sequence;
}

std::uint64_t Rows::visible_word(std::size_t block, const Snapshot& snapshot) const {
  const std::uint64_t live = shared(live_words_[block]).load(std::memory_order_acquire);
  if (shared(changed_[block]).load(std::memory_order_relaxed) <= snapshot.sequence) return live;
  std::uint64_t set = 0;
  for (std::uint32_t i = 0; i < 64; ++i) {
    const auto slot = static_cast<std::uint32_t>(64 * block + i);
    if (slot < options_.rows_max) set |= std::uint64_t{visible(slot, snapshot)} << i;
  }
  return set;
}

const std::uint8_t* Rows::b1_block(std::size_t block) const {
  if (b1_.data() == nullptr) return nullptr;
  const std::uint32_t at = std::atomic_ref(b1_at_[block]).load(std::memory_order_acquire);
  return at == 0 ? nullptr : b1_.data() + (at - 1) * b1_bytes();
}

const Factor* Rows::b1_factors(const std::uint8_t* b1_block) const {
  return reinterpret_cast<const Factor*>(b1_block + b1_groups(options_.dimension) * 64);
}

void Rows::vector(std::uint32_t slot, float* out) const {
  const std::size_t dimension = options_.dimension;
  switch (options_.originals) {
    case Originals::F32:
      std::copy_n(f32_.data() + slot * f32_stride(dimension), dimension, out);
      return;
    case Originals::F16:
    case Originals::Bf16: {
      const std::uint16_t* row = half_.data() + slot * f32_stride(dimension);
      std::transform(row, row + dimension, out,
                     options_.originals == Originals::F16 ? float_from_f16 : float_from_bf16);
      return;
    }
    case Originals::None: {
      std::vector<float> rotated(dimension);
      const std::uint8_t* code = i8_.data() + slot * i8_stride(dimension);
      const float scale = i8_factors_[slot].scale;
      for (std::size_t i = 0; i < dimension; ++i) {
        rotated[i] = scale * static_cast<float>(code[i] - 128);
      }
      coder_.unrotate(rotated.data(), out);
      return;
    }
  }
}

void Rows::rescore(const Query& query, std::span<const std::uint32_t> slots, float* out) const {
  const Kernels& k = kernels();
  const std::size_t stride = f32_stride(options_.dimension);
  const bool l2 = options_.metric == Metric::L2;
  switch (options_.originals) {
    case Originals::F32:
      (l2 ? k.l2_f32_gather : k.dot_f32_gather)(query.original(), f32_.data(), stride, stride,
                                                slots.data(), slots.size(), out);
      break;
    case Originals::F16:
      k.dot_f16_gather(query.original(), half_.data(), stride, stride, slots.data(), slots.size(),
                       out);
      break;
    case Originals::Bf16:
      (l2 ? k.l2_bf16_gather : k.dot_bf16_gather)(query.original(), half_.data(), stride, stride,
                                                  slots.data(), slots.size(), out);
      break;
    case Originals::None:
      k.score_i8_gather(query.i8(), i8(), slots.data(), slots.size(), out);
      return;
  }
  if (l2) std::transform(out, out + slots.size(), out, std::negate<float>());
}

Result<std::uint32_t> Rows::insert(std::uint64_t id, std::span<const float> vector) {
  TRY(coder_.accept(vector, accepted_.data()));
  const std::uint32_t slot = TRY(take_slot());
  if (b1_.data() != nullptr) {
    if (Result<void> made = make_b1_writable(slot / 64); !made) {
      mark_free(slot);
      retired_.push_front({0, slot});
      return made.error();
    }
  }
  free_words_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  ids_[slot] = id;
  encode(slot, accepted_.data());
  shared(born_[slot])
      .store(sequence_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  shared(died_[slot]).store(kForever, std::memory_order_release);
  mark_changed(slot);
  return slot;
}

Result<std::uint32_t> Rows::take_slot() {
  if (!retired_.empty() && epochs_.passed(retired_.front().tag)) {
    const std::uint32_t slot = retired_.front().what;
    retired_.pop_front();
    return slot;
  }
  const std::uint64_t used = slots_.load(std::memory_order_relaxed);
  if (used == options_.rows_max) {
    return Error(Code::Overloaded,
                 fmt::format("all {} rows of the index are taken", options_.rows_max));
  }
  slots_.store(used + 1, std::memory_order_release);
  return static_cast<std::uint32_t>(used);
}

void Rows::encode(std::uint32_t slot, const float* accepted) {
  const std::size_t dimension = options_.dimension;
  const std::size_t stride = f32_stride(dimension);
  if (f32_.data() != nullptr) std::copy_n(accepted, stride, f32_.data() + slot * stride);
  if (half_.data() != nullptr) {
    std::transform(accepted, accepted + stride, half_.data() + slot * stride,
                   options_.originals == Originals::F16 ? f16_from : bf16_from);
  }
  coder_.rotate(accepted, rotated_.data());
  const float bias = coder_.bias(accepted);
  i8_factors_[slot] =
      coder_.encode_i8(rotated_.data(), bias, i8_.data() + slot * i8_stride(dimension));
  if (u4_.data() != nullptr) {
    u4_factors_[slot] =
        coder_.encode_u4(rotated_.data(), bias, u4_.data() + slot * u4_stride(dimension));
    coder_.encode_sketch(rotated_.data(), u4_factors_[slot],
                         sketches_.data() + slot * sketch_stride(dimension));
  }
  if (b1_.data() != nullptr) {
    std::uint8_t* block = b1_.data() + (b1_staged_.back().second - 1) * b1_bytes();
    auto* factors = reinterpret_cast<Factor*>(block + b1_groups(dimension) * 64);
    factors[slot % 64] = coder_.encode_b1(rotated_.data(), bias, block, slot % 64);
  }
}

// Leaves the block's staged copy at the back of b1_staged_.
Result<void> Rows::make_b1_writable(std::size_t block) {
  const auto staged = std::find_if(b1_staged_.rbegin(), b1_staged_.rend(),
                                   [&](const auto& entry) { return entry.first == block; });
  if (staged != b1_staged_.rend()) {
    std::swap(*staged, b1_staged_.back());
    return {};
  }
  std::uint32_t place = 0;
  if (!b1_retired_.empty() && epochs_.passed(b1_retired_.front().tag)) {
    place = b1_retired_.front().what;
    b1_retired_.pop_front();
  } else if ((b1_used_ + 1) * b1_bytes() <= b1_.size()) {
    place = static_cast<std::uint32_t>(++b1_used_);
  } else {
    return Error(Code::Overloaded, "a search holds back too many blocks of the index");
  }
  std::uint8_t* copy = b1_.data() + (place - 1) * b1_bytes();
  if (const std::uint8_t* old = b1_block(block)) {
    std::memcpy(copy, old, b1_bytes());
  } else {
    std::memset(copy, 0, b1_bytes());
  }
  b1_staged_.emplace_back(static_cast<std::uint32_t>(block), place);
  return {};
}

void Rows::mark_changed(std::uint32_t slot) {
  const std::size_t block = slot / 64;
  const std::uint64_t bit = std::uint64_t{1} << (slot % 64);
  const bool is_live = died_[slot] == kForever;
  shared(changed_[block])
      .store(sequence_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  const std::uint64_t word = live_words_[block];
  shared(live_words_[block]).store(is_live ? word | bit : word & ~bit, std::memory_order_release);
  live_.fetch_add(is_live ? 1 : ~std::uint64_t{0}, std::memory_order_relaxed);
}

void Rows::remove(std::uint32_t slot) {
  shared(died_[slot])
      .store(sequence_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  mark_changed(slot);
}

void Rows::publish() {
  std::vector<std::uint32_t> replaced;
  for (const auto& [block, place] : b1_staged_) {
    if (b1_at_[block] != 0) replaced.push_back(b1_at_[block]);
    std::atomic_ref(b1_at_[block]).store(place, std::memory_order_release);
  }
  b1_staged_.clear();
  sequence_.store(sequence_.load(std::memory_order_relaxed) + 1, std::memory_order_seq_cst);
  if (replaced.empty()) return;
  const std::uint64_t tag = epochs_.advance();
  for (const std::uint32_t place : replaced) b1_retired_.push_back({tag, place});
}

void Rows::release(std::span<const std::uint32_t> slots) {
  const std::uint64_t tag = epochs_.advance();
  for (const std::uint32_t slot : slots) {
    mark_free(slot);
    retired_.push_back({tag, slot});
  }
}

Rows::State Rows::state() const {
  return {slots_.load(std::memory_order_relaxed), sequence_.load(std::memory_order_relaxed),
          b1_used_};
}

Result<void> Rows::restore(const State& state) {
  const std::size_t blocks = (state.slots + 63) / 64;
  if (state.slots > options_.rows_max || (state.blocks > 0 && b1_.data() == nullptr) ||
      state.blocks > b1_.size() / b1_bytes()) {
    return Error(Code::DataLoss, fmt::format("a stored index of {} rows where {} fit", state.slots,
                                             options_.rows_max));
  }
  std::vector<bool> used(state.blocks + 1);
  std::uint64_t live = 0;
  for (std::size_t block = 0; block < blocks; ++block) {
    const std::uint64_t word = live_words_[block];
    std::uint64_t free = free_words_[block];
    live += static_cast<std::uint64_t>(std::popcount(word));
    const std::size_t here = std::min<std::size_t>(64, state.slots - 64 * block);
    if ((here < 64 && (word | free) >> here != 0) || (word & free) != 0) {
      return Error(Code::DataLoss, "a stored index shows rows that it does not have");
    }
    for (; free != 0; free &= free - 1) {
      retired_.push_back({0, static_cast<std::uint32_t>(64 * block) +
                                 static_cast<std::uint32_t>(std::countr_zero(free))});
    }
    if (b1_.data() == nullptr) continue;
    if (b1_at_[block] > state.blocks || (word != 0 && b1_at_[block] == 0)) {
      return Error(Code::DataLoss, "a stored index misses a block of codes");
    }
    used[b1_at_[block]] = true;
  }
  for (std::uint32_t place = 1; place <= state.blocks; ++place) {
    if (!used[place]) b1_retired_.push_back({0, place});
  }
  b1_used_ = state.blocks;
  live_.store(live, std::memory_order_relaxed);
  slots_.store(state.slots, std::memory_order_release);
  sequence_.store(state.sequence, std::memory_order_seq_cst);
  return {};
}

}  // namespace vector
