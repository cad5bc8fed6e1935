#include "lexical/segment.h"

#include <algorithm>

#include "segment/file.h"
#include "segment/writer.h"

namespace lexical {
namespace {

constexpr segment::Identity kIdentity{segment::kind("lexi"), 2};

constexpr unsigned kCodeBits = 8;

std::uint32_t single_value(const Posting& posting) {
  return posting.slot << kCodeBits | posting.code;
}

Posting single_posting(std::uint32_t value) {
  return {nullptr, value >> kCodeBits, static_cast<std::uint8_t>(value)};
}

}  // namespace

struct Segment::Views {
  std::span<const std::uint64_t> ids;
  std::span<const std::uint32_t> list_starts, list_low, list_values;
  std::span<const std::uint16_t> list_middle;
  std::span<const std::uint32_t> single_starts, single_low, single_values;
  std::span<const std::uint16_t> single_middle;
  std::span<const std::byte> postings, positions;
  std::span<const std::uint32_t> word_starts;
  std::span<const std::byte> word_bytes;

  // Calls f(name, span) for each until it says false.
  template <class Self, class F>
  static bool each(Self& self, F&& f) {
    return f("ids", self.ids) && f("lists.starts", self.list_starts) &&
           f("lists.low", self.list_low) && f("lists.middle", self.list_middle) &&
           f("lists.values", self.list_values) && f("singles.starts", self.single_starts) &&
           f("singles.low", self.single_low) && f("singles.middle", self.single_middle) &&
           f("singles.values", self.single_values) && f("postings", self.postings) &&
           f("positions", self.positions) && f("words.starts", self.word_starts) &&
           f("words.bytes", self.word_bytes);
  }
};

void SegmentWriter::add(TermKey key, std::span<const Posting> list) {
  if (list.size() == 1 && !has_positions(key)) {
    singles_.add(key, single_value(list.front()));
  } else {
    if (has_positions(key)) words_.emplace_back(key, static_cast<std::uint32_t>(list.size()));
    lists_.add(key, postings_.add(list, has_positions(key)));
  }
}

std::uint32_t SegmentWriter::documents(TermKey word) const {
  const auto found =
      std::lower_bound(words_.begin(), words_.end(), std::pair<TermKey, std::uint32_t>(word, 0));
  return found != words_.end() && found->first == word ? found->second : 0;
}

SegmentArrays SegmentWriter::finish(std::vector<std::uint64_t> ids, VocabularyArrays words) {
  return {std::move(ids),
          lists_.finish(),
          singles_.finish(),
          postings_.take_postings(),
          postings_.take_positions(),
          std::move(words)};
}

Segment::Segment(const Views& views, std::shared_ptr<const void> owner)
    : owner_(std::move(owner)),
      views_(std::make_unique<const Views>(views)),
      ids_(views.ids),
      lists_(views.list_starts, views.list_low, views.list_middle, views.list_values),
      singles_(views.single_starts, views.single_low, views.single_middle, views.single_values),
      postings_(views.postings),
      positions_(views.positions),
      words_(views.word_starts, views.word_bytes) {}

Segment::~Segment() = default;

std::shared_ptr<const Segment> Segment::of(SegmentArrays arrays) {
  const auto own = std::make_shared<const SegmentArrays>(std::move(arrays));
  const Views views{own->ids,          own->lists.starts,   own->lists.low,
                    own->lists.values, own->lists.middle,   own->singles.starts,
                    own->singles.low,  own->singles.values, own->singles.middle,
                    own->postings,     own->positions,      own->words.starts,
                    own->words.bytes};
  return std::shared_ptr<const Segment>(new Segment(views, own));
}

Result<std::shared_ptr<const Segment>> Segment::open(const std::string& path) {
  const std::shared_ptr<segment::File> file = TRY(segment::File::open(path, kIdentity));
  Views views;
  std::optional<Error> failed;
  Views::each(views, [&]<class T>(const char* name, std::span<const T>& span) {
    Result<std::span<const T>> array = file->array<T>(name);
    if (array) {
      span = array.value();
    } else {
      failed = array.error();
    }
    return array.ok();
  });
  if (failed) return *std::move(failed);
  return std::shared_ptr<const Segment>(new Segment(views, file));
}

Result<void> Segment::save(const std::string& path) const {
  const std::unique_ptr<segment::Writer> writer = TRY(segment::Writer::create(path, kIdentity));
  std::optional<Error> failed;
  Views::each(*views_, [&]<class T>(const char* name, const std::span<const T>& span) {
    const Result<void> added = writer->add(name, span);
    if (!added) failed = added.error();
    return added.ok();
  });
  if (failed) return *std::move(failed);
  return writer->finish();
}

std::optional<std::uint32_t> Segment::slot(std::uint64_t id) const {
  const auto found = std::lower_bound(ids_.begin(), ids_.end(), id);
  if (found == ids_.end() || *found != id) return std::nullopt;
  return static_cast<std::uint32_t>(found - ids_.begin());
}

PostingList Segment::list_at(TermKey key, std::uint32_t at) const {
  return PostingList::read(postings_.data(), at, positions_.data(), has_positions(key));
}

PostingList Segment::list(TermKey key) const {
  if (const auto at = lists_.find(key)) return list_at(key, *at);
  if (!has_positions(key)) {
    if (const auto value = singles_.find(key)) {
      const Posting posting = single_posting(*value);
      return PostingList::single(posting.slot, posting.code);
    }
  }
  return {};
}

std::size_t Segment::bytes() const {
  std::size_t total = 0;
  Views::each(*views_, [&](const char*, const auto& span) {
    total += span.size_bytes();
    return true;
  });
  return total;
}

Segment::Reader::Reader(const Segment& segment)
    : segment_(&segment), lists_(segment.lists_), singles_(segment.singles_) {
  choose();
}

std::optional<Posting> Segment::Reader::single() const {
  if (!single_) return std::nullopt;
  return single_posting(singles_.value());
}

PostingList Segment::Reader::list() const {
  if (const auto posting = single()) return PostingList::single(posting->slot, posting->code);
  return segment_->list_at(lists_.key(), lists_.value());
}

void Segment::Reader::next() {
  if (single_) {
    singles_.next();
  } else {
    lists_.next();
  }
  choose();
}

}  // namespace lexical
