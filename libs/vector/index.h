#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "vector/bitmap.h"
#include "vector/codes.h"
#include "vector/flat.h"
#include "vector/graph.h"
#include "vector/id_map.h"
#include "vector/planner.h"
#include "vector/rows.h"
#include "vector/storage.h"

// The vector search of a service: vectors under ids of the caller's, found by nearness, held in
// memory and kept in a file.
//
//   auto index = TRY(Index::create({.dimension = 384}));
//   TRY(index->insert(id, vector));
//   std::array<Match, 10> matches;
//   const std::size_t found = TRY(index->search(query, {}, matches));
//
// Thread-safe. Searches take no lock, allocate nothing once their thread's scratch exists, never
// wait for a writer and see one state of the index: all changes published before they began, none
// after. Changes are made one at a time; each is visible when its call returns. Nothing is durable
// before save(): the owner keeps the truth elsewhere and brings an opened index up to date from
// there.
namespace vector {

// What is kept of a vector of d dimensions, beside some 170 bytes of links and bookkeeping:
//   Exact    4 d original, d + d/2 + d/6 + d/8 codes: scores are exact
//   Fast     2 d original, d + d/2 + d/6 + d/8 codes: scores are within a thousandth, of products
//            and distances within 4
//   Compact  d code alone: scores are within a hundredth
// Recall is that of the scores: 1 in all searches takes Exact.
enum class Profile { Exact, Fast, Compact };

struct IndexOptions {
  std::size_t dimension = 0;  // 1 to kDimensionMax
  Metric metric = Metric::Cosine;
  Profile profile = Profile::Fast;
  std::size_t rows_max = std::size_t{1} << 20;  // reserves address space, not memory
  // The mean of the vectors to come, or empty. Models put all texts into one corner of the space:
  // codes that are relative to it are the finer.
  std::vector<float> centre = {};
};

// Higher is better: the cosine, the product, or the squared distance's negative.
struct Match {
  std::uint64_t id = 0;
  float score = 0;
};

// A set of rows to search in, made by Index::filter from ids, for any number of searches of that
// index. A row that is replaced leaves the filters that were made before.
class Filter {
 public:
  std::size_t size() const { return size_; }

 private:
  friend class Index;
  // How many of the rows are left, as counted last: shared by the searches that use the filter.
  struct Left {
    Left() = default;
    Left(const Left& other) { *this = other; }
    Left& operator=(const Left& other) {
      set(other.size.load(std::memory_order_relaxed),
          other.sequence.load(std::memory_order_relaxed));
      return *this;
    }
    void set(std::size_t counted, std::uint64_t at) {
      size.store(counted, std::memory_order_relaxed);
      sequence.store(at, std::memory_order_relaxed);
    }
    std::atomic<std::size_t> size{0};
    std::atomic<std::uint64_t> sequence{0};
  };

  Bitmap slots_;
  std::size_t size_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t serial_ = 0;  // of its copies too
  mutable Left left_;
};

struct SearchOptions {
  double recall = kRecallDefault;  // of the nearest, on average; 1 scans the originals
  const Filter* filter = nullptr;
};

struct IndexStats {
  std::size_t rows = 0;
  std::size_t bytes = 0;  // in pages that rows, links and maps take, mapped files included
  double bytes_per_row = 0;
  Tier tier = Tier::Scalar;
  bool opening = false;  // verification and promotion of an opened file go on
  std::string damaged;   // what tending found wrong with the file: build the index anew
  std::uint64_t walks = 0;
  std::uint64_t scans = 0;
  std::uint64_t scans_after_walks = 0;  // of them, where a filter hid what the walk had found
  GraphOutlook outlook;
  double widening = 1;  // of walks, learnt from the queries
};

class Index {
 public:
  static constexpr std::size_t kMatchesMax = 1000;
  static constexpr std::size_t kBatchMax = 1024;

  // InvalidArgument for a dimension, centre or number of rows out of range.
  static Result<std::unique_ptr<Index>> create(const IndexOptions& options);

  // Opens what save() wrote: at once, whatever its size. A thread of the index verifies the rest of
  // the file behind the first searches and moves it to huge pages, unless `tending` says that the
  // caller does so by tend(). NotFound, InvalidArgument (no index), Unimplemented (another
  // version), DataLoss (damaged), now or from a search that meets the damage: build the index anew.
  enum class Tending { Thread, Caller };
  static Result<std::unique_ptr<Index>> open(const std::string& path,
                                             Tending tending = Tending::Thread);

  ~Index();
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  std::size_t dimension() const { return rows_->options().dimension; }
  std::size_t size() const { return rows_->live(); }
  bool contains(std::uint64_t id) const;

  // --- Searching.

  // The nearest rows, best first, and how many there are: up to matches.size(), which is 1 to
  // kMatchesMax. InvalidArgument for a vector that insert() would refuse.
  Result<std::size_t> search(std::span<const float> vector, const SearchOptions& options,
                             std::span<Match> matches) const;

  // `count` queries, one after another in `vectors`; query i has its matches at matches[i * k] and
  // their number in found[i]. Those that scan all byte codes share the scan.
  Result<void> search_batch(std::span<const float> vectors, std::size_t k,
                            const SearchOptions& options, std::span<Match> matches,
                            std::span<std::size_t> found) const;

