#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

// Values by key with a time to live. Thread-safe. A cache may forget anything at any time; it is
// never the only copy.
namespace cache {

struct Stats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t evictions = 0;
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
};

class Cache {
 public:
  virtual ~Cache() = default;
  virtual std::optional<std::string> get(std::string_view key) = 0;
  // A value larger than an eighth of a shard is not kept.
  virtual void put(std::string_view key, std::string value, Milliseconds ttl) = 0;
  virtual void erase(std::string_view key) = 0;
  virtual Stats stats() const = 0;
};

// In this process: shards of a hash map with least-recently-used eviction under a byte limit that
// counts keys, values and bookkeeping.
struct MemoryOptions {
  std::size_t bytes_max = 8 * 1024 * 1024;
  std::size_t shards = 8;
};
std::unique_ptr<Cache> make_memory_cache(MemoryOptions options,
                                         const Clock& clock = SystemClock::instance());

}  // namespace cache
