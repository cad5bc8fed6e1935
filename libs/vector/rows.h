#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/result.h"
#include "vector/codes.h"
#include "vector/huge_array.h"
#include "vector/kernels.h"

namespace vector {

// Tells a writer when no search can still see what it took away. A reader costs two writes to a
// cache line of its own, takes no lock and never waits. Thread-safe for readers; the rest belongs
// to the one writer.
class Epochs {
 public:
  // A reader's presence, for its lifetime.
  class Guard {
   public:
    Guard(Guard&& other) noexcept
        : place_(std::exchange(other.place_, nullptr)), counted_(other.counted_) {}
    Guard& operator=(Guard&&) = delete;
    ~Guard();

   private:
    friend class Epochs;
    Guard(std::atomic<std::uint64_t>* place, bool counted) : place_(place), counted_(counted) {}

    std::atomic<std::uint64_t>* place_;
    bool counted_ = false;
  };

  Guard enter() const;

  // Ends an epoch: what has been taken away before may be reused once passed(the returned tag).
  std::uint64_t advance();
  // Whether all readers that were there at that advance() have left.
  bool passed(std::uint64_t tag) const;

 private:
  static constexpr std::size_t kPlaces = 128;
  struct alignas(64) Place {
    std::atomic<std::uint64_t> epoch{0};  // 0: free
  };

  std::atomic<std::uint64_t> epoch_{1};
  mutable std::array<Place, kPlaces> places_;
  // Readers that found no place; while there are any, nothing is reused.
  mutable std::atomic<std::uint64_t> crowd_{0};
};

// What one search sees: all that was published before it began, however long it takes.
struct Snapshot {
  Epochs::Guard guard;
  std::uint64_t sequence;
};

// The rows of a vector index, in slots: external id, original vector, codes, and since and until
// when they are visible. One writer at a time, any number of readers, which never wait: a row is
// written before the publish() that shows it, and its slot is written again only after every search
// that might know it has ended. Readers hold a Snapshot and touch only slots visible in it, or,
// in a graph, such as it leads to.
//
// A slot's life: insert -> (publish) visible -> remove -> (publish) gone from new searches ->
// release, once no structure leads to it -> used again when the epoch has passed.
class Rows {
 public:
  // F16 only under Cosine, where no value is beyond its range: 8 times finer than Bf16.
  enum class Originals { F32, F16, Bf16, None };

  struct Options {
    std::size_t dimension = 0;
    Metric metric = Metric::Cosine;
    std::size_t rows_max = std::size_t{1} << 20;  // reserves address space, not memory
    // Of rows_max: slots for rows that take the place of others, so that an index which holds as
    // many rows as its owner allows can still be changed while old ones wait to be released.
    std::size_t spare = 0;
    Originals originals = Originals::F32;
    bool u4 = true;  // and sketches, by which walks and scans choose what they read of these
    bool b1 = true;  // for flat scans of everything
    std::vector<float> centre = {};
  };

  // The scalars of a stored index; the arrays are those of for_each_array().
  struct State {
    std::uint64_t slots = 0;  // used so far, free ones included
    std::uint64_t sequence = 0;
    std::uint64_t blocks = 0;
  };

  static constexpr std::uint64_t kForever = std::numeric_limits<std::uint64_t>::max();

  static Result<std::unique_ptr<Rows>> create(Options options);

  // --- For readers.

  const Options& options() const { return options_; }
  const Coder& coder() const { return coder_; }

  Snapshot snapshot() const;
  // Slots that have been used so far: those of any snapshot taken before are below.
  std::size_t slots() const { return slots_.load(std::memory_order_acquire); }
  std::size_t live() const { return live_.load(std::memory_order_relaxed); }

  bool visible(std::uint32_t slot, const Snapshot& snapshot) const;
  // The sequence that shows the slot's row: a filter that was made at an earlier one does not mean
  // it.
  std::uint64_t born(std::uint32_t slot) const {
    return std::atomic_ref(born_[slot]).load(std::memory_order_relaxed);
  }
  // Which of the slots [64 * block, 64 * block + 64) are visible.
  std::uint64_t visible_word(std::size_t block, const Snapshot& snapshot) const;

  std::uint64_t id(std::uint32_t slot) const { return ids_[slot]; }
  const float* f32() const { return f32_.data(); }            // rows of f32_stride(); null without
  const std::uint16_t* half() const { return half_.data(); }  // F16 or Bf16, at the same stride
  CodeRows i8() const { return {i8_.data(), i8_stride(options_.dimension), i8_factors_.data()}; }
  CodeRows u4() const { return {u4_.data(), u4_stride(options_.dimension), u4_factors_.data()}; }
  // Nibbles with the factors that stand in their rows' sketches: whoever comes from there has read
  // them.
  CodeRows u4_sketched() const {
    return {u4_.data(), u4_stride(options_.dimension), sketches().factors + 1,
            sketch_stride(options_.dimension)};
  }
  // Its codes are null when there are none.
  CodeRows sketches() const {
    const std::size_t stride = sketch_stride(options_.dimension);
    const std::uint8_t* factors = sketches_.data() + sketch_bits(options_.dimension);
    return {sketches_.data(), stride, reinterpret_cast<const Factor*>(factors), stride};
  }
  // The 1-bit codes of block's 64 rows; null when there is none.
  const std::uint8_t* b1_block(std::size_t block) const;
  const Factor* b1_factors(const std::uint8_t* b1_block) const;

