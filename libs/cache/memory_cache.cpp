#include <algorithm>
#include <cstddef>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "cache/cache.h"

namespace cache {
namespace {

// What an entry costs beside its key and value: itself, its place in the table, and the
// allocator's share of four pieces.
constexpr std::size_t kEntryBytes = 208;

// Longer than any process lives, short enough to add to any time without overflow.
constexpr Milliseconds kTtlMax = std::chrono::hours(24 * 365);

// A key with its hash, which is computed once for shard and table.
struct Hashed {
  explicit Hashed(std::string_view key) : text(key), hash(std::hash<std::string_view>{}(key)) {}
  Hashed(std::string_view key, std::size_t known) : text(key), hash(known) {}

  std::string_view text;
  std::size_t hash;
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

// What a lookup reads stands first: most of the cost of a get is the memory that it touches.
struct Entry : Link {
  std::size_t hash = 0;
  SteadyTime expires{};
  Value value;
  std::string key;
  std::unique_ptr<Entry> chain;  // the next with the same place in the table

  std::size_t bytes() const { return key.size() + value->size() + kEntryBytes; }
};

// One lock's worth of the cache: a chained hash table whose entries are linked from the most to the
// least recently used. On lines of its own, so that two threads in two shards do not share one.
class alignas(64) Shard {
 public:
  Value get(const Hashed& key, SteadyTime now) {
    const std::lock_guard lock(mutex_);
    std::unique_ptr<Entry>& place = find(key);
    if (place == nullptr || place->expires <= now) {
      if (place != nullptr) remove(place);
      ++stats_.misses;
      return nullptr;
    }
    ++stats_.hits;
    place->unlink();
    place->link_after(used_);
    return place->value;
  }

  void put(const Hashed& key, Value value, SteadyTime expires, std::size_t bytes_max) {
    auto entry = std::make_unique<Entry>();
    entry->hash = key.hash;
    entry->expires = expires;
    entry->value = std::move(value);
    entry->key = key.text;
    const std::lock_guard lock(mutex_);
    if (std::unique_ptr<Entry>& old = find(key); old != nullptr) remove(old);
    if (stats_.entries == table_.size()) grow();
    entry->link_after(used_);
    stats_.bytes += entry->bytes();
    ++stats_.entries;
    insert(std::move(entry));
    // The new entry is first in the list and fits, so it is never the one to go.
    while (stats_.bytes > bytes_max) {
      const Entry& last = *static_cast<const Entry*>(used_.previous);
      remove(find(Hashed(last.key, last.hash)));
      ++stats_.evictions;
    }
  }

  void erase(const Hashed& key) {
    const std::lock_guard lock(mutex_);
    if (std::unique_ptr<Entry>& place = find(key); place != nullptr) remove(place);
  }

  void add_to(Stats& sum) const {
    const std::lock_guard lock(mutex_);
    sum.hits += stats_.hits;
    sum.misses += stats_.misses;
    sum.evictions += stats_.evictions;
    sum.bytes += stats_.bytes;
    sum.entries += stats_.entries;
  }

 private:
  std::unique_ptr<Entry>& head_of(std::size_t hash) { return table_[hash & (table_.size() - 1)]; }

  // What points to the key's entry; null at the end of its chain.
  std::unique_ptr<Entry>& find(const Hashed& key) {
    std::unique_ptr<Entry>* place = &head_of(key.hash);
    while (*place != nullptr && ((*place)->hash != key.hash || (*place)->key != key.text)) {
      place = &(*place)->chain;
    }
    return *place;
  }

  void insert(std::unique_ptr<Entry> entry) {
    std::unique_ptr<Entry>& head = head_of(entry->hash);
    entry->chain = std::move(head);
    head = std::move(entry);
  }

  void remove(std::unique_ptr<Entry>& place) {
    const std::unique_ptr<Entry> gone = std::move(place);
    place = std::move(gone->chain);
    stats_.bytes -= gone->bytes();
    --stats_.entries;
    gone->unlink();
  }

  void grow() {
    std::vector<std::unique_ptr<Entry>> old(table_.size() * 2);
    old.swap(table_);
    for (std::unique_ptr<Entry>& head : old) {
      while (head != nullptr) {
        std::unique_ptr<Entry> entry = std::move(head);
        head = std::move(entry->chain);
        insert(std::move(entry));
      }
    }
  }

  mutable std::mutex mutex_;
  Stats stats_;
  Link used_;
  std::vector<std::unique_ptr<Entry>> table_ = std::vector<std::unique_ptr<Entry>>(16);
};

class MemoryCache final : public Cache {
 public:
  MemoryCache(MemoryOptions options, const Clock& clock)
      : clock_(clock),
        shards_(std::max<std::size_t>(options.shards, 1)),
        shard_bytes_max_(options.bytes_max / shards_.size()) {}

  Value get(std::string_view key) override {
    const Hashed hashed(key);
    return shard(hashed).get(hashed, clock_.now());
  }

  void fetch(std::string_view key, std::function<void(Value)> done) override { done(get(key)); }

  void put(std::string_view key, Value value, Milliseconds ttl) override {
    const std::size_t bytes = key.size() + (value ? value->size() : 0) + kEntryBytes;
    // Whatever stood there is outdated, also when the new value cannot be kept.
    if (!value || bytes > shard_bytes_max_ / 8 || ttl <= Milliseconds(0)) return erase(key);
    const Hashed hashed(key);
    shard(hashed).put(hashed, std::move(value), clock_.now() + std::min(ttl, kTtlMax),
                      shard_bytes_max_);
  }

  void erase(std::string_view key) override {
    const Hashed hashed(key);
    shard(hashed).erase(hashed);
  }

  Stats stats() const override {
    Stats sum;
    for (const Shard& part : shards_) part.add_to(sum);
    return sum;
  }

  bool remote() const override { return false; }

 private:
  // The table takes a hash's low bits, so the shard is chosen by the high ones.
  Shard& shard(const Hashed& key) { return shards_[(key.hash >> 40U) % shards_.size()]; }

  const Clock& clock_;
  std::vector<Shard> shards_;
  const std::size_t shard_bytes_max_;
};

}  // namespace

std::unique_ptr<Cache> make_memory_cache(MemoryOptions options, const Clock& clock) {
  return std::make_unique<MemoryCache>(options, clock);
}

}  // namespace cache
