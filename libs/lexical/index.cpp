#include "lexical/index.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include "segment/file.h"
#include "segment/layout.h"
#include "segment/writer.h"

namespace lexical {
namespace {

constexpr segment::Identity kIdentity{segment::kind("lexm"), 2};
constexpr std::string_view kSegmentName = "segment-";

// How documents were filed; a file's block.
struct Filed {
  std::array<FieldScoring, kFields> fields;
  std::uint32_t lead_words;
  std::uint8_t measured, stems, pairs, zero;
  std::uint64_t next_file;
  std::uint64_t word_bytes_max;
};

// What "index" says of a segment: a whole one of another index has another seal.
struct Named {
  std::uint64_t file;
  std::uint32_t documents;
  std::uint32_t seal;
};

// The checksum at the end of a finished file.
Result<std::uint32_t> seal_of(const std::string& path) {
  segment::Footer footer;
  std::ifstream file(path, std::ios::binary);
  file.seekg(-static_cast<std::streamoff>(sizeof footer), std::ios::end);
  file.read(reinterpret_cast<char*>(&footer), sizeof footer);
  if (!file) return Error(Code::Unavailable, fmt::format("lexical: cannot read {}", path));
  return footer.checksum;
}

bool segment_name(std::string_view name) {
  return name.starts_with(kSegmentName) && name.size() > kSegmentName.size() &&
         name.find_first_not_of("0123456789", kSegmentName.size()) == std::string_view::npos;
}

bool makes_sense(const Bm25& scoring) {
  const auto field = [](const FieldScoring& f) {
    return std::isfinite(f.weight) && f.weight >= 0 && f.b >= 0 && f.b <= 1 &&
           std::isfinite(f.pivot) && f.pivot > 0;
  };
  return std::isfinite(scoring.k1) && scoring.k1 >= 0 &&
         std::all_of(scoring.fields.begin(), scoring.fields.end(), field);
}

std::string alive_name(std::uint64_t file) { return fmt::format("alive.{}", file); }

bool same_weights(const Filed& filed, const IndexOptions& options) {
  for (std::size_t i = 0; i < kFields; ++i) {
    if (filed.fields[i].weight != options.scoring.fields[i].weight) return false;
    if (filed.fields[i].b != options.scoring.fields[i].b) return false;
  }
  return filed.lead_words == options.scoring.lead_words &&
         (filed.stems != 0) == options.analysis.stems &&
         (filed.pairs != 0) == options.analysis.pairs &&
         filed.word_bytes_max == options.analysis.word_bytes_max;
}

}  // namespace

Index::Index(std::string folder, IndexOptions options)
    : folder_(std::move(folder)),
      options_(std::move(options)),
      analysis_(options_.analysis),
      scoring_(options_.scoring),
      builder_(options_.scoring) {}

Index::~Index() {
  if (lock_ >= 0) ::close(lock_);
}

std::unique_ptr<Index> Index::in_memory(IndexOptions options) {
  assert(makes_sense(options.scoring));
  std::unique_ptr<Index> index(new Index("", std::move(options)));
  index->publish();
  return index;
}

Result<std::unique_ptr<Index>> Index::open(const std::string& folder, IndexOptions options) {
  if (!makes_sense(options.scoring)) {
    return Error(
        Code::InvalidArgument,
        fmt::format("lexical: cannot open {}: a k1, weight, b or pivot is out of range", folder));
  }
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return Error(Code::Unavailable,
                 fmt::format("lexical: cannot make {}: {}", folder, error.message()));
  }
  std::unique_ptr<Index> index(new Index(folder, std::move(options)));
  TRY(index->lock());
  TRY(index->load());
  index->remove_other_files();
  index->publish();
  return index;
}

std::string Index::path(std::uint64_t file) const {
  return fmt::format("{}/{}{}", folder_, kSegmentName, file);
}

Result<void> Index::lock() {
  const std::string path = folder_ + "/lock";
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) {
    return Error(Code::Unavailable,
                 fmt::format("lexical: cannot open {}: {}", path, strerror(errno)));
  }
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    return Error(Code::Conflict, fmt::format("lexical: another index has {}", folder_));
  }
  return {};
}

