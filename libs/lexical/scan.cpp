#include "lexical/scan.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace lexical {
namespace {

// Asking a list about one document costs about as much as adding up so many of its postings.
constexpr std::uint32_t kAskCost = 6;
constexpr std::uint32_t kFewAllowed = 12;

bool better(const Top::Entry& a, const Top::Entry& b) {
  return a.score != b.score ? a.score > b.score : a.id < b.id;
}

using Lanes = std::uint32_t __attribute__((vector_size(16)));

// Whether any of 16 sums is over the bar.
bool any_over(const std::uint32_t* sums, std::uint32_t bar) {
  const Lanes over{bar, bar, bar, bar};
  std::array<Lanes, 4> rows;
  std::memcpy(rows.data(), sums, sizeof rows);
  const auto found = (rows[0] > over) | (rows[1] > over) | (rows[2] > over) | (rows[3] > over);
  std::array<std::uint64_t, 2> halves;
  std::memcpy(halves.data(), &found, sizeof halves);
  return (halves[0] | halves[1]) != 0;
}

}  // namespace

void Top::offer(std::uint64_t id, std::uint32_t score) {
  const Entry entry{id, score};
  if (heap_.size() == k_) {
    if (!better(entry, heap_.front())) return;
    std::pop_heap(heap_.begin(), heap_.end(), better);
    heap_.back() = entry;
  } else {
    heap_.push_back(entry);
  }
  std::push_heap(heap_.begin(), heap_.end(), better);
}

std::uint32_t Top::bar(std::uint64_t id) const {
  if (heap_.size() < k_) return 0;
  const Entry& worst = heap_.front();
  return id > worst.id ? worst.score : worst.score - 1;
}

std::vector<Top::Entry> Top::take() {
  std::sort(heap_.begin(), heap_.end(), better);
  return std::move(heap_);
}

Scan::Lane::Lane(const PostingList& list, const Contributions& worth_in)
    : cursor(list),
      worth(&worth_in),
      most(worth_in[static_cast<std::size_t>(cursor.bound())]),
      usual(0) {}

Scan::Scan(const Part& part, const Filter* filter, Top& top)
    : part_(part), filter_(filter), top_(top), documents_(part.segment->documents()) {}

void Scan::add(const PostingList& list, const Contributions& worth) {
  Lane& lane = lanes_.emplace_back(list, worth);
  lane.usual = static_cast<std::uint32_t>(std::uint64_t{list.count} * kWindow / documents_);
  by_most_.push_back(&lane);
}

void Scan::run() {
  std::sort(by_most_.begin(), by_most_.end(),
            [](const Lane* a, const Lane* b) { return a->most < b->most; });
  for (std::uint32_t low = next_window(0); low < documents_; low = next_window(low + kWindow)) {
    window(low, std::min(low + kWindow, documents_));
  }
}

// The next window that has a document of a list which others do not outweigh.
std::uint32_t Scan::next_window(std::uint32_t from) {
  if (from >= documents_) return documents_;
  const std::uint32_t bar = top_.bar(part_.segment->ids()[from]);
  std::uint32_t next = documents_;
  std::uint32_t sum = 0;
  for (Lane* lane : by_most_) {
    sum += lane->most;
    if (sum > bar) next = std::min(next, lane->cursor.next(from));
  }
  return next / kWindow * kWindow;
}

void Scan::window(std::uint32_t low, std::uint32_t high) {
  const std::uint32_t bar = top_.bar(part_.segment->ids()[low]);
  const std::uint32_t total = bound_lanes(low, high);
  if (total <= bar) return;
  const std::uint32_t allowed = allow(low, high);
  if (allowed == 0) return;
  std::size_t asked = 0;  // of the active, the first: those that are only asked
  std::uint32_t rest = 0;
  near_count_ = 0;
  if (allowed <= kFewAllowed) {
    asked = active_.size();
    rest = total;
    collect_allowed(low);
  } else {
    while (rest + active_[asked]->bound <= bar) rest += active_[asked++]->bound;
    for (std::size_t i = asked; i < active_.size(); ++i) {
      active_[i]->cursor.accumulate(low, high, *active_[i]->worth, sums_.data());
    }
    collect(low, bar - rest);
  }
  add_rest(low, high, asked, rest, bar);
  for (std::size_t i = 0; i < near_count_; ++i) {
    const std::uint32_t sum = sums_[near_[i]];
    if (sum > bar) top_.offer(part_.segment->ids()[low + near_[i]], sum);
  }
  sums_.fill(0);
}

