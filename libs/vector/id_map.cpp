#include "vector/id_map.h"

#include <algorithm>
#include <bit>

namespace vector {
namespace {

constexpr std::size_t kPlacesMin = 64;

}  // namespace

IdMap::IdMap(const Rows& rows)
    : rows_(rows), owned_(std::make_unique<Table>(kPlacesMin)), table_(owned_.get()) {}

// Callers choose the ids, so they are spread by a multiplication (Fibonacci hashing).
std::size_t IdMap::home(const Table& table, std::uint64_t id) {
  return (id ^ id >> 32) * 0x9E3779B97F4A7C15 >> std::countl_zero(table.mask);
}

std::optional<std::uint32_t> IdMap::find(std::uint64_t id) const {
  const Epochs::Guard guard = epochs_.enter();
  const Table& table = *table_.load(std::memory_order_seq_cst);
  for (std::size_t at = home(table, id);; ++at) {
    const std::uint32_t entry = table.entries[at & table.mask].load(std::memory_order_acquire);
    if (entry == kEmpty) return std::nullopt;
    if (entry != kGone && rows_.id(entry - kFirst) == id) return entry - kFirst;
  }
}

std::size_t IdMap::bytes() const {
  const Epochs::Guard guard = epochs_.enter();  // keeps the table
  return (table_.load(std::memory_order_seq_cst)->mask + 1) * sizeof(std::uint32_t);
}

void IdMap::place(Table& table, std::uint64_t id, std::uint32_t slot) {
  std::size_t at = home(table, id);
  while (table.entries[at & table.mask].load(std::memory_order_relaxed) != kEmpty) ++at;
  table.entries[at & table.mask].store(kFirst + slot, std::memory_order_release);
}

std::atomic<std::uint32_t>& IdMap::entry_of(std::uint32_t slot) {
  std::size_t at = home(*owned_, rows_.id(slot));
  while (owned_->entries[at & owned_->mask].load(std::memory_order_relaxed) != kFirst + slot) ++at;
  return owned_->entries[at & owned_->mask];
}

void IdMap::reserve(std::size_t count) {
  const std::size_t places = std::bit_ceil(8 * count / 5 + 1);
  if (places > owned_->mask + 1) make_room(places);
}

void IdMap::put(std::uint32_t slot) {
  if (8 * (used_ + 1) > 5 * (owned_->mask + 1)) {
    make_room(std::max(kPlacesMin, std::bit_ceil(2 * (size_ + 1))));
  }
  place(*owned_, rows_.id(slot), slot);
  ++used_;
  ++size_;
}

void IdMap::move(std::uint32_t slot, std::uint32_t next) {
  entry_of(slot).store(kFirst + next, std::memory_order_release);
}

void IdMap::erase(std::uint32_t slot) {
  entry_of(slot).store(kGone, std::memory_order_release);
  --size_;
}

// A table without what is gone.
void IdMap::make_room(std::size_t places) {
  auto larger = std::make_unique<Table>(places);
  for (std::size_t at = 0; at <= owned_->mask; ++at) {
    const std::uint32_t entry = owned_->entries[at].load(std::memory_order_relaxed);
    if (entry >= kFirst) place(*larger, rows_.id(entry - kFirst), entry - kFirst);
  }
  used_ = size_;
  table_.store(larger.get(), std::memory_order_seq_cst);
  owned_.swap(larger);
  retired_.emplace_back(epochs_.advance(), std::move(larger));
  while (!retired_.empty() && epochs_.passed(retired_.front().first)) retired_.pop_front();
}

}  // namespace vector