Result<void> Index::load() {
  const std::string manifest = folder_ + "/index";
  const Result<std::shared_ptr<segment::File>> opened = segment::File::open(manifest, kIdentity);
  if (!opened && opened.error().code == Code::NotFound) return begin_folder();
  const std::shared_ptr<segment::File> file = TRY(opened);
  const Filed filed = TRY(file->value<Filed>("filed"));
  if (!same_weights(filed, options_)) {
    return Error(
        Code::InvalidArgument,
        fmt::format("lexical: {} was filed by other weights or terms: build it anew", folder_));
  }
  scoring_.fields = filed.fields;
  measured_ = filed.measured != 0;
  next_file_ = filed.next_file;
  return load_segments(*file);
}

// A folder that nothing was committed to. Segments in it had an "index": it was lost.
Result<void> Index::begin_folder() {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder_, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!segment_name(entry->path().filename().string())) continue;
    return Error(Code::DataLoss,
                 fmt::format("lexical: {} has segments, but no index that names them", folder_));
  }
  if (error) {
    return Error(Code::Unavailable,
                 fmt::format("lexical: cannot list {}: {}", folder_, error.message()));
  }
  return write_manifest();
}

Result<void> Index::load_segments(const segment::File& manifest) {
  const auto misfit = [&](const Named& named) {
    return Error(Code::DataLoss,
                 fmt::format("lexical: {} does not fit {}", manifest.path(), path(named.file)));
  };
  const std::span<const Named> all = TRY(manifest.array<Named>("files"));
  for (const Named& named : all) {
    const std::shared_ptr<const Segment> segment = TRY(Segment::open(path(named.file)));
    const std::uint32_t seal = TRY(seal_of(path(named.file)));
    if (segment->documents() != named.documents || seal != named.seal) return misfit(named);
    const auto words = TRY(manifest.array<std::uint64_t>(alive_name(named.file)));
    const std::size_t expected = (segment->documents() + 63) / 64;
    if (!words.empty() && words.size() != expected) return misfit(named);
    std::uint32_t live = 0;
    for (const std::uint64_t word : words) live += static_cast<std::uint32_t>(std::popcount(word));
    const auto padding = static_cast<std::uint32_t>(expected * 64 - segment->documents());
    const std::uint32_t dead = words.empty() ? 0 : segment->documents() + padding - live;
    segments_.push_back(
        {{segment, std::make_shared<const Alive>(
                       std::vector<std::uint64_t>(words.begin(), words.end()), dead)},
         named.file,
         seal,
         true,
         nullptr});
  }
  return {};
}

Result<void> Index::add(std::uint64_t id, std::string_view title, std::string_view body) {
  if (title.size() > kTextBytesMax || body.size() > kTextBytesMax) {
    return Error(Code::TooLarge, fmt::format("lexical: document {} has more than {} bytes of text",
                                             id, kTextBytesMax));
  }
  const std::lock_guard lock(writing_);
  if (builder_.full()) TRY(seal());
  remove_from_segments(id);
  builder_.begin(id);
  const std::span<const Term> titles = analysis_.terms(title);
  builder_.title(titles, analysis_.words());
  const std::span<const Term> bodies = analysis_.terms(body);
  builder_.body(bodies, analysis_.words());
  builder_.end();
  return {};
}

void Index::remove(std::uint64_t id) {
  const std::lock_guard lock(writing_);
  builder_.remove(id);
  remove_from_segments(id);
}

void Index::remove_from_segments(std::uint64_t id) {
  for (Owned& owned : segments_) {
    const std::span<const std::uint64_t> ids = owned.part.segment->ids();
    if (ids.empty() || id < ids.front() || id > ids.back()) continue;
    const auto slot = owned.part.segment->slot(id);
    if (slot) remove_slot(owned, *slot);
  }
}

