#include "telemetry/metrics.h"

#include <gtest/gtest.h>

namespace telemetry {
namespace {

TEST(Metrics, AreWrittenInThePrometheusTextFormat) {
  Metrics metrics;
  metrics.counter("troupe_router_turns_total", "Turns by outcome", {{"outcome", "said"}}).add(3);
  metrics.gauge("troupe_router_turns_open", "Turns under way").set(2);
  metrics.gauge("troupe_router_turns_open", "Turns under way").add(-1);
  const std::string text = metrics.text();
  for (const char* line :
       {"# HELP troupe_router_turns_total Turns by outcome\n",
        "# TYPE troupe_router_turns_total counter\n",
        "troupe_router_turns_total{outcome=\"said\"} 3\n",
        "# TYPE troupe_router_turns_open gauge\n", "troupe_router_turns_open 1\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
}

TEST(Metrics, CountIntoTheSameMetricForTheSameNameAndLabels) {
  Metrics metrics;
  const Counter said = metrics.counter("turns_total", "", {{"outcome", "said"}});
  metrics.counter("turns_total", "", {{"outcome", "said"}}).add();
  metrics.counter("turns_total", "", {{"outcome", "silent"}}).add(5);
  said.add();
  EXPECT_EQ(said.value(), 2);
}

TEST(Metrics, CountAnObservationInItsBucketAndAllAbove) {
  Metrics metrics;
  const Histogram seconds = metrics.histogram("turn_seconds", "", {0.1, 1});
  for (const double value : {0.05, 0.5, 5.0}) seconds.observe(value);
  const std::string text = metrics.text();
  for (const char* line : {"turn_seconds_count 3\n", "turn_seconds_bucket{le=\"0.1",
                           "turn_seconds_bucket{le=\"+Inf\"} 3\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
}

TEST(Metrics, RefreshBeforeEachText) {
  Metrics metrics;
  const Gauge open = metrics.gauge("turns_open", "");
  int reads = 0;
  metrics.before_text([&] { open.set(++reads); });
  EXPECT_NE(metrics.text().find("turns_open 1\n"), std::string::npos);
  EXPECT_NE(metrics.text().find("turns_open 2\n"), std::string::npos);
}

}  // namespace
}  // namespace telemetry
