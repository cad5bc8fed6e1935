#include "cache/redis.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>

#include "libs/cache/redis_server.h"

namespace cache::testing {
namespace {

using Outcome = Redis::Outcome;

// Patient, but for coming back.
Redis::Options patient(RedisAddress address) {
  Redis::Options options;
  options.address = std::move(address);
  options.timeout = kPatience;
  options.connect_timeout = kPatience;
  options.cool_down = Milliseconds(5);
  return options;
}

// As patient(), for servers that shall be found silent.
Redis::Options impatient(RedisAddress address) {
  Redis::Options options = patient(std::move(address));
  options.timeout = Milliseconds(100);
  options.connect_timeout = Milliseconds(200);
  options.heartbeat = Milliseconds(50);
  return options;
}

std::shared_ptr<const std::string> value(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

Redis::Found get(Redis& redis, std::string_view key) {
  const auto found = std::make_shared<std::promise<Redis::Found>>();
  redis.get(key, [found](Redis::Found what) { found->set_value(std::move(what)); });
  return found->get_future().get();
}

bool put(Redis& redis, std::string_view key, std::string text, Milliseconds ttl = kHour) {
  const auto written = std::make_shared<std::promise<bool>>();
  redis.put(key, value(std::move(text)), ttl, [written](bool done) { written->set_value(done); });
  return written->get_future().get();
}

bool erase(Redis& redis, std::string_view key) {
  const auto written = std::make_shared<std::promise<bool>>();
  redis.erase(key, [written](bool done) { written->set_value(done); });
  return written->get_future().get();
}

// The outcome when it is there before get() returns; nothing when it is waited for.
std::optional<Outcome> outcome_at_once(Redis& redis) {
  const auto outcome = std::make_shared<std::promise<Outcome>>();
  auto future = outcome->get_future();
  redis.get("key", [outcome](const Redis::Found& found) { outcome->set_value(found.outcome); });
  if (future.wait_for(Milliseconds(0)) != std::future_status::ready) return std::nullopt;
  return future.get();
}

::testing::AssertionResult becomes(const Redis& redis, std::string_view state) {
  if (eventually([&] { return redis.state() == state; })) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "it is " << redis.state();
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t times = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++times;
  }
  return times;
}

TEST(Redis, GivesBackWhatWasPutWithTheRestOfItsTime) {
  const RedisServer server;
  Redis redis(patient(server.address()));
  ASSERT_TRUE(becomes(redis, "connected"));
  const std::string binary("a\0\r\n\xFF", 5);
  ASSERT_TRUE(put(redis, "key", binary));
  const Redis::Found found = get(redis, "key");
  ASSERT_EQ(found.outcome, Outcome::Hit);
  EXPECT_EQ(*found.value, binary);
  EXPECT_GT(found.ttl, Milliseconds(0));
  EXPECT_LE(found.ttl, kHour);
  EXPECT_EQ(server.ask({"GET", "troupe:key"}), binary);
}

TEST(Redis, TellsAMissingKeyFromAFailure) {
  const RedisServer server;
  Redis redis(patient(server.address()));
  ASSERT_TRUE(becomes(redis, "connected"));
  EXPECT_EQ(get(redis, "absent").outcome, Outcome::Miss);
  server.ask({"LPUSH", "troupe:list", "x"});
  EXPECT_EQ(get(redis, "list").outcome, Outcome::Failed);
  EXPECT_EQ(redis.state(), "connected") << "the fault was the key's";
}

TEST(Redis, ErasesAndLetsValuesRunOut) {
  const RedisServer server;
  Redis redis(patient(server.address()));
  ASSERT_TRUE(becomes(redis, "connected"));
  ASSERT_TRUE(put(redis, "key", "value"));
  ASSERT_TRUE(erase(redis, "key"));
  EXPECT_EQ(get(redis, "key").outcome, Outcome::Miss);
  ASSERT_TRUE(put(redis, "key", "value"));
  ASSERT_TRUE(put(redis, "key", "value", Milliseconds(0)));
  EXPECT_EQ(get(redis, "key").outcome, Outcome::Miss);
  ASSERT_TRUE(put(redis, "key", "value", Milliseconds(1)));
  EXPECT_TRUE(eventually([&] { return get(redis, "key").outcome == Outcome::Miss; }));
  ASSERT_TRUE(put(redis, "key", "value", Milliseconds::max()));
  EXPECT_EQ(get(redis, "key").outcome, Outcome::Hit);
  server.ask({"PERSIST", "troupe:key"});
  EXPECT_EQ(get(redis, "key").ttl, Redis::kNoTtl);
}

TEST(Redis, DoesNotWriteWhatIsTooLarge) {
  const RedisServer server;
  Redis::Options options = patient(server.address());
  options.value_bytes_max = 10;
  Redis redis(options);
  ASSERT_TRUE(becomes(redis, "connected"));
  EXPECT_TRUE(put(redis, "key", std::string(10, 'x')));
  EXPECT_FALSE(put(redis, "key", std::string(11, 'x')));
}

TEST(Redis, KeepsItsDatabaseApart) {
  const RedisServer server;
  RedisAddress address = server.address();
  address.database = 3;
  Redis third(patient(address));
  Redis usual(patient(server.address()));
  ASSERT_TRUE(becomes(third, "connected"));
  ASSERT_TRUE(becomes(usual, "connected"));
  ASSERT_TRUE(put(third, "key", "value"));
  EXPECT_EQ(get(usual, "key").outcome, Outcome::Miss);
  EXPECT_EQ(get(third, "key").outcome, Outcome::Hit);
}

TEST(Redis, SendsWhatHasGatheredInOnePiece) {
  const RedisServer server;
  Redis redis(patient(server.address()));
  ASSERT_TRUE(becomes(redis, "connected"));
  const long before = server.info("total_reads_processed");
  std::promise<void> gate;
  redis.erase("held", [&](bool) { gate.get_future().wait(); });
  std::promise<void> all;
  std::atomic<int> left = 640;
  for (int i = 0; i < 640; ++i) {
    redis.put("key " + std::to_string(i), value("value"), kHour, [&](bool written) {
      EXPECT_TRUE(written);
      if (--left == 0) all.set_value();
    });
  }
  gate.set_value();
  all.get_future().wait();
  EXPECT_EQ(server.ask({"DBSIZE"}), "641") << "with the proof that it takes writes";
  // Ten batches of 64, the eraser, our own questions, and some heartbeats.
  EXPECT_LT(server.info("total_reads_processed") - before, 60);
}

TEST(Redis, TurnsAwayWhatItsQueueCannotHold) {
  const RedisServer server;
  Redis::Options options = patient(server.address());
  options.queue_max = 3;
  Redis redis(options);
  ASSERT_TRUE(becomes(redis, "connected"));
  std::promise<void> inside;
  std::promise<void> gate;
  redis.get("held", [&](const Redis::Found&) {
    inside.set_value();
    gate.get_future().wait();
  });
  inside.get_future().wait();
  std::atomic<int> missing = 0;
  int failed = 0;
  for (int i = 0; i < 5; ++i) {
    redis.get("key", [&](const Redis::Found& found) {
      if (found.outcome == Outcome::Failed) ++failed;
      if (found.outcome == Outcome::Miss) ++missing;
    });
  }
  EXPECT_EQ(failed, 2);
  gate.set_value();
  EXPECT_TRUE(eventually([&] { return missing == 3; }));
}

TEST(Redis, TurnsAwayWhatItsQueueHasNoBytesFor) {
  const RedisServer server;
  Redis::Options options = patient(server.address());
  options.queue_bytes_max = 1000;
  Redis redis(options);
  ASSERT_TRUE(becomes(redis, "connected"));
  EXPECT_TRUE(put(redis, "key", std::string(500, 'x')));
  EXPECT_FALSE(put(redis, "key", std::string(1000, 'x')));
}

TEST(Redis, AnswersAtOnceWhileTheServerIsAwayAndIsThereWhenItComes) {
  RedisServer server;
  server.kill_now();
  Redis redis(patient(server.address()));
  ASSERT_TRUE(becomes(redis, "unavailable"));
  EXPECT_EQ(outcome_at_once(redis), Outcome::Failed);
  EXPECT_FALSE(put(redis, "key", "value"));
  server.start();
  ASSERT_TRUE(becomes(redis, "connected"));
  EXPECT_TRUE(put(redis, "key", "value"));
}

TEST(Redis, ComesBackOnTheSameSocketAfterEachKill) {
  RedisServer server;
  Redis redis(patient(server.address()));
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(becomes(redis, "connected"));
    ASSERT_TRUE(put(redis, "key", "value"));
    server.kill_now();
    EXPECT_EQ(get(redis, "key").outcome, Outcome::Failed);
    EXPECT_TRUE(becomes(redis, "unavailable"));
    server.start();
    ASSERT_TRUE(becomes(redis, "connected"));
    EXPECT_EQ(get(redis, "key").outcome, Outcome::Miss);
  }
}

TEST(Redis, WaitsOnceForAServerThatFreezesAndNotAgainUntilItThaws) {
  RedisServer server;
  Redis::Options options = impatient(server.address());
  options.heartbeat = kPatience;
  Redis redis(options);
  ASSERT_TRUE(becomes(redis, "connected"));
  ASSERT_TRUE(put(redis, "key", "value"));
  server.freeze();
  EXPECT_EQ(get(redis, "key").outcome, Outcome::Failed);
  EXPECT_EQ(redis.state(), "unavailable");
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(outcome_at_once(redis), Outcome::Failed);
  server.thaw();
  ASSERT_TRUE(becomes(redis, "connected"));
  EXPECT_EQ(get(redis, "key").outcome, Outcome::Hit);
}

TEST(Redis, NoticesAFrozenServerWithoutBeingAsked) {
  RedisServer server;
  Redis redis(impatient(server.address()));
  ASSERT_TRUE(becomes(redis, "connected"));
  server.freeze();
  EXPECT_TRUE(becomes(redis, "unavailable"));
  server.thaw();
  EXPECT_TRUE(becomes(redis, "connected"));
}

TEST(Redis, ServesWhatAFullServerHasUntilItTakesWritesAgain) {
  const RedisServer server;
  Redis::Options options = patient(server.address());
  options.heartbeat = kPatience;  // the refusal itself is what tells
  Redis redis(options);
  ASSERT_TRUE(becomes(redis, "connected"));
  ASSERT_TRUE(put(redis, "key", "value"));
  server.ask({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
  server.ask({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_FALSE(put(redis, "other", "value"));
  EXPECT_TRUE(becomes(redis, "refuses writes"));
  EXPECT_EQ(get(redis, "key").outcome, Outcome::Hit);
  server.ask({"CONFIG", "SET", "maxmemory", "0"});
  ASSERT_TRUE(becomes(redis, "connected"));
  EXPECT_TRUE(put(redis, "other", "value"));
}

TEST(Redis, ReadsFromAReplicaThatTakesNoWritesUntilItIsPromoted) {
  const RedisServer server;
  server.ask({"SET", "troupe:key", "value"});
  // A primary that is never there.
  server.ask({"REPLICAOF", "127.0.0.1", "1"});
  Redis redis(patient(server.address()));
  ASSERT_TRUE(becomes(redis, "refuses writes"));
  EXPECT_EQ(get(redis, "key").outcome, Outcome::Hit);
  EXPECT_FALSE(put(redis, "key", "other"));
  server.ask({"REPLICAOF", "NO", "ONE"});
  ASSERT_TRUE(becomes(redis, "connected"));
  EXPECT_TRUE(put(redis, "key", "other"));
}

TEST(Redis, IsUnavailableToAWrongPasswordOrNone) {
  const RedisServer server({"--requirepass", "right"});
  Redis without(patient(server.address()));
  EXPECT_TRUE(becomes(without, "unavailable"));
  RedisAddress address = server.address();
  address.password = "wrong";
  Redis wrong(patient(address));
  EXPECT_TRUE(becomes(wrong, "unavailable"));
  EXPECT_EQ(outcome_at_once(wrong), Outcome::Failed);
  address.password = "right";
  Redis right(patient(address));
  ASSERT_TRUE(becomes(right, "connected"));
  EXPECT_TRUE(put(right, "key", "value"));
}

TEST(Redis, IsUnavailableWhereSomethingElseListens) {
  const FakeServer server([](const std::string&) { return "HTTP/1.1 400 Bad Request\r\n\r\n"; });
  Redis redis(patient(server.address()));
  EXPECT_TRUE(becomes(redis, "unavailable"));
  EXPECT_TRUE(eventually([&] { return server.connections() > 4; })) << "it tries again";
  EXPECT_EQ(outcome_at_once(redis), Outcome::Failed);
}

TEST(Redis, IsUnavailableWhenGarbageComesInTheMiddle) {
  std::atomic<bool> mad = false;
  const FakeServer server([&](const std::string& request) -> std::string {
    if (mad && request.find("troupe:key") != std::string::npos) return "\r\n?$*5\r\n";
    return request.find("SET") == std::string::npos ? "$-1\r\n" : "+OK\r\n";
  });
  Redis redis(patient(server.address()));
  ASSERT_TRUE(becomes(redis, "connected"));
  mad = true;
  EXPECT_EQ(get(redis, "key").outcome, Outcome::Failed);
}

TEST(Redis, LogsAnOutageOnceAndItsEndOnce) {
  RedisServer server;
  ::testing::internal::CaptureStderr();
  {
    Redis redis(patient(server.address()));
    EXPECT_TRUE(becomes(redis, "connected"));
    for (int round = 0; round < 2; ++round) {
      server.kill_now();
      for (int i = 0; i < 500; ++i) {
        get(redis, "key");
        put(redis, "key", "value");
      }
      EXPECT_TRUE(becomes(redis, "unavailable"));
      server.start();
      EXPECT_TRUE(becomes(redis, "connected"));
    }
  }
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(count(log, "redis cannot be used"), 2U) << log;
  EXPECT_EQ(count(log, "redis is back"), 2U) << log;
}

TEST(Redis, AnswersWhoWaitsWhenItIsClosedAndEverybodyAfterwards) {
  const FakeServer silent([](const std::string& request) -> std::string {
    if (request.find("proof") == std::string::npos) return "";
    return request.find("SET") == std::string::npos ? "$-1\r\n" : "+OK\r\n";
  });
  Redis redis(impatient(silent.address()));
  ASSERT_TRUE(becomes(redis, "connected"));
  std::atomic<int> failed = 0;
  for (int i = 0; i < 100; ++i) {
    redis.get("key", [&](const Redis::Found& found) {
      if (found.outcome == Outcome::Failed) ++failed;
    });
  }
  redis.close();
  EXPECT_EQ(failed, 100);
  EXPECT_EQ(outcome_at_once(redis), Outcome::Failed);
  redis.close();
}

TEST(Redis, OutlivesACallbackThatThrows) {
  const RedisServer server;
  Redis redis(patient(server.address()));
  ASSERT_TRUE(becomes(redis, "connected"));
  redis.get("key", [](const Redis::Found&) { throw std::runtime_error("not mine"); });
  EXPECT_EQ(get(redis, "key").outcome, Outcome::Miss);
}

}  // namespace
}  // namespace cache::testing
