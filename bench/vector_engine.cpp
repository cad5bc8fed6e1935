#include "vector_engine.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <new>
#include <thread>

namespace {

thread_local std::size_t allocations_here = 0;

}  // namespace

// Counts what the searches allocate, the peers' too.
void* operator new(std::size_t bytes) {
  ++allocations_here;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace bench {
namespace {

double clock_s(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

struct Searcher {
  std::vector<std::int32_t> ids;
  std::vector<float> times_us;
  std::size_t answered = 0;  // of the queries, in each pass
  double qps = 0;
  double allocations = 0;  // per query
};

constexpr std::size_t kAnsweredMin = 100;

// One pass over all queries, or a part of them that takes `s_max`, from the `start`th on. Returns
// their number.
std::size_t pass(Engine& engine, const Matrix<float>& queries, std::size_t start, double s_max,
                 Searcher& out) {
  const std::size_t n = queries.rows(), together = engine.together();
  const auto begin = std::chrono::steady_clock::now();
  auto before = begin;
  std::size_t done = 0;
  while (done < n) {
    const std::size_t q = (done + start) % n / together * together;
    const std::size_t count = std::min(together, n - q);
    const auto ids = std::span(out.ids).subspan(q * kRecallAt, count * kRecallAt);
    if (together == 1) {
      engine.search(queries[q], ids);
    } else {
      engine.search_batch({queries[q].data(), count * queries.columns()}, ids);
    }
    const auto now = std::chrono::steady_clock::now();
    out.times_us.push_back(std::chrono::duration<float, std::micro>(now - before).count());
    before = now;
    done += count;
    if (done >= kAnsweredMin && std::chrono::duration<double>(now - begin).count() > s_max) break;
  }
  return std::min(done, n);
}

void search_all(Engine& engine, const DataSet& set, std::size_t start, double cpu_s,
                Searcher& out) {
  constexpr std::size_t kPassesMax = 40;
  constexpr double kPassMax_s = 5;  // by the clock: no filter is worth minutes of waiting
  out.ids.assign(set.queries.rows() * kRecallAt, -1);
  out.times_us.reserve((kPassesMax + 1) * set.queries.rows());
  std::vector<double> rates;
  rates.reserve(kPassesMax);
  pass(engine, set.queries, start, 0, out);  // fills caches and the engine's scratch
  out.times_us.clear();
  const std::size_t allocations = allocations_here;
  const double begin = thread_cpu_s();
  double last = begin;
  std::size_t queries = 0;
  do {
    out.answered = pass(engine, set.queries, start, kPassMax_s, out);
    queries += out.answered;
    const double now = thread_cpu_s();
    rates.push_back(static_cast<double>(out.answered) / (now - last));
    last = now;
  } while (last - begin < cpu_s && rates.size() < kPassesMax);
  out.allocations =
      static_cast<double>(allocations_here - allocations) / static_cast<double>(queries);
  std::nth_element(rates.begin(), rates.begin() + static_cast<long>(rates.size() / 2), rates.end());
  out.qps = rates[rates.size() / 2];
}

}  // namespace

double thread_cpu_s() { return clock_s(CLOCK_THREAD_CPUTIME_ID); }
double process_cpu_s() { return clock_s(CLOCK_PROCESS_CPUTIME_ID); }

double anonymous_bytes() {
  malloc_trim(0);
  std::ifstream file("/proc/self/smaps_rollup");
  for (std::string word; file >> word;) {
    double kib = 0;
    if (word == "Anonymous:" && file >> kib) return kib * 1024;
  }
  return 0;
}

double quantile_of(std::vector<float>& samples, double q) {
  if (samples.empty()) return 0;
  const auto at = samples.begin() + static_cast<long>(q * static_cast<double>(samples.size() - 1));
  std::nth_element(samples.begin(), at, samples.end());
  return static_cast<double>(*at);
}

Point measure(Engine& engine, const DataSet& set, const Truth& truth, int threads, double cpu_s) {
  std::vector<Searcher> searchers(static_cast<std::size_t>(threads));
  if (threads == 1) {
    search_all(engine, set, 0, cpu_s, searchers[0]);
  } else {
    std::vector<std::jthread> running;
    for (std::size_t t = 0; t < searchers.size(); ++t) {
      running.emplace_back([&, t] {
        search_all(engine, set, t * set.queries.rows() / searchers.size(), cpu_s, searchers[t]);
      });
    }
  }
  Point point;
  point.recall =
      recall(truth, std::span(searchers[0].ids).first(searchers[0].answered * kRecallAt));
  std::vector<float> times;
  for (const Searcher& searcher : searchers) {
    point.qps += searcher.qps;
    point.allocations += searcher.allocations / static_cast<double>(searchers.size());
    times.insert(times.end(), searcher.times_us.begin(), searcher.times_us.end());
  }
  point.p50_us = quantile_of(times, .5);
  point.p99_us = quantile_of(times, .99);
  return point;
}

}  // namespace bench
