#include "troupe/caches.h"

#include <gtest/gtest.h>

namespace troupe {
namespace {

TEST(Caches, AreReadFromTheMetricsOfAService) {
  const auto rows = caches_in("llm", R"(# HELP troupe_llm_cache_answers_hits_total Hits
# TYPE troupe_llm_cache_answers_hits_total counter
troupe_llm_cache_answers_hits_total 30
troupe_llm_cache_answers_misses_total 10
troupe_llm_cache_answers_evictions_total 2
troupe_llm_cache_answers_bytes 1.572864e+06
troupe_llm_cache_models_hits_total{level="memory"} 1
troupe_llm_cache_models_hits_total{level="redis"} 2
troupe_llm_requests_total 9
troupe_quality_cache_lines_hits_total 9
)");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].name, "answers");
  EXPECT_EQ(rows[0].hits, 30);
  EXPECT_EQ(rows[0].misses, 10);
  EXPECT_EQ(rows[0].evictions, 2);
  EXPECT_EQ(rows[0].bytes, 1.5 * 1024 * 1024);
  EXPECT_EQ(rows[1].name, "models");
  EXPECT_EQ(rows[1].hits, 3);
}

TEST(Caches, PassOverWhatIsNoMetric) {
  EXPECT_TRUE(caches_in("llm", "").empty());
  EXPECT_TRUE(caches_in("llm",
                        "garbage\ntroupe_llm_cache__hits_total\ntroupe_llm_cache_x_hits_total y\n"
                        "troupe_llm_cache_hits_total 1\ntroupe_llm_cache_bytes 2")
                  .empty());
}

TEST(Caches, HaveARowEachWithTheirHitRate) {
  EXPECT_EQ(cache_table({{"llm", "answers", 30, 10, 2, 1.5 * 1024 * 1024}, {"router", "turns"}},
                        Style::Plain),
            "cache    of      hits  misses  hit rate  evicted  memory\n"
            "answers  llm     30    10      75 %      2        1.5 MB\n"
            "turns    router  0     0       -         0        0.0 MB\n");
  EXPECT_EQ(cache_table({}, Style::Plain), "");
}

}  // namespace
}  // namespace troupe
