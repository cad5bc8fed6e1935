// What an idle stack costs: time from start to ready, and memory as the sum of Pss.
//
//   bench/footprint [--idle-seconds N] [--runs N]
//
// Prints one JSON object.

#include <fmt/format.h>
#include <poll.h>

#include <cstdlib>
#include <cstring>

#include "stack.h"

namespace {

int run(int idle_seconds, int runs) {
  std::vector<double> ready;
  std::vector<double> total;
  std::string services;
  for (int i = 0; i < runs; ++i) {
    auto stack = bench::Stack::start(bench::config_with({}, bench::kAll));
    if (!stack) {
      fmt::print(stderr, "bench/footprint: {}\n", stack.error().message);
      return 1;
    }
    ready.push_back(stack.value().ready_ms());
    poll(nullptr, 0, idle_seconds * 1000);
    double sum = 0;
    services.clear();
    for (const auto& [service, kib] : stack.value().pss_kib()) {
      sum += static_cast<double>(kib);
      services += fmt::format("{}\"{}\":{:.1f}", services.empty() ? "" : ",", service,
                              static_cast<double>(kib) / 1024);
    }
    total.push_back(sum / 1024);
  }
  fmt::print("{{\"runs\":{},\"ready_ms\":{:.0f},\"pss_mb\":{:.1f},\"pss_mb_by_service\":{{{}}}}}\n",
             runs, bench::quantile(ready, 0.5), bench::quantile(total, 0.5), services);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  int idle_seconds = 10;
  int runs = 3;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--idle-seconds") == 0) idle_seconds = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--runs") == 0) runs = std::atoi(argv[i + 1]);
  }
  return run(idle_seconds, runs);
}
