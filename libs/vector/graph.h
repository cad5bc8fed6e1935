#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "vector/bitmap.h"
#include "vector/codes.h"
#include "vector/huge_array.h"
#include "vector/rows.h"
#include "vector/top_k.h"

// A proximity graph over the slots of Rows, in the line of HNSW (Malkov & Yashunin 2016): each row
// has links to at most 32 rows near it, none nearer to another of them than to the row, and a
// search follows them from good to better. What differs, and why:
//   - Links and codes stand apart, in arrays that never move: the walk reads 128 bytes of links of
//     a row that it follows, of a row that it meets the 64 bytes of its sketch, and of one in three
//     of these, whose sketch promises it a place among the best, 192 bytes of 4-bit codes; the
//     originals are read only for the best of what it found.
//   - The upper levels are the slots divisible by 32 and by 1024, with links of their own: they
//     supply the entry and need neither a draw of levels nor a table.
//   - Links are chosen on byte codes, by comparing scores only, so every metric will do.
//   - A removed row goes on leading searches until repair() has moved the links of those that lead
//     to it over to its neighbours.
//
// One writer (insert, remove, repair), any number of readers, which never wait. A link is written
// after the codes it leads to and with release order, so who follows it sees them; slots that were
// unlinked are written again only when Rows knows that all searches from before have ended.

namespace vector {

// How hard a search tries.
struct Effort {
  std::size_t breadth = 64;   // rows that the walk keeps in mind: recall against time
  std::size_t rescored = 32;  // of them scored by the originals; at least k are
};

// What the graph would do here, from walks for rows about to be inserted whose nearest neighbours
// were found by a scan as well: some tens of the latest, so it follows the collection. Rows are a
// little easier than questions about them: allow for as many misses again.
struct GraphOutlook {
  static constexpr std::array<std::size_t, 4> kBreadths = {32, 64, 128, 256};

  static constexpr std::size_t kSamplesMin = 8;  // that are worth a plan

  std::size_t samples = 0;
  std::array<double, 4> recall = {};  // at 10, of a walk of each breadth
  std::array<double, 4> scored = {};  // rows that it scored
  // At 10 as well, of what scans of byte and of nibble codes hand on: 1 until it is measured, low
  // where the rows lie so far from the centre that their codes say little else.
  std::array<double, 2> codes = {1, 1};

  // The smallest of these breadths that reaches `recall`, interpolated; 0 when none does: the data
  // has no near and far to follow, a flat scan is better.
  std::size_t breadth_for(double recall) const;
};

// What a search needs for itself. One a thread, made once; a search allocates nothing.
class GraphScratch {
 public:
  static Result<GraphScratch> create(std::size_t rows_max);

  // Of the last search: the slots whose originals (or bytes) were read, and the rows scored at all.
  std::span<const std::uint32_t> rescored() const { return {slots_.data(), rescored_}; }
  std::size_t scored() const { return scored_; }

 private:
  friend class Graph;

  static constexpr std::size_t kLogMax = 1 << 16;

  // Whether it is the first time.
  bool see(std::uint32_t slot) {
    std::uint64_t& word = seen_[slot / 64];
    const std::uint64_t bit = std::uint64_t{1} << (slot % 64);
    if ((word & bit) != 0) return false;
    word |= bit;
    if (logged_ < kLogMax) log_[logged_] = slot;
    ++logged_;
    return true;
  }
  void forget();
  void reset(std::size_t breadth);
  // Keeps the best `breadth_`.
  void put(float score, std::uint32_t slot);
  std::size_t unfollowed(std::size_t place) const;  // from there on
  // The best `most` that were not followed, now they are; returns how many there were.
  std::size_t follow(std::size_t most, std::uint32_t* out);
  std::uint32_t slot(std::size_t place) const {
    return static_cast<std::uint32_t>(pool_[place]) >> 1;
  }

  HugeArray<std::uint64_t> seen_;
  std::vector<std::uint32_t> log_;  // what was marked in seen_
  std::size_t logged_ = 0;
  // Ascending: the score's complement, then the slot, then whether its links were followed.
  std::vector<std::uint64_t> pool_;
  std::size_t size_ = 0;
  std::size_t next_ = 0;  // all before were followed
  std::size_t breadth_ = 0;
  float threshold_ = 0;  // what a score must exceed to enter the pool

