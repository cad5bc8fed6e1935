#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

// Metrics in the Prometheus text format. Keep the handles: using one costs nanoseconds, finding it
// microseconds. Handles are valid as long as their Metrics. Thread-safe.
namespace telemetry {

using Labels = std::map<std::string, std::string>;

class Counter {
 public:
  explicit Counter(prometheus::Counter& counter) : counter_(&counter) {}
  void add(double amount = 1) const;
  double value() const;

 private:
  prometheus::Counter* counter_;
};

class Gauge {
 public:
  explicit Gauge(prometheus::Gauge& gauge) : gauge_(&gauge) {}
  void set(double value) const;
  void add(double amount) const;

 private:
  prometheus::Gauge* gauge_;
};

class Histogram {
 public:
  explicit Histogram(prometheus::Histogram& histogram) : histogram_(&histogram) {}
  void observe(double value) const;

 private:
  prometheus::Histogram* histogram_;
};

// 0.5 ms to 30 s, for durations in seconds.
std::vector<double> duration_buckets();

class Metrics {
 public:
  Metrics();
  ~Metrics();

  // Names: troupe_<service>_<noun>_<unit>, counters end in _total; the same name and labels give
  // the same metric.
  Counter counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram histogram(const std::string& name, const std::string& help,
                      const std::vector<double>& buckets = duration_buckets(),
                      const Labels& labels = {});
  // Runs before each text(), to set gauges that are read rather than counted.
  void before_text(std::function<void()> refresh);
  // The exposition text.
  std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace telemetry
