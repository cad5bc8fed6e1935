#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lexical/analysis.h"
#include "lexical/bm25.h"
#include "lexical/builder.h"
#include "lexical/search.h"

namespace segment {
class File;
}

// A full-text index that grows: documents are added, replaced and removed, become visible together
// by commit(), and are searched through snapshots. Each commit with new documents makes a segment;
// merge() joins small ones. Thread-safe: writers take turns, readers never wait for their work.
//
//   Index::open(folder) ... index->add(7, title, body); index->commit();
//   index->snapshot()->search({.terms = {word(term)}});
//
// In a folder each segment is a file of its own and "index" names those that count; what commit()
// acknowledged survives a crash, what it did not is gone. One Index at a time has a folder: it
// holds a lock on the file "lock" there. A document's weight depends on itself and on the ordinary
// length of each field alone: measured over the first commit of at least kMeasuredDocuments, those
// whose field is empty left out, and kept from then on. So a merge changes scores only by what was
// deleted: the rarity of a term counts the dead of a segment until it is merged.
namespace lexical {

inline constexpr std::size_t kTextBytesMax = 2U << 20U;  // of a document's title and body each
inline constexpr std::size_t kMeasuredDocuments = 256;
// No ordinary length is taken for less than this share of the one in `scoring`: of texts as short
// as that, length tells nothing.
inline constexpr float kPivotShareMin = 0.1F;
inline constexpr std::size_t kSegmentsMax = 512;  // of an index; then commit() asks for a merge
inline constexpr std::size_t kMergeSegments = 8;  // of a size at once

struct IndexOptions {
  Bm25 scoring;
  AnalysisOptions analysis;
  bool measures_lengths = true;  // else the pivots of `scoring` stand
  // For tests: called when a merge is written, before it takes the place of its parts.
  std::function<void()> on_merge_written;
};

class Index {
 public:
  // The index in `folder`, which is made when missing. As segment::File::open; Conflict when
  // another Index has the folder; InvalidArgument for a scoring that makes no sense, and when the
  // documents were filed by other field weights or terms: it must be built anew; DataLoss also when
  // segments are there that no "index" names, or not those that it names.
  static Result<std::unique_ptr<Index>> open(const std::string& folder, IndexOptions options = {});
  // One that is gone with the process. The scoring must make sense.
  static std::unique_ptr<Index> in_memory(IndexOptions options = {});
  ~Index();

  // Files a document in place of the one of that id. TooLarge over kTextBytesMax.
  Result<void> add(std::uint64_t id, std::string_view title, std::string_view body);
  void remove(std::uint64_t id);
  // Shows all that was added, removed and merged. Overloaded when kSegmentsMax is reached and
  // something was added: removals alone can always be shown.
  Result<void> commit();

  // Joins segments of one size when there are enough of them, or writes one anew that is half dead;
  // false when nothing is worth it. Others may add, commit and search meanwhile; the next commit()
  // shows it. One at a time: Conflict.
  Result<bool> merge();
  // Joins all into one.
  Result<void> merge_all();

  std::shared_ptr<const Snapshot> snapshot() const;

 private:
  struct Owned {
    Part part;
    std::uint64_t file = 0;
    std::uint32_t seal = 0;      // of its file: the checksum at the end
    bool saved = false;          // else the next commit() tries again
    std::shared_ptr<Alive> own;  // part.alive while no snapshot has it: may be changed
  };

  Index(std::string folder, IndexOptions options);

  Result<void> lock();
  Result<void> load();
  Result<void> load_segments(const segment::File& manifest);
  Result<void> begin_folder();
  Result<void> seal();
  Result<void> save(Owned& owned) const;
  Result<void> write_manifest() const;
  void remove_from_segments(std::uint64_t id);
  static void remove_slot(Owned& owned, std::uint32_t slot);
  void publish();
  void remove_other_files() const;
  Result<void> merge_parts(std::vector<Part> parts);
  void replace(const std::vector<Part>& parts, Owned merged);
  std::vector<Part> choose() const;
  std::string path(std::uint64_t file) const;

  const std::string folder_;  // empty: in memory
  int lock_ = -1;             // descriptor of the locked file in it
  const IndexOptions options_;

  std::mutex merging_;  // held for a whole merge; before writing_

  mutable std::mutex writing_;
  Analysis analysis_;
  Bm25 scoring_;  // with the measured lengths
  bool measured_ = false;
  Builder builder_;
  std::vector<Owned> segments_;
  std::uint64_t next_file_ = 1;
  std::uint64_t merged_file_ = 0;  // that a merge is writing, or 0

  mutable std::mutex showing_;  // held to copy or set the pointer only
  std::shared_ptr<const Snapshot> snapshot_;
};

}  // namespace lexical
