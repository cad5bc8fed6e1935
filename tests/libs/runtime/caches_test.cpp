#include "runtime/caches.h"

#include <gtest/gtest.h>

#include "runtime/runtime.h"
#include "support/temp_dir.h"

namespace runtime::testing {
namespace {

constexpr Milliseconds kHour{3'600'000};

bool shows(telemetry::Metrics& metrics, const std::string& line) {
  return ("\n" + metrics.text()).find("\n" + line + "\n") != std::string::npos;
}

TEST(Caches, ShowWhatTheyDidInTheMetrics) {
  telemetry::Metrics metrics;
  const auto caches = Caches::open({.service = "stage", .redis_url = {}}, metrics).value();
  const auto cache = caches->make("lines", {.bytes_max = 16 * 1024, .shards = 1});
  cache->put("key", std::string("value"), kHour);
  cache->get("key");
  cache->get("key");
  cache->get("other");
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(shows(metrics, "troupe_stage_cache_lines_hits_total 2")) << metrics.text();
    EXPECT_TRUE(shows(metrics, "troupe_stage_cache_lines_misses_total 1"));
    EXPECT_TRUE(shows(metrics, "troupe_stage_cache_lines_evictions_total 0"));
    EXPECT_TRUE(shows(metrics, "troupe_stage_cache_lines_entries 1"));
  }
  cache->get("key");
  EXPECT_TRUE(shows(metrics, "troupe_stage_cache_lines_hits_total 3"));
  EXPECT_EQ(metrics.text().find("remote"), std::string::npos);
  EXPECT_EQ(caches->redis(), nullptr);
}

TEST(Caches, AreInMemoryAloneWhileRedisIsAway) {
  const support::TempDir dir;
  telemetry::Metrics metrics;
  const auto caches =
      Caches::open({.service = "stage", .redis_url = "unix://" + dir.file("absent")}, metrics)
          .value();
  EXPECT_EQ(caches->redis(), nullptr) << "nobody needs it yet";
  const auto cache = caches->make("lines", {});
  ASSERT_NE(caches->redis(), nullptr);
  cache->put("key", std::string("value"), kHour);
  EXPECT_EQ(*cache::fetch_and_wait(*cache, "key"), "value");
  EXPECT_EQ(cache::fetch_and_wait(*cache, "other"), nullptr);
  EXPECT_TRUE(shows(metrics, "troupe_stage_cache_lines_remote_hits_total 0"));
  EXPECT_TRUE(shows(metrics, "troupe_stage_cache_lines_remote_failures_total 2"));
  caches->close();
  EXPECT_EQ(*cache::fetch_and_wait(*cache, "key"), "value");
}

TEST(Caches, AUrlThatCannotBeReadStopsTheStartAndNamesItself) {
  telemetry::Metrics metrics;
  const auto caches =
      Caches::open({.service = "stage", .redis_url = "http://:secret@redis"}, metrics);
  ASSERT_FALSE(caches.ok());
  EXPECT_EQ(caches.error().code, Code::InvalidArgument);
  EXPECT_TRUE(caches.error().message.starts_with("redis_url: must be redis://"));
  EXPECT_EQ(caches.error().message.find("secret"), std::string::npos);
}

TEST(Caches, OfAProcessThatIsServingShowRedisAndDoNotNeedIt) {
  const support::TempDir dir;
  Settings settings;
  settings.data = dir.file("data");
  settings.run = dir.file("run");
  settings.redis_url = "unix://" + dir.file("absent");
  const auto process = Process::open("stage", settings, "{}").value();
  bool ready = false;
  EXPECT_EQ(process->health_json(ready).find("redis"), std::string::npos);
  process->make_cache("lines", {});
  EXPECT_NE(process->health_json(ready).find("\"redis\":"), std::string::npos);
  EXPECT_TRUE(ready);
}

TEST(Caches, TakeTheUrlFromTheStacksVariableRatherThanFromTheUsualOne) {
  config::Inputs inputs;
  inputs.section = "stage";
  inputs.environment = {{"REDIS_URL", "redis://usual"}};
  EXPECT_EQ(config::load<Settings>(inputs).value().redis_url, "redis://usual");
  inputs.environment["TROUPE_REDIS_URL"] = "redis://stack";
  EXPECT_EQ(config::load<Settings>(inputs).value().redis_url, "redis://stack");
  inputs.environment["TROUPE_STAGE_REDIS_URL"] = "redis://own";
  EXPECT_EQ(config::load<Settings>(inputs).value().redis_url, "redis://own");
  EXPECT_EQ(config::print(config::load<Settings>(inputs).value()).find("redis://"),
            std::string::npos);
}

}  // namespace
}  // namespace runtime::testing
