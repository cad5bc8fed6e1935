#include "cache/cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "support/fake_clock.h"

namespace cache {
namespace {

constexpr Milliseconds kHour{3'600'000};

std::string text(const Value& value) { return value == nullptr ? "(nothing)" : *value; }

// One shard, so that the order of eviction is the order of use.
class MemoryCacheTest : public testing::Test {
 protected:
  support::FakeClock clock_;
  std::unique_ptr<Cache> cache_ = make_memory_cache({.bytes_max = 16 * 1024, .shards = 1}, clock_);
};

TEST_F(MemoryCacheTest, GivesBackWhatWasPut) {
  cache_->put("key", "value", kHour);
  EXPECT_EQ(text(cache_->get("key")), "value");
  EXPECT_EQ(cache_->get("other"), nullptr);
  EXPECT_EQ(cache_->stats().hits, 1U);
  EXPECT_EQ(cache_->stats().misses, 1U);
  EXPECT_EQ(cache_->stats().entries, 1U);
}

TEST_F(MemoryCacheTest, AnEmptyValueIsAValue) {
  cache_->put("", "", kHour);
  EXPECT_EQ(text(cache_->get("")), "");
}

TEST_F(MemoryCacheTest, ForgetsAtTheEndOfTheTimeToLiveAndNotBefore) {
  cache_->put("key", "value", Milliseconds(1000));
  clock_.advance(999);
  EXPECT_EQ(text(cache_->get("key")), "value");
  clock_.advance(1);
  EXPECT_EQ(cache_->get("key"), nullptr);
  EXPECT_EQ(cache_->stats().entries, 0U);
  EXPECT_EQ(cache_->stats().bytes, 0U);
}

TEST_F(MemoryCacheTest, AnEndlessTimeToLiveDoesNotOverflow) {
  cache_->put("key", "value", Milliseconds::max());
  clock_.advance(1000);
  EXPECT_EQ(text(cache_->get("key")), "value");
}

TEST_F(MemoryCacheTest, NoTimeToLiveErases) {
  cache_->put("key", "old", kHour);
  cache_->put("key", "new", Milliseconds(0));
  EXPECT_EQ(cache_->get("key"), nullptr);
}

TEST_F(MemoryCacheTest, ANewValueReplacesTheOldAndItsTimeToLive) {
  cache_->put("key", "old", Milliseconds(10));
  cache_->put("key", "new", kHour);
  clock_.advance(10);
  EXPECT_EQ(text(cache_->get("key")), "new");
  EXPECT_EQ(cache_->stats().entries, 1U);
}

TEST_F(MemoryCacheTest, EvictsTheLeastRecentlyUsedWhenFull) {
  // An entry costs 1 + 1000 + 208 bytes: 13 fit into 16 KiB.
  for (char c = 'a'; c < 'a' + 13; ++c) cache_->put(std::string(1, c), std::string(1000, c), kHour);
  EXPECT_EQ(cache_->stats().evictions, 0U);
  EXPECT_TRUE(cache_->get("a"));
  cache_->put("z", std::string(1000, 'z'), kHour);
  EXPECT_TRUE(cache_->get("a"));
  EXPECT_FALSE(cache_->get("b"));
  EXPECT_TRUE(cache_->get("z"));
  EXPECT_EQ(cache_->stats().evictions, 1U);
}

TEST_F(MemoryCacheTest, StaysUnderItsByteLimitForEverySizeOfValue) {
  for (int i = 0; i < 5000; ++i) {
    cache_->put(std::to_string(i), std::string(static_cast<std::size_t>(i % 2000), 'x'), kHour);
    ASSERT_LE(cache_->stats().bytes, 16U * 1024);
  }
  EXPECT_GT(cache_->stats().entries, 5U);
}

TEST_F(MemoryCacheTest, DoesNotKeepAValueLargerThanAnEighthNorTheOneItReplaces) {
  cache_->put("key", "small", kHour);
  cache_->put("key", std::string(2048, 'x'), kHour);
  EXPECT_EQ(cache_->get("key"), nullptr);
  EXPECT_EQ(cache_->stats().bytes, 0U);
}

TEST_F(MemoryCacheTest, ErasesOneKey) {
  cache_->put("a", "1", kHour);
  cache_->put("b", "2", kHour);
  cache_->erase("a");
  cache_->erase("absent");
  EXPECT_EQ(cache_->get("a"), nullptr);
  EXPECT_EQ(text(cache_->get("b")), "2");
}

TEST_F(MemoryCacheTest, WhoHoldsAValueKeepsItWhenItsEntryGoes) {
  cache_->put("key", "value", kHour);
  const Value held = cache_->get("key");
  cache_->erase("key");
  EXPECT_EQ(text(held), "value");
}

TEST_F(MemoryCacheTest, FetchesAtOnceAsThereIsNobodyElseToAsk) {
  cache_->put("key", "value", kHour);
  std::string found;
  cache_->fetch("key", [&](const Value& value) { found += text(value); });
  cache_->fetch("other", [&](const Value& value) { found += text(value); });
  EXPECT_EQ(found, "value(nothing)");
  EXPECT_EQ(text(fetch_and_wait(*cache_, "key")), "value");
  EXPECT_FALSE(cache_->remote());
}

TEST(MemoryCache, FindsEveryKeyAfterItsTableHasGrown) {
  const auto cache = make_memory_cache({.bytes_max = 64 * 1024 * 1024, .shards = 2});
  for (int i = 0; i < 20'000; ++i) cache->put(std::to_string(i), std::to_string(i * 3), kHour);
  for (int i = 0; i < 20'000; i += 2) cache->erase(std::to_string(i));
  for (int i = 0; i < 20'000; ++i) {
    const Value value = cache->get(std::to_string(i));
    ASSERT_EQ(value != nullptr, i % 2 == 1) << i;
    if (i % 2 == 1) {
      ASSERT_EQ(*value, std::to_string(i * 3));
    }
  }
  EXPECT_EQ(cache->stats().entries, 10'000U);
}

TEST(MemoryCache, NoShardsAreOneShard) {
  const auto cache = make_memory_cache({.bytes_max = 64 * 1024, .shards = 0});
  cache->put("key", "value", kHour);
  EXPECT_EQ(text(cache->get("key")), "value");
}

TEST(MemoryCache, ManyThreadsNeverSeeAnotherKeysValue) {
  const auto cache = make_memory_cache({.bytes_max = 256 * 1024, .shards = 4});
  std::atomic<int> wrong{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 5000; ++i) {
        const std::string key = std::to_string((i * 7 + t) % 500);
        if (i % 3 == 0) cache->put(key, "value of " + key, kHour);
        if (i % 101 == 0) cache->erase(key);
        const auto value = cache->get(key);
        if (value && *value != "value of " + key) ++wrong;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(cache->stats().bytes, 256U * 1024);
}

}  // namespace
}  // namespace cache
