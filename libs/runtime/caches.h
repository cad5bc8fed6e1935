#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/result.h"
#include "cache/cache.h"
#include "cache/redis.h"
#include "telemetry/metrics.h"

namespace runtime {

// The caches of a process: in its memory, and before a Redis or KeyDB server when one is named,
// which all of them share. Each has metrics troupe_<service>_cache_<name>_..., counters hits_total,
// misses_total, evictions_total, remote_hits_total, remote_misses_total and remote_failures_total,
// gauges bytes and entries. Not thread-safe; the caches are.
class Caches {
 public:
  struct Options {
    std::string service;
    std::string redis_url;  // empty: memory only
    Milliseconds redis_timeout{50};
    Milliseconds redis_connect_timeout{100};
  };
  // InvalidArgument when the URL cannot be read. `metrics` must outlive it.
  static Result<std::unique_ptr<Caches>> open(Options options, telemetry::Metrics& metrics);

  // `name` is a word of the metrics' names. The server is connected to with the first cache.
  std::shared_ptr<cache::Cache> make(const std::string& name, cache::MemoryOptions options);
  // The server, for its state; null without one, or before the first cache.
  const cache::Redis* redis() const { return redis_.get(); }
  // Nobody waits for the server any more, and no callback of a fetch comes later.
  void close();

 private:
  Caches(Options options, telemetry::Metrics& metrics)
      : options_(std::move(options)), metrics_(metrics) {}

  void show(const std::string& name, std::shared_ptr<const cache::Cache> cache);

  const Options options_;
  telemetry::Metrics& metrics_;
  cache::RedisAddress address_;
  std::unique_ptr<cache::Redis> redis_;
};

}  // namespace runtime
