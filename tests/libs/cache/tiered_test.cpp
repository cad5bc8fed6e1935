#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "base/loop_thread.h"
#include "cache/cache.h"
#include "libs/cache/redis_server.h"
#include "support/fake_clock.h"

namespace cache::testing {
namespace {

Redis::Options options_for(RedisAddress address) {
  Redis::Options options;
  options.address = std::move(address);
  options.timeout = kPatience;
  options.connect_timeout = kPatience;
  options.cool_down = Milliseconds(5);
  return options;
}

std::string text(const Value& value) { return value == nullptr ? "(nothing)" : *value; }

// Two processes' caches before one server, each with a clock of its own for its memory.
class TieredCache : public ::testing::Test {
 protected:
  TieredCache() {
    EXPECT_TRUE(eventually([&] { return redis_.state() == "connected"; }));
  }
  // Puts by one process and waits until the other can have it.
  void share(const std::string& key, const std::string& value) {
    ours_->put(key, value, kHour);
    EXPECT_TRUE(eventually([&] { return server_.ask({"GET", "troupe:" + key}) == value; }));
  }

  RedisServer server_;
  Redis redis_{options_for(server_.address())};
  support::FakeClock clock_;
  std::unique_ptr<Cache> ours_ = make_tiered_cache({}, redis_, clock_);
  std::unique_ptr<Cache> theirs_ = make_tiered_cache({}, redis_, clock_);
};

TEST_F(TieredCache, FindsWhatAnotherProcessPutAndKeepsItInMemory) {
  share("key", "value");
  EXPECT_EQ(theirs_->get("key"), nullptr) << "get() does not ask";
  EXPECT_EQ(text(fetch_and_wait(*theirs_, "key")), "value");
  EXPECT_EQ(text(theirs_->get("key")), "value");
  const Stats stats = theirs_->stats();
  EXPECT_EQ(stats.hits, 2U);
  EXPECT_EQ(stats.misses, 1U);
  EXPECT_EQ(stats.remote_hits, 1U);
  EXPECT_EQ(stats.entries, 1U);
  EXPECT_TRUE(theirs_->remote());
}

TEST_F(TieredCache, KeepsAFoundValueNoLongerThanItWasMeantToLive) {
  share("key", "value");
  EXPECT_EQ(text(fetch_and_wait(*theirs_, "key")), "value");
  clock_.advance(kHour - Milliseconds(60'000));
  EXPECT_EQ(text(theirs_->get("key")), "value");
  clock_.advance(60'000);
  EXPECT_EQ(theirs_->get("key"), nullptr);
}

TEST_F(TieredCache, AnswersAtOnceFromMemory) {
  share("key", "value");
  server_.freeze();
  bool answered = false;
  ours_->fetch("key", [&](const Value& value) { answered = value != nullptr; });
  EXPECT_TRUE(answered);
  server_.thaw();
}

TEST_F(TieredCache, TellsAMissingKeyFromAServerThatIsAway) {
  EXPECT_EQ(fetch_and_wait(*ours_, "absent"), nullptr);
  EXPECT_EQ(ours_->stats().remote_misses, 1U);
  EXPECT_EQ(ours_->stats().remote_failures, 0U);
  server_.kill_now();
  EXPECT_EQ(fetch_and_wait(*ours_, "absent"), nullptr);
  EXPECT_EQ(ours_->stats().remote_misses, 1U);
  EXPECT_EQ(ours_->stats().remote_failures, 1U);
  EXPECT_EQ(ours_->stats().misses, 2U);
}

TEST_F(TieredCache, ServesFromMemoryWhileTheServerIsAwayAndCountsWhatItMisses) {
  share("key", "value");
  server_.kill_now();
  EXPECT_TRUE(eventually([&] {
    fetch_and_wait(*ours_, "absent");
    return redis_.state() == "unavailable";
  }));
  const std::uint64_t before = ours_->stats().remote_failures;
  ours_->put("other", "more", kHour);
  EXPECT_EQ(text(fetch_and_wait(*ours_, "key")), "value");
  EXPECT_EQ(text(fetch_and_wait(*ours_, "other")), "more");
  ours_->erase("key");
  EXPECT_EQ(fetch_and_wait(*ours_, "key"), nullptr);
  // A put, an erasure and a fetch; who writes is not waited for.
  EXPECT_TRUE(eventually([&] { return ours_->stats().remote_failures == before + 3; }));
  server_.start();
  EXPECT_TRUE(eventually([&] { return redis_.state() == "connected"; }));
  share("key", "again");
  EXPECT_EQ(text(fetch_and_wait(*theirs_, "key")), "again");
}

TEST_F(TieredCache, ErasesInBothLayers) {
  share("key", "value");
  ours_->erase("key");
  EXPECT_TRUE(eventually([&] { return server_.ask({"GET", "troupe:key"}) == "(nil)"; }));
  EXPECT_EQ(fetch_and_wait(*ours_, "key"), nullptr);
}

TEST_F(TieredCache, MayGoWhileACallIsUnderWay) {
  share("key", "value");
  std::promise<std::string> found;
  theirs_->fetch("key", [&](const Value& value) { found.set_value(text(value)); });
  theirs_.reset();
  EXPECT_EQ(found.get_future().get(), "value");
}

TEST_F(TieredCache, ManyThreadsNeverSeeAnotherKeysValue) {
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  for (Cache* cache : {ours_.get(), theirs_.get(), ours_.get(), theirs_.get()}) {
    threads.emplace_back([&wrong, cache, t = threads.size()] {
      for (std::size_t i = 0; i < 1000; ++i) {
        const std::string key = std::to_string((i * 7 + t) % 200);
        if (i % 3 == 0) cache->put(key, "value of " + key, kHour);
        if (i % 101 == 0) cache->erase(key);
        const Value value = fetch_and_wait(*cache, key);
        if (value && *value != "value of " + key) ++wrong;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(ours_->stats().remote_hits + theirs_->stats().remote_hits, 0U);
}

TEST(TieredCacheDeathTest, AWaitOnAnEventLoopIsABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        RedisAddress nowhere;
        nowhere.path = "/nowhere/redis.sock";
        Redis redis(options_for(nowhere));
        const auto cache = make_tiered_cache({}, redis);
        const LoopThread loop;
        fetch_and_wait(*cache, "key");
      },
      "LoopThread");
}

}  // namespace
}  // namespace cache::testing