  // The accepted vector (normalised under Cosine) as far as it is kept: from 16 bits, or from the
  // i8 code, when there is no f32.
  void vector(std::uint32_t slot, float* out) const;

  // Scores of these rows by what is kept of the originals; exact for F32. Without originals the i8
  // code is scored.
  void rescore(const Query& query, std::span<const std::uint32_t> slots, float* out) const;

  // --- For the writer.

  // Puts a row into a slot; visible after publish(). Errors: as Coder::accept; Overloaded when all
  // slots are taken (or wait for a search to end).
  Result<std::uint32_t> insert(std::uint64_t id, std::span<const float> vector);
  // Takes a live row out, for searches after publish().
  void remove(std::uint32_t slot);
  // Shows all changes since the last publish() at once.
  void publish();
  // After publish(): nothing leads to these removed rows any more.
  void release(std::span<const std::uint32_t> slots);

  bool is_live(std::uint32_t slot) const { return died_[slot] == kForever; }
  // Removed but not yet released.
  bool is_dead(std::uint32_t slot) const {
    return !is_live(slot) && (free_words_[slot / 64] >> (slot % 64) & 1) == 0;
  }

  // --- For storage, with no writer about.

  State state() const;
  // After the arrays have been filled as they were at state(). Refused when they cannot be. Reads
  // "live", "free" and "b1at" only, which must have been verified.
  Result<void> restore(const State& state);

  // Calls f(name, array, elements in use) for each array.
  template <class F>
  void for_each_array(F&& f) {
    const std::size_t slots = this->slots();
    const std::size_t blocks = (slots + 63) / 64;
    f("ids", ids_, slots);
    f("born", born_, slots);
    f("died", died_, slots);
    f("live", live_words_, blocks);
    f("free", free_words_, blocks);
    f("i8", i8_, slots * i8_stride(options_.dimension));
    f("i8f", i8_factors_, slots);
    if (f32_.data() != nullptr) f("f32", f32_, slots * f32_stride(options_.dimension));
    if (half_.data() != nullptr) f("half", half_, slots * f32_stride(options_.dimension));
    if (u4_.data() != nullptr) f("u4", u4_, slots * u4_stride(options_.dimension));
    if (u4_.data() != nullptr) f("u4f", u4_factors_, slots);
    if (sketches_.data() != nullptr) {
      f("sketch", sketches_, slots * sketch_stride(options_.dimension));
    }
    if (b1_.data() != nullptr) f("b1", b1_, b1_used_ * b1_bytes());
    if (b1_.data() != nullptr) f("b1at", b1_at_, blocks);
  }

 private:
  struct Retired {
    std::uint64_t tag;
    std::uint32_t what;
  };

  Rows(Options options, Coder coder) : options_(std::move(options)), coder_(std::move(coder)) {}

  Result<void> reserve();
  Result<std::uint32_t> take_slot();
  void encode(std::uint32_t slot, const float* accepted);
  Result<void> make_b1_writable(std::size_t block);
  std::size_t b1_bytes() const { return b1_groups(options_.dimension) * 64 + 64 * sizeof(Factor); }
  void mark_changed(std::uint32_t slot);
  void mark_free(std::uint32_t slot) { free_words_[slot / 64] |= std::uint64_t{1} << (slot % 64); }

  const Options options_;
  const Coder coder_;

  HugeArray<std::uint64_t> ids_;
  HugeArray<float> f32_;
  HugeArray<std::uint16_t> half_;
  HugeArray<std::uint8_t> i8_, u4_, sketches_;
  HugeArray<Factor> i8_factors_, u4_factors_;

  // Visible from sequence born on, to before died. A released row keeps both: searches that began
  // before its removal still see it.
  HugeArray<std::uint64_t> born_, died_;
  // Of each 64 slots: the live ones, and the sequence that changed them last: a snapshot that is
  // not older need not look at each. `changed` is written before `live` and read after it.
  HugeArray<std::uint64_t> live_words_, changed_;
  // The released slots; the writer's own.
  HugeArray<std::uint64_t> free_words_;

  // 1-bit codes in blocks of 64 rows (and their factors) that are read as a whole, so they are
  // copied on change: b1_at_[slot / 64] is 1 + the place of its block in b1_.
  HugeArray<std::uint8_t> b1_;
  HugeArray<std::uint32_t> b1_at_;
  std::size_t b1_used_ = 0;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> b1_staged_;  // block -> its new 1 + place
  std::deque<Retired> b1_retired_;

  std::deque<Retired> retired_;  // slots, and the epoch that must have passed
  std::vector<float> accepted_, rotated_;

  std::atomic<std::uint64_t> sequence_{0};
  std::atomic<std::uint64_t> slots_{0};
  std::atomic<std::uint64_t> live_{0};
  Epochs epochs_;
};

}  // namespace vector