  std::vector<std::uint32_t> slots_;
  std::vector<float> scores_;
  std::vector<Hit> hits_;
  std::size_t rescored_ = 0;
  std::size_t scored_ = 0;
};

struct GraphOptions {
  std::size_t breadth = 100;  // of the walk that finds a new row's neighbours
  // Of a new row: diverse ones; near ones to make up the number. The room left is for links back.
  std::size_t links_max = 24;
  std::size_t links_min = 16;
  // Of a row that led to removed ones, as far as there are diverse ones. With as many as it had,
  // links grow fewer as rows are replaced, and recall falls.
  std::size_t links_mended = 28;
  std::size_t pending_part = 64;  // repair() is due when a 64th of the rows is removed
};

class Graph {
 public:
  static constexpr std::size_t kDegree = 32;
  static constexpr std::size_t kBreadthMax = 4096;

  // `rows` has nibble or byte codes and outlives the graph.
  static Result<Graph> create(const Rows& rows, GraphOptions options = {});

  // --- For readers.

  // The best `hits.size()` rows that are visible in the snapshot and in the filter, best first, by
  // their originals; returns how many were found. Fewer than asked for means that the filter hides
  // what is near: scan instead.
  std::size_t search(GraphScratch& scratch, const Query& query, const Snapshot& snapshot,
                     const Bitmap* filter, const Effort& effort, std::span<Hit> hits) const;

  // --- For the writer.

  // Links a slot that Rows::insert has written.
  void insert(std::uint32_t slot);
  // Says that the slot has been removed. It stays linked until the next repair.
  void remove(std::uint32_t slot);
  std::size_t pending() const { return pending_.size(); }
  bool repair_due() const;
  // Unlinks all removed slots and returns them, for Rows::release. The cost is a scan of all
  // links, so it is done for many at a time.
  std::vector<std::uint32_t> repair();

  std::size_t size() const { return size_; }
  std::size_t bytes() const;
  GraphOutlook outlook() const;

  // --- For storage, with no writer about and nothing pending.

  struct State {
    std::uint64_t size = 0;
    std::uint64_t slots = 0;
    std::array<std::uint32_t, 3> entries = {};
    GraphOutlook outlook;
  };
  State state() const;
  // Of a graph without rows, before or after its arrays are filled as they were at state(): reads
  // none of them. Error: DataLoss when it does not fit.
  Result<void> restore(const State& state);

  // Calls f(name, array, elements in use) for each array.
  template <class F>
  void for_each_array(F&& f) {
    constexpr std::array<const char*, 3> kNames = {"links0", "links1", "links2"};
    for (std::size_t i = 0; i < kLevels; ++i) {
      f(kNames[i], levels_[i].links, places(i, slots_) * kDegree);
    }
    f("linked", linked_, (slots_ + 63) / 64);
  }

 private:
  static constexpr std::size_t kLevels = 3;
  static constexpr std::array<std::uint32_t, kLevels> kShift = {0, 5, 10};
  static constexpr std::uint32_t kNone = 0xFFFF'FFFF;
  static constexpr std::size_t kTogether = 4;  // rows that a walk follows at once
  static constexpr std::size_t kMet = kTogether * kDegree;

  // The slots that are multiples of 2^shift. A link is 1 + the slot; the first 0 ends a row.
  struct Level {
    HugeArray<std::uint32_t> links;
    HugeArray<std::uint32_t> in_links;  // how many lead to each; the writer's own
    std::uint32_t shift = 0;
    std::uint32_t entry = kNone;  // read by searches

    std::uint32_t* row(std::uint32_t slot) const {
      return links.data() + std::size_t{slot >> shift} * kDegree;
    }
    std::uint32_t& leading_to(std::uint32_t slot) const { return in_links[slot >> shift]; }
  };

  // A stored row as a query: its byte code with the sign restored.
  struct RowQuery {
    std::vector<Line> lines;
    CodeQuery i8, u4;
    SketchQuery sketch;
  };

  // How rows are scored: by which codes, for which query.
  struct Measure {
    CodeQuery query;
    CodeRows rows;
    void (*gather)(const CodeQuery&, const CodeRows&, const std::uint32_t*, std::size_t,
                   float*) = nullptr;

    void score(std::span<const std::uint32_t> slots, float* out) const {
      gather(query, rows, slots.data(), slots.size(), out);
    }
    void fetch(std::uint32_t slot) const;
  };
  // Where a walk begins.
  struct Starts {
    std::array<std::uint32_t, kTogether> slots;
    std::size_t count = 0;

    Starts() = default;
    explicit Starts(std::uint32_t slot) : slots{slot}, count(slot == kNone ? 0 : 1) {}
  };

  // The measures of a walk: what counts, and by sketches what that hardly ever exceeds. Where rows
  // have no sketches both are the same, and nothing is sifted.
  struct Measures {
    Measure fine;
    Measure promise;
    bool sifting = false;
  };

