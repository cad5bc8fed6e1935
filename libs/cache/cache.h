#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "cache/redis.h"

// Values by key with a time to live. Thread-safe. A cache may forget anything at any time; it is
// never the only copy.
//
// What the layer outside this process (Redis) keeps is seen by other processes and later ones, and
// it may be away when a key is erased. So a key must name all that its value depends on, as a hash
// does, and no reader may rely on erase() having reached everybody.
namespace cache {

// Shared, not copied: a reader keeps it alive after its entry is gone. Null: there is none.
using Value = std::shared_ptr<const std::string>;

struct Stats {
  std::uint64_t hits = 0;  // in any layer
  std::uint64_t misses = 0;
  // Of the layer in this process.
  std::uint64_t evictions = 0;
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
  // Of the layer outside, zero without one: keys that it has, keys that it says it has not, and
  // what it did not do, because it was away, too slow, or refused.
  std::uint64_t remote_hits = 0;
  std::uint64_t remote_misses = 0;
  std::uint64_t remote_failures = 0;
};

class Cache {
 public:
  virtual ~Cache() = default;

  // What this process holds. Never waits: for event loops and handlers of microseconds.
  virtual Value get(std::string_view key) = 0;
  // As get(); when this process has nothing, the layer outside is asked. `done` is called once: at
  // once when there is nothing to wait for, else within twice the layer's time-out on one of its
  // threads, where it must not wait; also when the layer is away or closed.
  virtual void fetch(std::string_view key, std::function<void(Value)> done) = 0;
  // Written to the layer outside later, never waited for. A value larger than an eighth of a shard
  // is not kept in this process.
  virtual void put(std::string_view key, Value value, Milliseconds ttl) = 0;
  virtual void erase(std::string_view key) = 0;
  virtual Stats stats() const = 0;
  // Whether there is a layer outside this process, so that fetch() may take its time.
  virtual bool remote() const = 0;

  void put(std::string_view key, std::string value, Milliseconds ttl) {
    put(key, std::make_shared<const std::string>(std::move(value)), ttl);
  }
};

// fetch() for those who have a thread to wait on: never on an event loop when the cache is remote.
Value fetch_and_wait(Cache& cache, std::string_view key);

// In this process: shards of a hash map with least-recently-used eviction under a byte limit that
// counts keys, values and bookkeeping.
struct MemoryOptions {
  std::size_t bytes_max = 8 * 1024 * 1024;
  std::size_t shards = 8;
};
std::unique_ptr<Cache> make_memory_cache(MemoryOptions options,
                                         const Clock& clock = SystemClock::instance());

// Memory first, then Redis or KeyDB; what is found there is kept in memory for the rest of its
// time. `redis` must outlive the cache.
std::unique_ptr<Cache> make_tiered_cache(MemoryOptions options, Redis& redis,
                                         const Clock& clock = SystemClock::instance());

}  // namespace cache
