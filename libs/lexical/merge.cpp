#include "lexical/merge.h"

#include <algorithm>
#include <queue>

namespace lexical {
namespace {

struct Place {
  std::uint64_t id;
  std::uint32_t part;
  std::uint32_t slot;
};

// Of each part where its slots come in the merged segment, kEnd for the dead; fills `ids`.
std::vector<std::vector<std::uint32_t>> order_slots(std::span<const Part> parts,
                                                    std::vector<std::uint64_t>& ids) {
  std::vector<Place> places;
  std::vector<std::vector<std::uint32_t>> order(parts.size());
  for (std::uint32_t part = 0; part < parts.size(); ++part) {
    const Segment& segment = *parts[part].segment;
    order[part].assign(segment.documents(), Cursor::kEnd);
    for (std::uint32_t slot = 0; slot < segment.documents(); ++slot) {
      if ((*parts[part].alive)[slot]) places.push_back({segment.ids()[slot], part, slot});
    }
  }
  const auto by_id = [](const Place& a, const Place& b) { return a.id < b.id; };
  if (!std::is_sorted(places.begin(), places.end(), by_id)) {
    std::sort(places.begin(), places.end(), by_id);
  }
  for (const Place& place : places) {
    order[place.part][place.slot] = static_cast<std::uint32_t>(ids.size());
    ids.push_back(place.id);
  }
  return order;
}

// Words that no living document has are left out.
VocabularyArrays merge_words(std::span<const Part> parts, const SegmentWriter& writer) {
  VocabularyBuilder words;
  for_each_word(parts, "", [&](const std::string& word, std::uint64_t) {
    const TermKey key = term_key(TermKind::Exact, term_hash(TermKind::Exact, word));
    if (const std::uint32_t documents = writer.documents(key)) words.add(word, documents);
    return true;
  });
  return words.finish();
}

// Adds what lives of the term that `reader` is at, in the merged segment's slots.
void append(const Segment::Reader& reader, std::span<const std::uint32_t> order,
            std::vector<Posting>& out) {
  if (const auto single = reader.single()) {
    if (order[single->slot] != Cursor::kEnd)
      out.push_back({nullptr, order[single->slot], single->code});
    return;
  }
  const bool with_positions = has_positions(reader.key());
  Cursor cursor(reader.list());
  for (std::uint32_t slot = cursor.seek(0); slot != Cursor::kEnd; slot = cursor.advance()) {
    if (order[slot] == Cursor::kEnd) continue;
    out.push_back({with_positions ? cursor.positions() : nullptr, order[slot], cursor.code()});
  }
}

}  // namespace

void Alive::remove(std::uint32_t slot, std::uint32_t documents) {
  if (words_.empty()) words_.assign((documents + 63) / 64, ~std::uint64_t{0});
  if (!(*this)[slot]) return;
  words_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  ++dead_;
}

void for_each_word(std::span<const Part> parts, std::string_view from,
                   const std::function<bool(const std::string&, std::uint64_t)>& f) {
  std::vector<Vocabulary::Reader> readers;
  for (const Part& part : parts) readers.push_back(part.segment->words().from(from));
  const auto later = [&](std::size_t a, std::size_t b) {
    return readers[b].word() < readers[a].word();
  };
  std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> queue(later);
  for (std::size_t i = 0; i < readers.size(); ++i) {
    if (!readers[i].done()) queue.push(i);
  }
  std::string word;
  while (!queue.empty()) {
    word = readers[queue.top()].word();
    std::uint64_t documents = 0;
    while (!queue.empty() && readers[queue.top()].word() == word) {
      const std::size_t i = queue.top();
      queue.pop();
      documents += readers[i].documents();
      readers[i].next();
      if (!readers[i].done()) queue.push(i);
    }
    if (!f(word, documents)) return;
  }
}

Result<SegmentArrays> merge(std::span<const Part> parts) {
  std::vector<std::uint64_t> ids;
  const std::vector<std::vector<std::uint32_t>> order = order_slots(parts, ids);
  if (ids.size() > kSegmentDocumentsMax) {
    return Error(Code::TooLarge, "lexical: merged segments would hold too many documents");
  }
  constexpr TermKey kDone = ~TermKey{0};
  std::vector<Segment::Reader> readers;
  std::vector<TermKey> keys;  // that each is at: the least of a few is soon found
  for (const Part& part : parts) {
    readers.emplace_back(*part.segment);
    keys.push_back(readers.back().done() ? kDone : readers.back().key());
  }
  std::size_t posting_bytes = 0;
  std::size_t position_bytes = 0;
  for (const Part& part : parts) {
    posting_bytes += part.segment->posting_bytes();
    position_bytes += part.segment->position_bytes();
  }
  SegmentWriter writer(posting_bytes, position_bytes);
  std::vector<Posting> list;
  while (true) {
    const TermKey key = keys.empty() ? kDone : *std::min_element(keys.begin(), keys.end());
    if (key == kDone) break;
    list.clear();
    for (std::size_t part = 0; part < keys.size(); ++part) {
      if (keys[part] != key) continue;
      append(readers[part], order[part], list);
      readers[part].next();
      keys[part] = readers[part].done() ? kDone : readers[part].key();
    }
    if (list.empty()) continue;
    const auto by_slot = [](const Posting& a, const Posting& b) { return a.slot < b.slot; };
    if (!std::is_sorted(list.begin(), list.end(), by_slot)) {
      std::sort(list.begin(), list.end(), by_slot);
    }
    writer.add(key, list);
    if (writer.posting_bytes() > kSegmentPostingBytesMax) {
      return Error(Code::TooLarge, "lexical: merged segments would hold too many postings");
    }
  }
  VocabularyArrays words = merge_words(parts, writer);
  return writer.finish(std::move(ids), std::move(words));
}

}  // namespace lexical