  explicit Graph(const Rows& rows, GraphOptions options) : rows_(&rows), options_(options) {}

  // Of the words that searches read: links and entries.
  static std::uint32_t load(const std::uint32_t& word) {
    // atomic_ref has no const form in C++20; a load changes nothing.
    return std::atomic_ref(const_cast<std::uint32_t&>(word)).load(std::memory_order_acquire);
  }
  static void store(std::uint32_t& word, std::uint32_t value) {
    std::atomic_ref(word).store(value, std::memory_order_release);
  }
  static std::size_t places(std::size_t level, std::size_t slots) {
    return (slots + (std::size_t{1} << kShift[level]) - 1) >> kShift[level];
  }
  Measures measures(const Query& query) const;
  Measures measures(const RowQuery& query) const;
  Measures measures(const CodeQuery& i8, const CodeQuery& u4, const SketchQuery& sketch) const;
  std::size_t unseen(const Level& level, std::uint32_t slot, const Measure& measure,
                     GraphScratch& scratch, std::uint32_t* out) const;
  template <class F>
  void for_each_above(const float* scores, std::size_t count, float threshold, F&& f) const;
  void fetch_links(const Level& level, const GraphScratch& scratch) const;
  std::size_t sift(const Measures& measures, const GraphScratch& scratch,
                   std::span<std::uint32_t> slots) const;
  void walk(const Level& level, const Measures& measures, const Starts& starts, std::size_t breadth,
            GraphScratch& scratch) const;
  Starts descend(const Measures& measures, std::size_t level, GraphScratch& scratch) const;
  std::size_t choose_shown(GraphScratch& scratch, const Snapshot& snapshot, const Bitmap* filter,
                           std::size_t most) const;

  bool is_linked(std::uint32_t slot) const;
  bool in_level(const Level& level, std::uint32_t slot) const;
  void read(std::uint32_t slot, RowQuery& out) const;
  void read_to_walk(std::uint32_t slot, RowQuery& out) const;  // with its sketch
  void sort_by_bytes(const RowQuery& query, std::span<const std::uint32_t> slots,
                     std::vector<Hit>& out) const;
  std::size_t diverse(std::span<const Hit> candidates, std::size_t most, std::uint32_t* out);
  bool hidden(const Hit& candidate, std::span<const std::uint32_t> links);
  static std::size_t neighbours(const Level& level, std::uint32_t slot, std::uint32_t* out);
  void set_links(const Level& level, std::uint32_t slot, std::span<const std::uint32_t> links);
  void uncount(const Level& level, std::uint32_t slot);
  void count_in_links();
  std::size_t choose(std::span<const Hit> candidates, std::uint32_t* out);
  void link(const Level& level, std::uint32_t slot, const Starts& starts);
  void link_back(const Level& level, std::uint32_t from, std::uint32_t to);
  void mend(const Level& level, std::uint32_t slot);
  void repair(Level& level);
  void choose_entry(Level& level);
  void sample(std::uint32_t slot);
  void scan_for_sample(std::uint32_t slot);
  double share_of_nearest(std::span<const std::uint32_t> slots);

  const Rows* rows_;
  GraphOptions options_;
  const Kernels* kernels_ = nullptr;
  float centre_squared_ = 0;
  float gain_ = 1;

  std::array<Level, kLevels> levels_;
  // The rest is the writer's own.
  HugeArray<std::uint64_t> linked_;  // the slots that have links: neither free nor unlinked
  std::size_t size_ = 0;
  std::size_t slots_ = 0;  // above all that were ever linked
  std::vector<std::uint32_t> pending_;
  Bitmap gone_;  // those of pending_
  bool in_links_counted_ = true;

  GraphScratch scratch_;
  RowQuery inserted_, pruned_, chosen_;
  std::vector<Hit> candidates_, candidates_of_pruned_, left_;
  std::vector<std::uint32_t> slots_of_candidates_;
  std::vector<float> scores_;

  struct Sample {
    std::array<float, 4> recall;
    std::array<float, 4> scored;
  };
  std::vector<Sample> samples_;
  GraphOutlook restored_;  // until there are samples enough
  std::size_t sampled_ = 0;
  std::size_t inserts_ = 0;
  std::size_t next_sample_ = 64;
  std::array<double, 2> codes_ = {1, 1};  // as in the outlook
  std::size_t codes_sampled_ = 0;
  // Of the row that is sampled: its nearest by the originals, by bytes, by nibbles.
  TopK nearest_, by_bytes_, by_nibbles_;
  Query sampled_query_;
  std::vector<float> sampled_row_;
};

}  // namespace vector
