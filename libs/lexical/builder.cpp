#include "lexical/builder.h"

#include <algorithm>
#include <memory>

#include "lexical/bytes.h"

namespace lexical {
namespace {

constexpr std::size_t kRecordsMax = 4U << 20U;  // 64 MiB, and as much to sort them
constexpr std::size_t kRecordsReserved = kRecordsMax + kRecordsMax / 16;
constexpr std::size_t kDocumentsMax = 1U << 20U;
constexpr std::size_t kPositionBytesMax = 1U << 30U;
constexpr std::size_t kWordBytesMax = 1U << 28U;
constexpr std::size_t kTermsKept = 1U << 16U;  // of a document: room for more is given back
constexpr std::size_t kPositionBytesKept = 1U << 26U;
constexpr std::size_t kPostingBytes = 3;  // on average, rather too many
constexpr float kNormMin = 0.001F;
constexpr std::uint32_t kFieldGap = 16;  // no phrase reaches from the title into the body

// Occurrences as a record packs them.
constexpr std::array<unsigned, kFields> kCountBits{4, 5, 7};
constexpr unsigned kCounts = 64 - kKeyBits;
static_assert(kCountBits[0] + kCountBits[1] + kCountBits[2] == kCounts);
static_assert(kOccurrencesMax == std::array{(1U << kCountBits[0]) - 1, (1U << kCountBits[1]) - 1,
                                            (1U << kCountBits[2]) - 1});

std::uint64_t pack_counts(const std::array<std::uint8_t, kFields>& counts) {
  std::uint64_t packed = 0;
  for (std::size_t field = 0; field < kFields; ++field) {
    packed = packed << kCountBits[field] | counts[field];
  }
  return packed;
}

std::array<float, kFields> unpack_counts(std::uint64_t word) {
  std::array<float, kFields> counts;
  for (std::size_t field = kFields; field-- > 0;) {
    counts[field] = static_cast<float>(word & ((1U << kCountBits[field]) - 1));
    word >>= kCountBits[field];
  }
  return counts;
}

// Room that one long document needed.
template <class T>
void release(std::vector<T>& values) {
  if (values.capacity() > kTermsKept) values = {};
}

}  // namespace

WordTable::WordTable() : entries_(1024) {}

void WordTable::add(TermKey key, std::string_view word) {
  // The first bits of keys choose buckets elsewhere; here the others spread as well.
  std::size_t at = key >> 1U & (entries_.size() - 1);
  while (entries_[at].key != 0) {
    if (entries_[at].key == key) return;
    at = (at + 1) & (entries_.size() - 1);
  }
  entries_[at] = {key, static_cast<std::uint32_t>(texts_.size()),
                  static_cast<std::uint32_t>(word.size())};
  texts_.insert(texts_.end(), word.begin(), word.end());
  if (++used_ * 2 > entries_.size()) grow();
}

void WordTable::grow() {
  std::vector<Entry> old(entries_.size() * 2);
  old.swap(entries_);
  for (const Entry& entry : old) {
    if (entry.key == 0) continue;
    std::size_t at = entry.key >> 1U & (entries_.size() - 1);
    while (entries_[at].key != 0) at = (at + 1) & (entries_.size() - 1);
    entries_[at] = entry;
  }
}

std::vector<std::string_view> WordTable::sorted() const {
  std::vector<std::string_view> words;
  words.reserve(used_);
  for (const Entry& entry : entries_) {
    if (entry.key != 0) words.emplace_back(texts_.data() + entry.offset, entry.length);
  }
  std::sort(words.begin(), words.end());
  return words;
}

void WordTable::clear() { *this = WordTable(); }

Builder::Builder(const Bm25& scoring) : scoring_(scoring), cells_(4096) {
  records_.reserve(kRecordsReserved);  // address space, until it is used
}

void Builder::begin(std::uint64_t id) {
  remove(id);
  slots_[id] = static_cast<std::uint32_t>(ids_.size());
  ids_.push_back(id);
  lengths_.emplace_back();
  terms_.clear();
  places_.clear();
  body_begins_ = 0;
  if (++document_ == 0) {  // the count of documents has come around: cells of old would look new
    std::fill(cells_.begin(), cells_.end(), Cell{});
    document_ = 1;
  }
}

void Builder::title(std::span<const Term> terms, std::uint32_t words) {
  for (const Term& term : terms) count(term, Field::Title, 0);
  remember_words();
  lengths_.back()[0] = words;
  body_begins_ = words + kFieldGap;
}

void Builder::body(std::span<const Term> terms, std::uint32_t words) {
  for (const Term& term : terms) count(term, Field::Body, body_begins_);
  remember_words();
  lengths_.back()[1] = std::min(words, scoring_.lead_words);
  lengths_.back()[2] = words;
}

// Most of them are known; together they cost little more than one access to memory.
void Builder::remember_words() {
  for (const auto& [key, text] : new_words_) words_.expect(key);
  for (const auto& [key, text] : new_words_) words_.add(key, text);
  new_words_.clear();
}

void Builder::count(const Term& term, Field field, std::uint32_t base) {
  const TermKey key = term_key(term.kind, term.hash);
  const std::uint32_t index = seen(term, key);
  Seen& known = terms_[index];
  const auto bump = [&](Field of) {
    std::uint8_t& occurrences = known.occurrences[static_cast<std::size_t>(of)];
    if (occurrences < kOccurrencesMax[static_cast<std::size_t>(of)]) ++occurrences;
  };
  bump(field);
  if (field == Field::Body && term.position < scoring_.lead_words) bump(Field::Lead);
  if (!has_positions(key)) return;
  ++known.places;
  places_.push_back({index, base + term.position});
}

std::uint32_t Builder::seen(const Term& term, TermKey key) {
  std::size_t at = key >> 1U & (cells_.size() - 1);
  while (cells_[at].document == document_) {
    if (cells_[at].key == key) return cells_[at].seen;
    at = (at + 1) & (cells_.size() - 1);
  }
  const auto index = static_cast<std::uint32_t>(terms_.size());
  cells_[at] = {key, document_, index};
  terms_.push_back({key, {}, 0});
  if (term.kind == TermKind::Exact) new_words_.emplace_back(key, term.text);
  if (terms_.size() * 2 > cells_.size()) grow_cells();
  return index;
}

void Builder::grow_cells() {
  std::vector<Cell> old(cells_.size() * 2);
  old.swap(cells_);
  for (const Cell& cell : old) {
    if (cell.document != document_) continue;
    std::size_t at = cell.key >> 1U & (cells_.size() - 1);
    while (cells_[at].document == document_) at = (at + 1) & (cells_.size() - 1);
    cells_[at] = cell;
  }
}

void Builder::end() {
  // Places by term, each term's in order.
  place_ends_.assign(terms_.size(), 0);
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < terms_.size(); ++i) {
    place_ends_[i] = sum;
    sum += terms_[i].places;
  }
  sorted_places_.resize(places_.size());
  for (const Place& place : places_) sorted_places_[place_ends_[place.seen]++] = place.position;
  file_positions();
  release_document();
}