std::uint32_t Scan::bound_lanes(std::uint32_t low, std::uint32_t high) {
  active_.clear();
  std::uint32_t total = 0;
  for (Lane* lane : by_most_) {
    const int code = lane->cursor.bound(low, high);
    if (code == Cursor::kNone) continue;
    lane->bound = (*lane->worth)[static_cast<std::size_t>(code)];
    total += lane->bound;
    const auto place =
        std::upper_bound(active_.begin(), active_.end(), lane,
                         [](const Lane* a, const Lane* b) { return a->bound < b->bound; });
    active_.insert(place, lane);
  }
  return total;
}

// Fills the bitmap of documents that may be found, and counts them.
std::uint32_t Scan::allow(std::uint32_t low, std::uint32_t high) {
  const std::uint32_t words = (high - low + 63) / 64;
  for (std::uint32_t i = 0; i < words; ++i) allowed_[i] = part_.alive->word(low / 64 + i);
  std::fill(allowed_.begin() + words, allowed_.end(), 0);
  if ((high - low) % 64 != 0) allowed_[words - 1] &= (std::uint64_t{1} << ((high - low) % 64)) - 1;
  if (filter_ != nullptr) {
    filter_->restrict(part_.segment->ids().subspan(low, high - low), allowed_);
  }
  for (Cursor& cursor : required_) {
    std::array<std::uint64_t, kWindow / 64> has{};
    for (std::uint32_t slot = cursor.seek(low); slot < high; slot = cursor.advance()) {
      has[(slot - low) / 64] |= std::uint64_t{1} << ((slot - low) % 64);
    }
    for (std::size_t i = 0; i < has.size(); ++i) allowed_[i] &= has[i];
  }
  std::uint32_t count = 0;
  for (const std::uint64_t word : allowed_)
    count += static_cast<std::uint32_t>(std::popcount(word));
  return count;
}

void Scan::take(std::uint32_t low, std::uint32_t at) {
  if (filter_ != nullptr && !filter_->accepts(part_.segment->ids()[low + at])) return;
  near_[near_count_++] = static_cast<std::uint16_t>(at);
}

void Scan::collect_allowed(std::uint32_t low) {
  for (std::uint32_t i = 0; i < allowed_.size(); ++i) {
    for (std::uint64_t word = allowed_[i]; word != 0; word &= word - 1) {
      take(low, i * 64 + static_cast<std::uint32_t>(std::countr_zero(word)));
    }
  }
}

void Scan::collect(std::uint32_t low, std::uint32_t over) {
  for (std::uint32_t at = 0; at < kWindow; at += 16) {
    if (!any_over(&sums_[at], over)) continue;
    for (std::uint32_t i = at; i < at + 16; ++i) {
      if (sums_[i] > over && (allowed_[i / 64] >> (i % 64) & 1U) != 0) take(low, i);
    }
  }
}

// Adds the first `lanes` of the active, greatest first, for as long as documents are near enough.
void Scan::add_rest(std::uint32_t low, std::uint32_t high, std::size_t lanes, std::uint32_t rest,
                    std::uint32_t bar) {
  while (lanes > 0 && near_count_ > 0) {
    Lane& lane = *active_[--lanes];
    rest -= lane.bound;
    if (near_count_ * kAskCost > lane.usual) {
      lane.cursor.accumulate(low, high, *lane.worth, sums_.data());
    } else {
      for (std::size_t i = 0; i < near_count_; ++i) {
        const int code = lane.cursor.code_at(low + near_[i]);
        if (code != Cursor::kNone) sums_[near_[i]] += (*lane.worth)[static_cast<std::size_t>(code)];
      }
    }
    std::size_t kept = 0;
    for (std::size_t i = 0; i < near_count_; ++i) {
      const std::uint16_t at = near_[i];
      if (sums_[at] + rest > bar) near_[kept++] = at;
    }
    near_count_ = kept;
  }
}

}  // namespace lexical