void Index::remove_slot(Owned& owned, std::uint32_t slot) {
  if (!(*owned.part.alive)[slot]) return;
  if (owned.own == nullptr) {
    owned.own = std::make_shared<Alive>(*owned.part.alive);
    owned.part.alive = owned.own;
  }
  owned.own->remove(slot, owned.part.segment->documents());
}

// In a folder, moves the segment from memory into its file.
Result<void> Index::save(Owned& owned) const {
  if (folder_.empty() || owned.saved) return {};
  TRY(owned.part.segment->save(path(owned.file)));
  owned.seal = TRY(seal_of(path(owned.file)));
  owned.part.segment = TRY(Segment::open(path(owned.file)));
  owned.saved = true;
  return {};
}

// What the builder holds becomes a segment, not yet shown.
Result<void> Index::seal() {
  if (builder_.documents() == 0) {
    builder_.clear();
    return {};
  }
  if (segments_.size() >= kSegmentsMax) {
    return Error(Code::Overloaded, "lexical: too many segments: merge them first");
  }
  if (options_.measures_lengths && !measured_ && builder_.documents() >= kMeasuredDocuments) {
    const std::array<float, kFields> means = builder_.mean_lengths();
    for (std::size_t i = 0; i < kFields; ++i) {
      const float ordinary = options_.scoring.fields[i].pivot;
      if (means[i] > 0) scoring_.fields[i].pivot = std::max(means[i], ordinary * kPivotShareMin);
    }
    measured_ = true;
  }
  SegmentArrays arrays = builder_.seal(scoring_);
  segments_.push_back({{Segment::of(std::move(arrays)), std::make_shared<const Alive>()},
                       next_file_++,
                       0,
                       false,
                       nullptr});
  return save(segments_.back());
}

Result<void> Index::commit() {
  const std::lock_guard lock(writing_);
  std::erase_if(segments_, [](const Owned& owned) { return owned.part.live() == 0; });
  TRY(seal());
  for (Owned& owned : segments_) TRY(save(owned));
  if (!folder_.empty()) TRY(write_manifest());
  publish();
  if (!folder_.empty()) remove_other_files();
  return {};
}

Result<void> Index::write_manifest() const {
  const std::unique_ptr<segment::Writer> writer =
      TRY(segment::Writer::create(folder_ + "/index", kIdentity));
  const Filed filed{scoring_.fields,
                    scoring_.lead_words,
                    measured_,
                    options_.analysis.stems,
                    options_.analysis.pairs,
                    0,
                    next_file_,
                    options_.analysis.word_bytes_max};
  TRY(writer->add("filed", std::span(&filed, 1)));
  std::vector<Named> files;
  for (const Owned& owned : segments_) {
    files.push_back({owned.file, owned.part.segment->documents(), owned.seal});
  }
  TRY(writer->add("files", std::span<const Named>(files)));
  for (const Owned& owned : segments_) {
    TRY(writer->add(alive_name(owned.file), owned.part.alive->words()));
  }
  return writer->finish();
}

void Index::publish() {
  std::vector<Part> parts;
  for (Owned& owned : segments_) {
    owned.own = nullptr;
    parts.push_back(owned.part);
  }
  auto snapshot = std::make_shared<const Snapshot>(std::move(parts), scoring_);
  const std::lock_guard lock(showing_);
  snapshot_.swap(snapshot);
}

std::shared_ptr<const Snapshot> Index::snapshot() const {
  const std::lock_guard lock(showing_);
  return snapshot_;
}

// Files of segments that no longer count, or never did because the process ended too early. Those
// who still read them keep their maps. One that cannot be removed is tried again next time.
void Index::remove_other_files() const {
  std::error_code error;
  std::vector<std::filesystem::path> others;
  const std::string merged = fmt::format("{}{}", kSegmentName, merged_file_);
  for (std::filesystem::directory_iterator entry(folder_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(kSegmentName)) continue;
    const bool counts = name == merged || name == merged + ".part" ||
                        std::any_of(segments_.begin(), segments_.end(), [&](const Owned& owned) {
                          return name == fmt::format("{}{}", kSegmentName, owned.file);
                        });
    if (!counts) others.push_back(entry->path());
  }
  for (const auto& other : others) std::filesystem::remove(other, error);
}

