// The caches: a value of 1 KB among 10,000, read and written in this process, beside a plain
// std::unordered_map in the same run, and read from a Redis server when one is named.
//
//   bench/cache [--redis URL] [--rounds N]
//
// Prints one JSON object. Times in this process are nanoseconds of CPU, the best of many short
// rounds: machines are shared, and others push a value out of the processor's memory at any time.

#include "cache/cache.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "stack.h"

namespace {

constexpr std::size_t kEntries = 10'000;
constexpr std::size_t kReads = 20'000;
constexpr std::size_t kValueBytes = 1024;
constexpr Milliseconds kHour{3'600'000};

const SystemClock& clock() { return SystemClock::instance(); }

struct Workload {
  std::vector<std::string> keys;
  std::vector<std::size_t> order;  // of the reads: no pattern that a processor could guess

  Workload() {
    Random random(1);
    for (std::size_t i = 0; i < kEntries; ++i) {
      keys.push_back(fmt::format("llm:{:032x}:peter:{:08x}", random.next(), i));
    }
    for (std::size_t i = 0; i < kReads; ++i) order.push_back(random.below(kEntries));
  }
};

double cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// Nanoseconds of one of `count` operations.
double once(std::size_t count, const std::function<void()>& all) {
  const double began = cpu_ns();
  all();
  return (cpu_ns() - began) / static_cast<double>(count);
}

double best(int rounds, const std::function<double()>& round) {
  double least = std::numeric_limits<double>::max();
  for (int i = 0; i < rounds; ++i) least = std::min(least, round());
  return least;
}

std::size_t read_all(cache::Cache& cache, const Workload& work) {
  std::size_t bytes = 0;
  for (const std::size_t i : work.order) bytes += cache.get(work.keys[i])->size();
  return bytes;
}

// As a caller that needs a string of its own.
std::size_t copy_all(cache::Cache& cache, const Workload& work) {
  std::size_t bytes = 0;
  for (const std::size_t i : work.order) {
    const std::string copy = *cache.get(work.keys[i]);
    bytes += static_cast<unsigned char>(copy.back());
  }
  return bytes;
}

std::size_t copy_all(const std::unordered_map<std::string, std::string>& map,
                     const Workload& work) {
  std::size_t bytes = 0;
  for (const std::size_t i : work.order) {
    const std::string copy = map.find(work.keys[i])->second;
    bytes += static_cast<unsigned char>(copy.back());
  }
  return bytes;
}

double two_threads(cache::Cache& cache, const Workload& work) {
  return once(2 * kReads, [&] {
    std::jthread other([&] { read_all(cache, work); });
    read_all(cache, work);
  });
}

// Microseconds at the median of reads that only Redis can serve; 0 when it is away.
double redis_get_us(const std::string& url) {
  const auto address = cache::parse_redis_url(url);
  if (!address) return 0;
  cache::Redis redis({.address = address.value()});
  const auto writer = cache::make_tiered_cache({}, redis);
  const auto reader = cache::make_tiered_cache({.bytes_max = 0}, redis);
  const SteadyTime deadline = clock().now() + Milliseconds(2000);
  while (cache::fetch_and_wait(*reader, "bench") == nullptr && clock().now() < deadline) {
    writer->put("bench", std::string(kValueBytes, 'x'), kHour);
  }
  std::vector<double> samples;
  for (int i = 0; i < 5000; ++i) {
    const SteadyTime began = clock().now();
    if (cache::fetch_and_wait(*reader, "bench") == nullptr) return 0;
    samples.push_back(elapsed_ms(began, clock().now()) * 1000);
  }
  return bench::quantile(samples, 0.5);
}

}  // namespace

int main(int argc, char** argv) {
  std::string redis;
  int rounds = 60;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--redis") == 0) redis = argv[i + 1];
    if (std::strcmp(argv[i], "--rounds") == 0) rounds = std::atoi(argv[i + 1]);
  }
  const Workload work;
  const auto cache = cache::make_memory_cache({.bytes_max = 64 * 1024 * 1024});
  std::unordered_map<std::string, std::string> map;
  for (const std::string& key : work.keys) {
    cache->put(key, std::string(kValueBytes, 'x'), kHour);
    map.emplace(key, std::string(kValueBytes, 'x'));
  }
  std::atomic<std::size_t> sink = 0;
  const double get =
      best(rounds, [&] { return once(kReads, [&] { sink += read_all(*cache, work); }); });
  const double copied =
      best(rounds, [&] { return once(kReads, [&] { sink += copy_all(*cache, work); }); });
  const double plain =
      best(rounds, [&] { return once(kReads, [&] { sink += copy_all(map, work); }); });
  const double shared = best(rounds, [&] { return two_threads(*cache, work); });
  const double put = best(rounds, [&] {
    return once(kEntries, [&] {
      for (const std::string& key : work.keys)
        cache->put(key, std::string(kValueBytes, 'y'), kHour);
    });
  });
  fmt::print(
      "{{\"get_ns\":{:.0f},\"get_and_copy_ns\":{:.0f},\"map_get_and_copy_ns\":{:.0f},"
      "\"copy_ratio\":{:.2f},\"get_2_threads_ns\":{:.0f},\"put_ns\":{:.0f},\"redis_get_us\":{:.0f}}"
      "}\n",
      get, copied, plain, copied / plain, shared, put, redis.empty() ? 0 : redis_get_us(redis));
  return sink == 0 ? 1 : 0;
}