  // Ids that the index does not hold are left out.
  Filter filter(std::span<const std::uint64_t> ids) const;

  // The vector as it was put in (normalised under Cosine), as far as the profile keeps it;
  // NotFound.
  Result<std::vector<float>> vector(std::uint64_t id) const;

  // --- Changing.

  // InvalidArgument: another dimension, NaN, infinity, no direction under Cosine. Conflict: the id
  // is there. Overloaded: rows_max.
  Result<void> insert(std::uint64_t id, std::span<const float> vector);
  // Many at once, published together: all or, with the error, none.
  Result<void> insert_batch(std::span<const std::uint64_t> ids, std::span<const float> vectors);
  // Inserts, or takes the place of the row of that id in one step. True when there was one.
  Result<bool> replace(std::uint64_t id, std::span<const float> vector);
  // True when there was one.
  Result<bool> remove(std::uint64_t id);
  // Puts in all rows of `other`, in place of those with the same ids. Both may be searched and
  // changed meanwhile: a row of `other` is taken as it is when its turn comes.
  Result<void> merge(const Index& other);

  // --- Keeping.

  // Seals the index as it is now into a file, in place of what was there. Changes wait while it is
  // written, not until it is on disk; searches do not.
  Result<void> save(const std::string& path);
  // Verifies and promotes a little more of an opened file (about a millisecond); false when nothing
  // is left. From then on each call reads a MiB of the file once more. The error names a damage.
  Result<bool> tend();

  IndexStats stats() const;

 private:
  // What one search needs; leased from a table, so that a thread finds one that is warm.
  struct Scratch {
    Scratch(const Rows& rows, GraphScratch graph_in) : graph(std::move(graph_in)), flat(rows) {}
    Query query;
    std::vector<Query> together;
    GraphScratch graph;
    Flat flat;
    std::vector<Hit> hits;
    // A filter without slots that are another row's by now.
    Bitmap fresh;
    std::uint64_t fresh_serial = 0;
  };
  class Lease;

  explicit Index(Loaded parts);

  Result<Lease> lease() const;
  Facts facts(std::size_t k, const SearchOptions& options, const Snapshot& snapshot) const;
  std::size_t left(const Filter& filter, const Snapshot& snapshot) const;
  Result<std::span<const Hit>> find(Scratch& scratch, const Snapshot& snapshot,
                                    const SearchOptions& options, std::size_t k) const;
  Result<std::span<const Hit>> look(Scratch& scratch, const Snapshot& snapshot, const Plan& plan,
                                    const Bitmap* filter, double recall, std::size_t k,
                                    std::size_t enough) const;
  void audit(Scratch& scratch, const Snapshot& snapshot, const Plan& plan, const Bitmap* filter,
             double recall, std::span<const Hit> hits) const;
  Result<std::span<const Hit>> scan(Scratch& scratch, const Snapshot& snapshot, Scan how,
                                    const Bitmap* filter, std::size_t k) const;
  Result<void> search_together(std::span<const float> vectors, std::size_t k,
                               std::span<Match> matches, std::span<std::size_t> found) const;
  Result<void> check_request(const SearchOptions& options, std::size_t k) const;
  void freshen(Scratch& scratch, const Filter& filter) const;
  const IdMap& ids() const;

  // With writing_ held.
  Result<void> ready_to_change();
  Result<std::uint32_t> put(std::uint64_t id, std::span<const float> vector);
  Result<void> check_new(std::span<const std::uint64_t> ids) const;
  Result<void> check_room(std::size_t more) const;
  void forget(std::uint32_t slot);
  void repair();
  void note_outlook();
  void note_bytes();
  void tend_on(const std::stop_token& stop);
  IdMap& changing_ids();

  const std::unique_ptr<Rows> rows_;
  const std::unique_ptr<Graph> graph_;
  const std::unique_ptr<Backing> backing_;  // of an opened index

  mutable std::array<std::atomic<Scratch*>, 64> scratches_ = {};
  mutable std::atomic<std::uint64_t> by_walk_{0}, by_scan_{0}, scanned_after_{0};
  mutable std::atomic<double> widening_{1};  // of walks, by what audits found missing
  mutable std::once_flag ids_made_;
  mutable IdMap ids_;
  std::atomic<std::uint64_t> reused_{0};           // the sequence that last showed a slot anew
  mutable std::atomic<std::uint64_t> filters_{0};  // made so far
  std::atomic<bool> opening_{false};
  std::atomic<std::size_t> bytes_{0};

  // The outlook that searches plan by: the graph's or, until it has samples, the stored one. Each
  // number is right by itself, which is enough for a plan.
  struct SharedOutlook {
    std::atomic<std::size_t> samples{0};
    std::array<std::atomic<double>, GraphOutlook::kBreadths.size()> recall = {}, scored = {};
    std::array<std::atomic<double>, 2> codes = {1, 1};
    void store(const GraphOutlook& outlook);
    GraphOutlook load() const;
  } outlook_;

  mutable std::mutex noting_;
  std::string damaged_;  // guarded by noting_

  std::mutex saving_;  // taken before writing_: one save at a time

  mutable std::mutex writing_;
  std::size_t changes_ = 0;  // guarded by writing_, as are changes of all the above

  std::jthread tending_;  // last: it uses all the others
};

}  // namespace vector