void Builder::release_document() {
  release(new_words_);
  release(terms_);
  release(places_);
  release(place_ends_);
  release(sorted_places_);
  if (cells_.size() > 2 * kTermsKept) cells_ = std::vector<Cell>(4096);
}

void Builder::file_positions() {
  const auto slot = static_cast<std::uint32_t>(ids_.size() - 1);
  std::vector<std::byte> encoded;
  std::uint32_t from = 0;
  for (std::size_t i = 0; i < terms_.size(); ++i) {
    const Seen& term = terms_[i];
    records_.push_back({term.key << kCounts | pack_counts(term.occurrences), slot,
                        static_cast<std::uint32_t>(positions_.size())});
    if (term.places == 0) continue;
    encoded.clear();
    std::uint32_t before = 0;
    for (; from < place_ends_[i]; ++from) {
      put_varint(encoded, sorted_places_[from] - before);
      before = sorted_places_[from];
    }
    put_varint(positions_, encoded.size());
    positions_.insert(positions_.end(), encoded.begin(), encoded.end());
  }
}

bool Builder::remove(std::uint64_t id) { return slots_.erase(id) > 0; }

bool Builder::full() const {
  return records_.size() >= kRecordsMax || ids_.size() >= kDocumentsMax ||
         positions_.size() >= kPositionBytesMax || words_.bytes() >= kWordBytesMax;
}

std::array<float, kFields> Builder::mean_lengths() const {
  std::array<double, kFields> sums{};
  std::array<double, kFields> filled{};
  for (const Lengths& lengths : lengths_) {
    for (std::size_t field = 0; field < kFields; ++field) {
      sums[field] += lengths[field];
      filled[field] += lengths[field] > 0 ? 1 : 0;
    }
  }
  std::array<float, kFields> means;
  for (std::size_t field = 0; field < kFields; ++field) {
    means[field] = static_cast<float>(sums[field] / std::max(1.0, filled[field]));
  }
  return means;
}

