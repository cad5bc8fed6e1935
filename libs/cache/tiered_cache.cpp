#include <atomic>

#include "cache/cache.h"

namespace cache {
namespace {

// What the callbacks of calls under way share with the cache, which may go before they come.
struct Shared {
  std::unique_ptr<Cache> near;
  std::atomic<std::uint64_t> hits = 0;
  std::atomic<std::uint64_t> misses = 0;
  std::atomic<std::uint64_t> remote_hits = 0;
  std::atomic<std::uint64_t> remote_misses = 0;
  std::atomic<std::uint64_t> remote_failures = 0;

  Value found(std::string_view key, const Redis::Found& found) {
    switch (found.outcome) {
      case Redis::Outcome::Hit:
        ++remote_hits;
        ++hits;
        // One that has just run out is still good for whoever asked.
        near->put(key, found.value, found.ttl);
        return found.value;
      case Redis::Outcome::Miss:
        ++remote_misses;
        break;
      case Redis::Outcome::Failed:
        ++remote_failures;
        break;
    }
    ++misses;
    return nullptr;
  }
};

class TieredCache final : public Cache {
 public:
  TieredCache(std::unique_ptr<Cache> near, Redis& redis)
      : shared_(std::make_shared<Shared>()), redis_(redis) {
    shared_->near = std::move(near);
  }

  Value get(std::string_view key) override {
    Value value = shared_->near->get(key);
    ++(value ? shared_->hits : shared_->misses);
    return value;
  }

  void fetch(std::string_view key, std::function<void(Value)> done) override {
    if (Value value = shared_->near->get(key)) {
      ++shared_->hits;
      return done(std::move(value));
    }
    redis_.get(key, [shared = shared_, key = std::string(key), done = std::move(done)](
                        const Redis::Found& found) { done(shared->found(key, found)); });
  }

  void put(std::string_view key, Value value, Milliseconds ttl) override {
    shared_->near->put(key, value, ttl);
    redis_.put(key, std::move(value), ttl, count_failures());
  }

  void erase(std::string_view key) override {
    shared_->near->erase(key);
    redis_.erase(key, count_failures());
  }

  Stats stats() const override {
    Stats stats = shared_->near->stats();
    stats.hits = shared_->hits;
    stats.misses = shared_->misses;
    stats.remote_hits = shared_->remote_hits;
    stats.remote_misses = shared_->remote_misses;
    stats.remote_failures = shared_->remote_failures;
    return stats;
  }

  bool remote() const override { return true; }

 private:
  Redis::OnWritten count_failures() const {
    return [shared = shared_](bool written) {
      if (!written) ++shared->remote_failures;
    };
  }

  const std::shared_ptr<Shared> shared_;
  Redis& redis_;
};

}  // namespace

std::unique_ptr<Cache> make_tiered_cache(MemoryOptions options, Redis& redis, const Clock& clock) {
  return std::make_unique<TieredCache>(make_memory_cache(options, clock), redis);
}

}  // namespace cache
