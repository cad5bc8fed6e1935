#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "vector/bitmap.h"
#include "vector/rows.h"
#include "vector/top_k.h"

namespace vector {

// What a flat search reads first. Each but F32 keeps the best candidates of its codes and rescores
// them by what is kept of the originals, B1 and U4 by way of the byte codes.
enum class Scan {
  F32,  // the originals: exact (bf16 if those are kept; byte codes if none are)
  I8,   // byte codes: recall .9999
  U4,   // nibble codes: recall .995, half the bytes, and of a row that a filter lets through mostly
        // the sketch; for filters that let a tenth through
  B1,   // 1-bit codes in blocks of 64 rows: recall .99 at a sixth of the bytes; for whole scans
};

// The scratch of one thread's flat searches of some rows: scans that compare the query with every
// visible row that the filter lets through. No allocation once warm. Not thread-safe.
//
// B1 checks itself: when the best rows it found are not clearly above what it dropped, given the
// error of its estimates, the query is scanned again by U4. Data that is like that throughout (far
// from any structure) soon goes to U4 at once.
class Flat {
 public:
  explicit Flat(const Rows& rows) : rows_(rows) {}

  // The best k, best first (fewer if there are fewer), until the next search. `filter` is null or
  // says which slots may be found; it is looked at before a distance is computed.
  std::span<const Hit> search(Query& query, std::size_t k, const Snapshot& snapshot, Scan scan,
                              const Bitmap* filter = nullptr);

  // The same for few slots that the caller lists; they need not be in order.
  std::span<const Hit> search_slots(Query& query, std::size_t k, const Snapshot& snapshot,
                                    std::span<const std::uint32_t> slots);

  // The same for several queries that share one scan, with recall .9999: answer i is hits()[i].
  // Faster from two queries on. Nibbles are read when many rows are, and bytes where those are not
  // four deviations clear of what they dropped.
  void search_batch(std::span<Query> queries, std::size_t k, const Snapshot& snapshot,
                    const Bitmap* filter = nullptr);
  std::span<const std::vector<Hit>> hits() const { return batch_hits_; }

  // The scan with recall at least .99 that is fastest when `matches` of `rows` are looked at.
  static Scan choose(const Rows& rows, std::size_t matches);

 private:
  // Rises when codes were too coarse, falls when they were not.
  class Doubt {
   public:
    // Too high to try them now; sinks with each question.
    bool high();
    // Returns whether they were clear.
    bool note(bool clear);

   private:
    int level_ = 0;
  };

  template <class Score>
  void scan_slots(const Snapshot& snapshot, const Bitmap* filter, const Score& score);
  bool scan_b1(Query& query, std::size_t k, const Snapshot& snapshot, const Bitmap* filter);
  void pass_b1(const Query& query, const Snapshot& snapshot, const Bitmap* filter,
               std::size_t step);
  template <class Score>
  void flush(const Score& score);
  template <class Score>
  void take(std::span<std::uint32_t> slots, const Score& score);
  std::span<const std::uint32_t> keep_promising(std::span<std::uint32_t> slots,
                                                const CodeQuery& promise);
  template <class Score>
  void add_slots(std::span<const std::uint32_t> slots, const Score& score);
  template <class Score>
  bool share(std::span<Query> queries, std::size_t k, const Snapshot& snapshot,
             const Bitmap* filter);
  template <class Score>
  void scan_together(const Snapshot& snapshot, const Bitmap* filter);
  bool clear_of(float dropped, const Query& query, std::size_t k, std::span<const Hit> found) const;
  void keep_best_by_i8(const Query& query, std::size_t count);
  std::span<const Hit> finish(const Query& query, std::size_t k);

  const Rows& rows_;
  TopK best_;
  Doubt b1_doubt_;
  Doubt u4_doubt_;  // in searches that share a scan
  std::vector<std::uint32_t> slots_;
  std::vector<float> scores_;
  std::vector<CodeQuery> batch_codes_;
  std::vector<TopK> batch_best_;
  std::vector<std::vector<Hit>> batch_hits_;
};

}  // namespace vector