// By key, and by slot within: the records come by slot and every step keeps what was equal in
// order. The first digit parts them so that what follows stays in the cache.
void Builder::sort_records() {
  constexpr unsigned kFirstBits = 11;
  constexpr std::size_t kSmall = 48;
  const auto first_digit = [](const Record& record) { return record.word >> (64 - kFirstBits); };
  const auto by_key = [](const Record& a, const Record& b) { return a.key() < b.key(); };
  std::array<std::uint32_t, (1U << kFirstBits) + 1> ends{};
  for (const Record& record : records_) ++ends[first_digit(record) + 1];
  for (std::size_t i = 1; i < ends.size(); ++i) ends[i] += ends[i - 1];
  const auto scratch = std::make_unique_for_overwrite<Record[]>(records_.size());
  for (const Record& record : records_) scratch[ends[first_digit(record)]++] = record;

  std::uint32_t begin = 0;
  for (std::size_t digit = 0; digit + 1 < ends.size(); begin = ends[digit++]) {
    Record* from = scratch.get() + begin;
    Record* to = records_.data() + begin;
    const std::size_t size = ends[digit] - begin;
    for (const unsigned shift : {29U, 37U, 45U}) {
      if (size < kSmall) break;
      std::array<std::uint32_t, 256> at{};
      for (std::size_t i = 0; i < size; ++i) ++at[from[i].word >> shift & 0xFFU];
      std::uint32_t sum = 0;
      for (std::uint32_t& count : at) sum += std::exchange(count, sum);
      for (std::size_t i = 0; i < size; ++i) to[at[from[i].word >> shift & 0xFFU]++] = from[i];
      std::swap(from, to);
    }
    if (size < kSmall) from = std::copy(from, from + size, to) - size;
    // 35 bits in order leave next to nothing for the rest of the key.
    if (!std::is_sorted(from, from + size, by_key)) std::stable_sort(from, from + size, by_key);
  }
}

// Where each document comes in `ids`, which this sorts; kEnd for those that were removed.
std::vector<std::uint32_t> Builder::order_slots(std::vector<std::uint64_t>& ids) const {
  for (const auto& [id, slot] : slots_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  std::vector<std::uint32_t> order(ids_.size(), Cursor::kEnd);
  for (std::uint32_t i = 0; i < ids.size(); ++i) order[slots_.at(ids[i])] = i;
  return order;
}

// What one occurrence in each field is worth, by slot.
std::vector<std::array<float, kFields>> Builder::worth_by_slot(const Bm25& scoring) const {
  std::vector<std::array<float, kFields>> worth(ids_.size());
  for (std::size_t slot = 0; slot < worth.size(); ++slot) {
    for (std::size_t field = 0; field < kFields; ++field) {
      const FieldScoring& f = scoring.fields[field];
      const auto length = static_cast<float>(lengths_[slot][field]);
      // An empty field has no occurrences, whatever they would be worth.
      worth[slot][field] = f.weight / std::max(kNormMin, 1 - f.b + f.b * length / f.pivot);
    }
  }
  return worth;
}

SegmentArrays Builder::seal(const Bm25& scoring) {
  sort_records();
  std::vector<std::uint64_t> ids;
  const std::vector<std::uint32_t> order = order_slots(ids);
  const std::vector<std::array<float, kFields>> worth = worth_by_slot(scoring);
  SegmentWriter writer(records_.size() * kPostingBytes, positions_.size());
  std::vector<Posting> list;
  for (std::size_t i = 0; i < records_.size();) {
    const TermKey key = records_[i].key();
    list.clear();
    bool ascends = true;
    for (; i < records_.size() && records_[i].key() == key; ++i) {
      const Record& record = records_[i];
      if (order[record.slot] == Cursor::kEnd) continue;
      const auto counts = unpack_counts(record.word);
      const auto& w = worth[record.slot];
      const float weight = counts[0] * w[0] + counts[1] * w[1] + counts[2] * w[2];
      if (!list.empty() && order[record.slot] < list.back().slot) ascends = false;
      list.push_back(
          {positions_.data() + record.positions, order[record.slot], weight_code(weight)});
    }
    if (list.empty()) continue;
    if (!ascends) {
      std::sort(list.begin(), list.end(),
                [](const Posting& a, const Posting& b) { return a.slot < b.slot; });
    }
    writer.add(key, list);
  }
  VocabularyBuilder words;
  for (const std::string_view word : words_.sorted()) {
    const TermKey key = term_key(TermKind::Exact, term_hash(TermKind::Exact, word));
    if (const std::uint32_t documents = writer.documents(key)) words.add(word, documents);
  }
  SegmentArrays arrays = writer.finish(std::move(ids), words.finish());
  clear();
  return arrays;
}

void Builder::clear() {
  records_.clear();
  if (records_.capacity() > kRecordsReserved) {
    records_ = {};
    records_.reserve(kRecordsReserved);
  }
  positions_.clear();
  if (positions_.capacity() > kPositionBytesKept) positions_ = {};
  words_.clear();
  ids_.clear();
  lengths_.clear();
  slots_.clear();
}

}  // namespace lexical
