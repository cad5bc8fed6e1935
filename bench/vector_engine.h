#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "vector_data.h"

namespace bench {

// An index under measurement, ours or another's. What throws or refuses ends the run.
class Engine {
 public:
  virtual ~Engine() = default;

  virtual std::string params() const = 0;
  // On the calling thread alone.
  virtual Result<void> build(const Matrix<float>& base) = 0;
  // Keeps what build() made; false where the engine has no such thing.
  virtual bool save(const std::string& /*path*/) { return false; }
  virtual Result<void> load(const std::string& path, const Matrix<float>& /*base*/) {
    return Error{Code::NotFound, path + ": this index is never stored"};
  }

  // What can be traded for recall, ascending; tune() takes one of them.
  virtual std::vector<int> efforts() const { return {0}; }
  virtual void tune(int /*effort*/) {}
  // The filter of the searches that follow; false where the engine has none.
  virtual bool use(const Filter& filter) { return filter.words.empty(); }

  // The best rows, best first, -1 where there are fewer. Thread-safe.
  virtual void search(std::span<const float> query, std::span<std::int32_t> ids) = 0;
  // Answers to queries that follow each other, for engines that share work between them.
  virtual std::size_t together() const { return 1; }
  virtual void search_batch(std::span<const float> /*queries*/, std::span<std::int32_t> /*ids*/) {}
};

struct Candidate {
  std::string name;
  std::function<std::unique_ptr<Engine>()> make;
  bool own = false;  // of this tree: what was built before may be of other code
};

// The libraries that were found when this was configured, and one line on those that were not.
std::vector<Candidate> peers();
std::string peers_missing();

std::vector<Candidate> ours();

// What a set of searches gave and cost. Queries per second are by the CPU time of the searching
// threads, added up, so that other work on the machine does not count; the times of single queries
// are by the clock and have it in them.
struct Point {
  double recall = 0;
  double qps = 0;
  double p50_us = 0;
  double p99_us = 0;
  double allocations = 0;  // per query
};

// All queries, again and again until `cpu_s` are spent on each thread.
Point measure(Engine& engine, const DataSet& set, const Truth& truth, int threads, double cpu_s);

double thread_cpu_s();
double process_cpu_s();
// Memory of this process that is no file's.
double anonymous_bytes();
double quantile_of(std::vector<float>& samples, double q);

}  // namespace bench
