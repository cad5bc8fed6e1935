#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "segment/file.h"
#include "segment/writer.h"
#include "vector/graph.h"
#include "vector/huge_array.h"
#include "vector/rows.h"

// An index as a file of named blocks (libs/segment), one a member array of Rows and Graph. Opening
// maps each block over the head of its array: nothing is copied or read, a change copies the page
// that it meets, growth goes on behind in anonymous memory.
namespace vector {

inline constexpr segment::Identity kStoredIndex{segment::kind("vecs"), 3};

// What else an index keeps.
struct StoredFacts {
  GraphOutlook outlook;
};

// Slots beside the rows that an index may hold: a 64th of these may be removed before the graph is
// repaired, and as many again wait for searches to end.
std::size_t spare_slots(std::size_t rows_max);

// Writes the file anew, whole, but for its finish(): with that it is on disk, and a crash before
// leaves the old one. No writer of the index until this returns, nothing pending in the graph;
// readers may go on.
Result<std::unique_ptr<segment::Writer>> store(const std::string& path, Rows& rows, Graph& graph,
                                               const StoredFacts& facts);

// The file behind an opened index for as long as something of it has not been verified or promoted.
// Thread-safe but for tend(), which one thread calls with the index's writers kept out.
//
// What leads searches from row to row must be sound before it is followed: small arrays are
// verified when the file is opened, links and the codes that a walk reads at the first search. The
// codes and originals that only score are verified page by page after they were read and before the
// answer goes out: damage there cannot mislead a walk, only an answer that is then withheld.
class Backing {
 public:
  // When an array is verified. What a whole scan alone reads is left to verify_all().
  enum class Part { Opening, Walk, Row, Scan };

  struct Mapped {
    std::string name;
    HugeRange* range = nullptr;
    std::uint64_t bytes = 0;
    std::uint64_t row_bytes = 0;  // of Part::Row
    Part part = Part::Opening;
    bool hot = true;  // worth huge pages
  };

  explicit Backing(std::shared_ptr<segment::File> file) : file_(std::move(file)) {}

  // Puts block `name` under the head of `range`.
  Result<void> map(std::string_view name, HugeRange& range);
  Result<void> verify_opening() const;

  // Before a walk; cheap once it was done.
  Result<void> verify_walk();
  // A first walk's verification takes its time: this does the next 2 MiB of it from the other end,
  // for a thread that meets it there. With the index's writers kept out; false when nothing is left
  // or is damaged, which the walk will tell.
  bool verify_walk_ahead();
  // After these rows were scored, before the answer.
  Result<void> verify_rows(std::span<const std::uint32_t> slots) const;
  // Before a scan of these rows.
  Result<void> verify_rows(const Bitmap& slots);
  // Before a scan or a change; cheap once it was done.
  Result<void> verify_all();

  // Links are bounded by what there is: set before the first walk. Checks those that were copied.
  Result<void> set_slots(std::uint64_t slots);
  void set_row_bytes(std::string_view name, std::uint64_t bytes);

  // Verifies and promotes the next 2 MiB; false when all is done. The error is that of a damaged
  // page, and the call after it goes on behind it.
  Result<bool> tend();

  // Reads a MiB of the file again, the next with each call, round and round: what was right when it
  // was first needed may not be when it is needed next. The error is that of a damaged page.
  Result<void> scrub();

 private:
  Result<void> verify(const Mapped& array, std::uint64_t offset, std::uint64_t bytes) const;
  Result<void> right(Result<void> verified) const;
  Result<void> verify_chunk(const Mapped& array, std::uint64_t offset) const;
  Result<void> check_links(const Mapped& array) const;

  const std::shared_ptr<segment::File> file_;
  std::vector<Mapped> arrays_;
  std::vector<Mapped> copied_links_;  // too small to be mapped, or of another writer's file
  std::uint32_t slots_ = 0;           // below 2^31
  std::atomic<bool> walk_verified_ = false;
  std::atomic<bool> all_verified_ = false;
  std::mutex verifying_;  // so that a crowd of first searches verifies once
  std::uint64_t ahead_chunks_ = 0;
  bool promoting_ = true;
  std::size_t tended_array_ = 0;
  std::uint64_t tended_bytes_ = 0;
};

// What load() found, the graph leading over the rows.
struct Loaded {
  std::unique_ptr<Rows> rows;
  std::unique_ptr<Graph> graph;
  std::unique_ptr<Backing> backing;
  StoredFacts facts;
};

// NotFound, InvalidArgument (not such a file), Unimplemented (another version), DataLoss (damaged).
Result<Loaded> load(const std::string& path);

}  // namespace vector