// Segments of one size (of eight times the documents) once there are kMergeSegments of it, the
// smallest first; else one that is half dead. None whose merge would be too large.
std::vector<Part> Index::choose() const {
  std::map<int, std::vector<Part>> sizes;
  for (const Owned& owned : segments_) {
    const int size = (static_cast<int>(std::bit_width(owned.part.live())) + 2) / 3;
    sizes[size].push_back(owned.part);
  }
  for (auto& [size, parts] : sizes) {
    if (parts.size() < kMergeSegments) continue;
    parts.resize(kMergeSegments);
    std::uint64_t documents = 0;
    std::uint64_t bytes = 0;
    for (const Part& part : parts) {
      documents += part.live();
      bytes += part.segment->posting_bytes();
    }
    if (documents <= kSegmentDocumentsMax && bytes <= kSegmentPostingBytesMax) {
      return std::move(parts);
    }
  }
  for (const Owned& owned : segments_) {
    if (owned.part.alive->dead() * 2 > owned.part.segment->documents()) return {owned.part};
  }
  return {};
}

Result<bool> Index::merge() {
  const std::unique_lock merging(merging_, std::try_to_lock);
  if (!merging) return Error(Code::Conflict, "lexical: a merge is under way");
  std::vector<Part> parts;
  {
    const std::lock_guard lock(writing_);
    parts = choose();
    for (Owned& owned : segments_) owned.own = nullptr;  // the merge reads them: change a copy
  }
  if (parts.empty()) return false;
  TRY(merge_parts(std::move(parts)));
  return true;
}

Result<void> Index::merge_all() {
  const std::unique_lock merging(merging_, std::try_to_lock);
  if (!merging) return Error(Code::Conflict, "lexical: a merge is under way");
  std::vector<Part> parts;
  {
    const std::lock_guard lock(writing_);
    for (Owned& owned : segments_) {
      owned.own = nullptr;
      parts.push_back(owned.part);
    }
  }
  if (parts.size() < 2 && (parts.empty() || parts.front().alive->dead() == 0)) return {};
  return merge_parts(std::move(parts));
}

Result<void> Index::merge_parts(std::vector<Part> parts) {
  SegmentArrays arrays = TRY(lexical::merge(parts));
  std::uint64_t file = 0;
  {
    const std::lock_guard lock(writing_);
    file = next_file_++;
    merged_file_ = file;
  }
  Owned merged{
      {Segment::of(std::move(arrays)), std::make_shared<const Alive>()}, file, 0, false, nullptr};
  const Result<void> saved = save(merged);
  if (saved && options_.on_merge_written) options_.on_merge_written();
  const std::lock_guard lock(writing_);
  merged_file_ = 0;
  if (saved) replace(parts, std::move(merged));
  return saved;
}

// Puts the merged segment in the place of its parts; what was removed since they were read is
// removed from it as well.
void Index::replace(const std::vector<Part>& parts, Owned merged) {
  for (const Part& before : parts) {
    const auto now = std::find_if(segments_.begin(), segments_.end(), [&](const Owned& owned) {
      return owned.part.segment == before.segment;
    });
    if (now == segments_.end()) {  // all of it was removed meanwhile
      for (std::uint32_t slot = 0; slot < before.segment->documents(); ++slot) {
        const auto at = merged.part.segment->slot(before.segment->ids()[slot]);
        if ((*before.alive)[slot] && at) remove_slot(merged, *at);
      }
      continue;
    }
    for (std::uint32_t slot = 0; slot < before.segment->documents(); ++slot) {
      if (!(*before.alive)[slot] || (*now->part.alive)[slot]) continue;
      const auto at = merged.part.segment->slot(before.segment->ids()[slot]);
      if (at) remove_slot(merged, *at);
    }
    segments_.erase(now);
  }
  segments_.push_back(std::move(merged));
}

}  // namespace lexical
