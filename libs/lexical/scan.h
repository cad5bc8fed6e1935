#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "lexical/postings.h"
#include "lexical/search.h"

// The walk through one part of a snapshot that keeps the best documents: MaxScore (Turtle, Flood:
// Query Evaluation: Strategies and Optimizations, 1995) with block maxima (Ding, Suel: Faster Top-k
// Document Retrieval Using Block-Max Indexes, 2011) over windows of slots:
//
//   - Nothing of a window is read whose lists' greatest weights together do not beat the worst of
//     the best so far.
//   - Else the lists are split: those of least worth, which together could not lift a document over
//     that bar, are asked only about documents that the others brought near enough.
//   - The others are added up list by list into an array of the window, which fits the first cache.
//
// Deleted documents and filters are a bitmap of the window; when few documents are left in it, all
// lists are asked about those alone.
namespace lexical {

// The best `k`, and the bar that a document must beat.
class Top {
 public:
  explicit Top(std::size_t k) : k_(k) {}

  struct Entry {
    std::uint64_t id;
    std::uint32_t score;
  };

  void offer(std::uint64_t id, std::uint32_t score);
  // What a score must exceed if all ids that follow are at least `id`.
  std::uint32_t bar(std::uint64_t id) const;
  // Best first; the heap is spent.
  std::vector<Entry> take();

 private:
  std::size_t k_;
  std::vector<Entry> heap_;  // the worst on top
};

// Not thread-safe: one a search and part.
class Scan {
 public:
  Scan(const Part& part, const Filter* filter, Top& top);

  // A list whose postings count; it must not be empty.
  void add(const PostingList& list, const Contributions& worth);
  // Only documents of this list may be found.
  void require(const PostingList& list) { required_.emplace_back(list); }

  void run();

  static constexpr std::uint32_t kWindow = 512;
  static_assert(kWindow <= Filter::kRestrictMax);

 private:
  struct Lane {
    Lane(const PostingList& list, const Contributions& worth_in);
    Cursor cursor;
    const Contributions* worth;
    std::uint32_t most;       // that the list can add to any score
    std::uint32_t bound = 0;  // that it can add in this window
    std::uint32_t usual;      // postings in a window, on average
  };

  std::uint32_t next_window(std::uint32_t from);
  void window(std::uint32_t low, std::uint32_t high);
  std::uint32_t bound_lanes(std::uint32_t low, std::uint32_t high);
  std::uint32_t allow(std::uint32_t low, std::uint32_t high);
  void collect(std::uint32_t low, std::uint32_t over);
  void collect_allowed(std::uint32_t low);
  void take(std::uint32_t low, std::uint32_t at);
  void add_rest(std::uint32_t low, std::uint32_t high, std::size_t lanes, std::uint32_t rest,
                std::uint32_t bar);

  const Part& part_;
  const Filter* filter_;
  Top& top_;
  std::uint32_t documents_;
  std::deque<Lane> lanes_;
  std::deque<Cursor> required_;
  std::vector<Lane*> by_most_;  // least first
  std::vector<Lane*> active_;   // in this window, least bound first
  alignas(64) std::array<std::uint32_t, kWindow> sums_{};
  std::array<std::uint64_t, kWindow / 64> allowed_{};
  std::array<std::uint16_t, kWindow> near_{};  // documents that may still be among the best
  std::size_t near_count_ = 0;
};

}  // namespace lexical
