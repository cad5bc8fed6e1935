#include <algorithm>
#include <cstddef>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cache/cache.h"

namespace cache {
namespace {

// What an entry costs beside its key and value: the map's node and bucket, and the allocator's
// share of two strings.
constexpr std::size_t kEntryBytes = 192;

// Longer than any process lives, short enough to add to any time without overflow.
constexpr Milliseconds kTtlMax = std::chrono::hours(24 * 365);

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view key) const { return std::hash<std::string_view>{}(key); }
};

// Links of a circular list; the list's head is a bare link.
struct Link {
  Link* previous = this;
  Link* next = this;

  void unlink() {
    previous->next = next;
    next->previous = previous;
  }
  void link_after(Link& head) {
    previous = &head;
    next = head.next;
    next->previous = this;
    head.next = this;
  }
};

struct Entry : Link {
  std::string_view key;  // the map's own copy
  std::string value;
  SteadyTime expires;

  std::size_t bytes() const { return key.size() + value.size() + kEntryBytes; }
};

// One lock's worth of the cache. The list runs from the most to the least recently used.
class Shard {
 public:
  std::optional<std::string> get(std::string_view key, SteadyTime now) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    if (found == entries_.end() || found->second.expires <= now) {
      if (found != entries_.end()) remove(found);
      ++stats_.misses;
      return std::nullopt;
    }
    ++stats_.hits;
    found->second.unlink();
    found->second.link_after(used_);
    return found->second.value;
  }

  void put(std::string_view key, std::string value, SteadyTime expires, std::size_t bytes_max) {
    const std::lock_guard lock(mutex_);
    if (const auto old = entries_.find(key); old != entries_.end()) remove(old);
    const auto place = entries_.try_emplace(std::string(key)).first;
    Entry& entry = place->second;
    entry.key = place->first;
    entry.value = std::move(value);
    entry.expires = expires;
    entry.link_after(used_);
    stats_.bytes += entry.bytes();
    // The new entry is first in the list and fits, so it is never the one to go.
    while (stats_.bytes > bytes_max) {
      remove(entries_.find(static_cast<Entry*>(used_.previous)->key));
      ++stats_.evictions;
    }
  }

  void erase(std::string_view key) {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(key); found != entries_.end()) remove(found);
  }

  void add_to(Stats& sum) const {
    const std::lock_guard lock(mutex_);
    sum.hits += stats_.hits;
    sum.misses += stats_.misses;
    sum.evictions += stats_.evictions;
    sum.bytes += stats_.bytes;
    sum.entries += entries_.size();
  }

 private:
  using Entries = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;

  void remove(Entries::iterator at) {
    stats_.bytes -= at->second.bytes();
    at->second.unlink();
    entries_.erase(at);
  }

  mutable std::mutex mutex_;
  Entries entries_;
  Link used_;
  Stats stats_;
};

class MemoryCache final : public Cache {
 public:
  MemoryCache(MemoryOptions options, const Clock& clock)
      : clock_(clock),
        shards_(std::max<std::size_t>(options.shards, 1)),
        shard_bytes_max_(options.bytes_max / shards_.size()) {}

  std::optional<std::string> get(std::string_view key) override {
    return shard(key).get(key, clock_.now());
  }

  void put(std::string_view key, std::string value, Milliseconds ttl) override {
    const bool fits = key.size() + value.size() + kEntryBytes <= shard_bytes_max_ / 8;
    // Whatever stood there is outdated, also when the new value cannot be kept.
    if (!fits || ttl <= Milliseconds(0)) return erase(key);
    shard(key).put(key, std::move(value), clock_.now() + std::min(ttl, kTtlMax), shard_bytes_max_);
  }

  void erase(std::string_view key) override { shard(key).erase(key); }

  Stats stats() const override {
    Stats sum;
    for (const Shard& part : shards_) part.add_to(sum);
    return sum;
  }

 private:
  // The map takes a hash's low bits, so the shard is chosen by the high ones.
  Shard& shard(std::string_view key) { return shards_[(Hash{}(key) >> 40U) % shards_.size()]; }

  const Clock& clock_;
  std::vector<Shard> shards_;
  const std::size_t shard_bytes_max_;
};

}  // namespace

std::unique_ptr<Cache> make_memory_cache(MemoryOptions options, const Clock& clock) {
  return std::make_unique<MemoryCache>(options, clock);
}

}  // namespace cache
