#include "vector/storage.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

namespace vector {
namespace {

constexpr std::size_t kMemoryPage = 4096;

struct StoredHeader {
  std::uint64_t dimension = 0;
  std::uint64_t rows_max = 0;
  std::uint32_t metric = 0;
  std::uint32_t originals = 0;
  std::uint32_t u4 = 0;
  std::uint32_t b1 = 0;
};

template <class T>
Result<void> add_value(segment::Writer& writer, std::string_view name, const T& value) {
  return writer.add(name, std::span<const T>(&value, 1));
}

Backing::Part part_of(std::string_view name) {
  if (name.starts_with("links") || name == "u4" || name == "sketch") return Backing::Part::Walk;
  if (name == "b1") return Backing::Part::Scan;
  if (name == "i8" || name == "f32" || name == "half") return Backing::Part::Row;
  return Backing::Part::Opening;
}

// Of the originals a search reads a few rows: page faults, not bandwidth, are what they cost.
bool is_hot(std::string_view name) { return name != "f32" && name != "half"; }

Result<Rows::Options> options_of(const segment::File& file) {
  const StoredHeader header = TRY(file.value<StoredHeader>("header"));
  const std::span<const float> centre = TRY(file.array<float>("centre"));
  if (header.metric > 2 || header.originals > 3 || header.u4 > 1 || header.b1 > 1) {
    return Error(Code::DataLoss, fmt::format("{} has a header of no index", file.path()));
  }
  Rows::Options options;
  options.dimension = header.dimension;
  options.spare = spare_slots(header.rows_max);
  options.rows_max = header.rows_max + options.spare;
  options.metric = static_cast<Metric>(header.metric);
  options.originals = static_cast<Rows::Originals>(header.originals);
  options.u4 = header.u4 != 0;
  options.b1 = header.b1 != 0;
  options.centre.assign(centre.begin(), centre.end());
  return options;
}

// Calls f(name, HugeRange&, bytes in use) for each array of both.
template <class F>
void for_each_range(Rows& rows, Graph& graph, F&& f) {
  const auto as_bytes = [&](const char* name, auto& array, std::size_t elements) {
    f(name, array.range(), elements * sizeof(*array.data()));
  };
  rows.for_each_array(as_bytes);
  graph.for_each_array(as_bytes);
}

}  // namespace

std::size_t spare_slots(std::size_t rows_max) {
  constexpr std::size_t kSlotsMax = std::size_t{1} << 31;
  return rows_max < kSlotsMax ? std::min(128 + rows_max / 32, kSlotsMax - rows_max) : 0;
}

Result<std::unique_ptr<segment::Writer>> store(const std::string& path, Rows& rows, Graph& graph,
                                               const StoredFacts& facts) {
  const Rows::Options& options = rows.options();
  StoredHeader header;
  header.dimension = options.dimension;
  header.rows_max = options.rows_max - options.spare;
  header.metric = static_cast<std::uint32_t>(options.metric);
  header.originals = static_cast<std::uint32_t>(options.originals);
  header.u4 = options.u4 ? 1 : 0;
  header.b1 = options.b1 ? 1 : 0;
  auto writer = TRY(segment::Writer::create(path, kStoredIndex));
  TRY(add_value(*writer, "header", header));
  TRY(writer->add("centre", rows.coder().centre()));
  TRY(add_value(*writer, "rows", rows.state()));
  TRY(add_value(*writer, "graph", graph.state()));
  TRY(add_value(*writer, "facts", facts));
  Result<void> written;
  for_each_range(rows, graph, [&](const char* name, const HugeRange& range, std::size_t bytes) {
    if (written) written = writer->add(name, std::span<const std::byte>(range.data(), bytes));
  });
  TRY(std::move(written));
  return writer;
}

Result<void> Backing::map(std::string_view name, HugeRange& range) {
  const segment::File::Extent extent = TRY(file_->extent(name));
  if (extent.length > range.size()) {
    return Error(Code::DataLoss,
                 fmt::format("{}: block {} is larger than its index", file_->path(), name));
  }
  if (extent.length < kMemoryPage || extent.offset % kMemoryPage != 0) {
    const std::span<const std::byte> bytes = TRY(file_->block(name));
    std::copy(bytes.begin(), bytes.end(), range.data());
    if (name.starts_with("links")) {
      copied_links_.push_back({std::string(name), &range, extent.length});
    }
    return {};
  }
  TRY(range.map_file(extent.descriptor, extent.offset, extent.length));
  // The last page may show the head of the next block: an array is zero behind its end.
  const std::size_t tail = -extent.length % kMemoryPage;
  std::memset(range.data() + extent.length, 0, tail);
  arrays_.push_back({std::string(name), &range, extent.length, 0, part_of(name), is_hot(name)});
  return {};
}

// Where the search will read the bytes, so that their pages are mapped by then; all at once, which
// costs a tenth of faults one by one.
Result<void> Backing::verify(const Mapped& array, std::uint64_t offset, std::uint64_t bytes) const {
  std::byte* const base = array.range->data();
  const std::uint64_t first = offset / kMemoryPage * kMemoryPage;
  ::madvise(base + first, offset + bytes - first, MADV_POPULATE_READ);  // or they fault, as always
  return right(file_->verify(array.name, offset, bytes, base));
}

// Nothing is changed before all was verified: what a writer changed while it was read had been
// right.
Result<void> Backing::right(Result<void> verified) const {
  if (!verified && all_verified_.load(std::memory_order_acquire)) return {};
  return verified;
}

Result<void> Backing::verify_chunk(const Mapped& array, std::uint64_t offset) const {
  return verify(array, offset, std::min<std::uint64_t>(HugeRange::kChunk, array.bytes - offset));
}

Result<void> Backing::verify_opening() const {
  for (const Mapped& array : arrays_) {
    if (array.part == Part::Opening) TRY(verify(array, 0, array.bytes));
  }
  return {};
}

Result<void> Backing::set_slots(std::uint64_t slots) {
  slots_ = static_cast<std::uint32_t>(slots);
  for (const Mapped& array : copied_links_) TRY(check_links(array));
  return {};
}

void Backing::set_row_bytes(std::string_view name, std::uint64_t bytes) {
  for (Mapped& array : arrays_) {
    if (array.name == name) array.row_bytes = bytes;
  }
}

Result<void> Backing::verify_walk() {
  if (walk_verified_.load(std::memory_order_acquire)) return {};
  const std::scoped_lock lock(verifying_);
  if (walk_verified_.load(std::memory_order_relaxed)) return {};
  for (const Mapped& array : arrays_) {
    if (array.part != Part::Walk) continue;
    for (std::uint64_t offset = 0; offset < array.bytes; offset += HugeRange::kChunk) {
      TRY(verify_chunk(array, offset));
    }
    if (array.name.starts_with("links")) TRY(check_links(array));
  }
  walk_verified_.store(true, std::memory_order_release);
  return {};
}

bool Backing::verify_walk_ahead() {
  if (walk_verified_.load(std::memory_order_relaxed)) return false;
  std::uint64_t behind = ahead_chunks_++;
  for (auto array = arrays_.rbegin(); array != arrays_.rend(); ++array) {
    if (array->part != Part::Walk) continue;
    const std::uint64_t chunks = (array->bytes + HugeRange::kChunk - 1) / HugeRange::kChunk;
    if (behind < chunks) {
      return verify_chunk(*array, (chunks - 1 - behind) * HugeRange::kChunk).ok();
    }
    behind -= chunks;
  }
  return false;
}

// Checksums hold off accidents; a file that somebody made up must not lead a walk out of bounds.
Result<void> Backing::check_links(const Mapped& array) const {
  const auto* const links = reinterpret_cast<const std::uint32_t*>(array.range->data());
  const std::uint64_t count = array.bytes / sizeof(std::uint32_t);
  // The top bit is set by a link above the slots, or by the difference that wraps.
  std::uint32_t outside = 0;
  for (std::uint64_t i = 0; i < count; ++i) outside |= (slots_ - links[i]) | links[i];
  if (outside >> 31 == 0) return {};
  return Error(Code::DataLoss, fmt::format("{}: block {} leads to rows beyond its {}",
                                           file_->path(), array.name, slots_));
}

Result<void> Backing::verify_rows(std::span<const std::uint32_t> slots) const {
  if (all_verified_.load(std::memory_order_acquire)) return {};
  for (const Mapped& array : arrays_) {
    if (array.part != Part::Row) continue;
    for (const std::uint32_t slot : slots) {
      const std::uint64_t offset = slot * array.row_bytes;
      if (offset < array.bytes)
        TRY(right(file_->verify(array.name, offset, array.row_bytes, array.range->data())));
    }
  }
  return {};
}

Result<void> Backing::verify_rows(const Bitmap& slots) {
  if (all_verified_.load(std::memory_order_acquire)) return {};
  TRY(verify_walk());
  for (const Mapped& array : arrays_) {
    if (array.part != Part::Row) continue;
    std::uint64_t verified = 0;  // up to the end of a page, so that a page is asked for once
    for (std::size_t word = 0; word < slots.words().size(); ++word) {
      const std::uint64_t begin = word * 64 * array.row_bytes;
      const std::uint64_t end = std::min(begin + 64 * array.row_bytes, array.bytes);
      if (begin >= array.bytes) break;
      if (slots.word(word) == 0 || end <= verified) continue;
      TRY(verify(array, begin, end - begin));
      verified = (end + segment::kPageBytes - 1) / segment::kPageBytes * segment::kPageBytes;
    }
  }
  return {};
}

Result<void> Backing::verify_all() {
  if (all_verified_.load(std::memory_order_acquire)) return {};
  TRY(verify_walk());
  for (const Mapped& array : arrays_) TRY(verify(array, 0, array.bytes));
  all_verified_.store(true, std::memory_order_release);
  return {};
}

Result<bool> Backing::tend() {
  if (tended_array_ == arrays_.size()) {
    TRY(verify_all());
    return false;
  }
  const Mapped& array = arrays_[tended_array_];
  const std::uint64_t offset = tended_bytes_;
  const std::uint64_t bytes = std::min<std::uint64_t>(HugeRange::kChunk, array.bytes - offset);
  tended_bytes_ += bytes;
  if (tended_bytes_ == array.bytes) {
    ++tended_array_;
    tended_bytes_ = 0;
  }
  TRY(verify(array, offset, bytes));
  // The whole chunk: behind the file's bytes may stand what was added since.
  // Without memory for it the file's pages do as well, only slower. A small array stays small.
  const bool wanted = array.hot && array.bytes >= HugeRange::kChunk;
  promoting_ = promoting_ && (!wanted || array.range->promote(offset, HugeRange::kChunk).ok());
  return true;
}

Result<void> Backing::scrub() {
  const std::scoped_lock lock(verifying_);
  TRY(file_->scrub(segment::kPageBytes));
  return {};
}

Result<Loaded> load(const std::string& path) {
  Loaded loaded;
  const std::shared_ptr<segment::File> file = TRY(segment::File::open(path, kStoredIndex));
  loaded.facts = TRY(file->value<StoredFacts>("facts"));
  const Rows::Options stored = TRY(options_of(*file));
  Result<std::unique_ptr<Rows>> rows_made = Rows::create(stored);
  if (!rows_made && rows_made.error().code == Code::InvalidArgument) {
    return Error(Code::DataLoss, fmt::format("{}: {}", path, rows_made.error().message));
  }
  loaded.rows = TRY(std::move(rows_made));
  Graph graph = TRY(Graph::create(*loaded.rows));
  loaded.graph = std::make_unique<Graph>(std::move(graph));
  loaded.backing = std::make_unique<Backing>(file);
  Rows& rows = *loaded.rows;
  Result<void> mapped;
  for_each_range(rows, *loaded.graph, [&](const char* name, HugeRange& range, std::size_t) {
    if (mapped) mapped = loaded.backing->map(name, range);
  });
  TRY(std::move(mapped));
  TRY(loaded.backing->verify_opening());
  const Rows::State rows_state = TRY(file->value<Rows::State>("rows"));
  TRY(rows.restore(rows_state));
  const Graph::State graph_state = TRY(file->value<Graph::State>("graph"));
  TRY(loaded.graph->restore(graph_state));
  TRY(loaded.backing->set_slots(rows_state.slots));
  Result<void> fits;
  for_each_range(rows, *loaded.graph, [&](const char* name, const HugeRange&, std::size_t bytes) {
    const Result<std::uint64_t> length = file->length(name);
    if (fits && length.value() != bytes) {
      fits = Error(Code::DataLoss, fmt::format("{}: block {} has {} bytes, its index {}", path,
                                               name, length.value(), bytes));
    }
  });
  TRY(std::move(fits));
  const Rows::Options& options = rows.options();
  loaded.backing->set_row_bytes("i8", i8_stride(options.dimension));
  loaded.backing->set_row_bytes("f32", f32_stride(options.dimension) * sizeof(float));
  loaded.backing->set_row_bytes("half", f32_stride(options.dimension) * sizeof(std::uint16_t));
  return loaded;
}

}  // namespace vector
