#include "runtime/caches.h"

#include <fmt/format.h>

#include <mutex>
#include <vector>

namespace runtime {

Result<std::unique_ptr<Caches>> Caches::open(Options options, telemetry::Metrics& metrics) {
  auto caches = std::unique_ptr<Caches>(new Caches(std::move(options), metrics));
  if (caches->options_.redis_url.empty()) return caches;
  auto address = cache::parse_redis_url(caches->options_.redis_url);
  if (!address) {
    return Error{Code::InvalidArgument, fmt::format("redis_url: {}", address.error().message)};
  }
  caches->address_ = std::move(address).value();
  return caches;
}

std::shared_ptr<cache::Cache> Caches::make(const std::string& name, cache::MemoryOptions options) {
  if (redis_ == nullptr && !options_.redis_url.empty()) {
    cache::Redis::Options redis;
    redis.address = address_;
    redis.timeout = options_.redis_timeout;
    redis.connect_timeout = options_.redis_connect_timeout;
    redis_ = std::make_unique<cache::Redis>(std::move(redis));
  }
  std::shared_ptr<cache::Cache> cache = redis_ == nullptr
                                            ? cache::make_memory_cache(options)
                                            : cache::make_tiered_cache(options, *redis_);
  show(name, cache);
  return cache;
}

void Caches::close() {
  if (redis_ != nullptr) redis_->close();
}

void Caches::show(const std::string& name, std::shared_ptr<const cache::Cache> cache) {
  const std::string prefix = fmt::format("troupe_{}_cache_{}_", options_.service, name);
  using Member = std::uint64_t cache::Stats::*;
  std::vector<std::pair<Member, telemetry::Counter>> counters;
  const auto count = [&](const std::string& what, const std::string& help, Member member) {
    counters.emplace_back(member, metrics_.counter(prefix + what + "_total", help));
  };
  count("hits", "Values found", &cache::Stats::hits);
  count("misses", "Values not found", &cache::Stats::misses);
  count("evictions", "Values dropped for room", &cache::Stats::evictions);
  if (cache->remote()) {
    count("remote_hits", "Values found in Redis", &cache::Stats::remote_hits);
    count("remote_misses", "Values that Redis has not", &cache::Stats::remote_misses);
    count("remote_failures", "Calls that Redis did not serve", &cache::Stats::remote_failures);
  }
  const auto bytes = metrics_.gauge(prefix + "bytes", "Memory of the cache");
  const auto entries = metrics_.gauge(prefix + "entries", "Values in the memory of the cache");
  // Two who ask for the metrics at once must not both add what has come since the last time.
  const auto mutex = std::make_shared<std::mutex>();
  metrics_.before_text([mutex, counters, bytes, entries, cache = std::move(cache)] {
    const std::lock_guard lock(*mutex);
    const cache::Stats stats = cache->stats();
    for (const auto& [member, counter] : counters) {
      counter.add(static_cast<double>(stats.*member) - counter.value());
    }
    bytes.set(static_cast<double>(stats.bytes));
    entries.set(static_cast<double>(stats.entries));
  });
}

}  // namespace runtime
