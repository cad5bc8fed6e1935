// The door of libs/net by itself: what a small request costs it beside nginx, and what idle
// connections weigh.
//
//   bench/net [--rounds N] [--requests N] [--connections N]
//   bench/net --idle N
//
// The first takes turns with nginx's `return 200` (one process; Debian: nginx-light), so that both
// meet the same moments of a shared machine, and compares the CPU that each server's process used;
// without nginx it measures ours alone. Prints one JSON object.

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <optional>

#include "net_load.h"
#include "net_server.h"
#include "stack.h"

namespace {

struct Options {
  int rounds = 9;
  int requests = 100'000;  // a round
  int connections = 64;
  int idle = 0;
};

struct Measured {
  bench::ServerProcess server;
  bench::Connections connections;
  std::vector<double> us;  // CPU per request, by round

  Result<void> round(int requests) {
    const double before = server.cpu_us();
    TRY(connections.ask(static_cast<std::uint64_t>(requests)));
    us.push_back((server.cpu_us() - before) / requests);
    return {};
  }
};

Result<Measured> connect(Result<bench::ServerProcess> server, int connections) {
  if (!server) return server.error();
  auto open = bench::Connections::open(server.value().port(), connections);
  if (!open) return open.error();
  return Measured{std::move(server).value(), std::move(open).value(), {}};
}

std::string list(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) text += fmt::format("{}{:.2f}", text.empty() ? "" : ",", value);
  return text;
}

Result<void> compare(const Options& options) {
  TRY(bench::allow_open_files(static_cast<std::uint64_t>(options.connections) + 64));
  auto ours = connect(bench::ServerProcess::start_ours(1024), options.connections);
  if (!ours) return ours.error();
  auto nginx = connect(bench::ServerProcess::start_nginx(), options.connections);
  if (!nginx && nginx.error().code != Code::NotFound) return nginx.error();
  // One round each that is not counted: caches, branch predictors and allocators settle.
  for (int i = 0; i <= options.rounds; ++i) {
    if (i == 1) ours.value().us.clear();
    TRY(ours.value().round(options.requests));
    if (!nginx) continue;
    if (i == 1) nginx.value().us.clear();
    TRY(nginx.value().round(options.requests));
  }
  const auto& us = ours.value().us;
  fmt::print("{{\"connections\":{},\"requests\":{},\"ours_us\":[{}],\"ours_us_p50\":{:.2f},",
             options.connections, options.requests, list(us), bench::quantile(us, 0.5));
  if (!nginx) {
    fmt::print("\"nginx\":\"{}\"}}\n", nginx.error().message);
    return {};
  }
  const auto& theirs = nginx.value().us;
  std::vector<double> ratios;
  for (std::size_t i = 0; i < us.size(); ++i) ratios.push_back(us[i] / theirs[i]);
  fmt::print("\"nginx_us\":[{}],\"nginx_us_p50\":{:.2f},\"ratio\":[{}],\"ratio_p50\":{:.2f}}}\n",
             list(theirs), bench::quantile(theirs, 0.5), list(ratios),
             bench::quantile(ratios, 0.5));
  return {};
}

Result<void> idle(const Options& options) {
  const auto count = static_cast<std::size_t>(options.idle);
  // Each side holds one descriptor a connection, in its own process.
  TRY(bench::allow_open_files(count + 64));
  auto server = bench::ServerProcess::start_ours(count + 64);
  if (!server) return server.error();
  // What the first connections allocate for good is not a connection's weight.
  const auto first = bench::Connections::open(server.value().port(), 16);
  if (!first) return first.error();
  const long before = server.value().pss_kib();
  const auto held = bench::Connections::open(server.value().port(), options.idle);
  if (!held) return held.error();
  const long after = server.value().pss_kib();
  const double grown_kib = static_cast<double>(after - before);
  fmt::print(
      "{{\"idle\":{},\"pss_mb\":{:.1f},\"grown_mb\":{:.1f},\"bytes_per_connection\":{:.0f}}}\n",
      options.idle, static_cast<double>(after) / 1024, grown_kib / 1024,
      grown_kib * 1024 / options.idle);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const bool valued = i + 1 < argc && argv[i + 1][0] != '-';
    const int value = valued ? std::atoi(argv[i + 1]) : 0;
    if (std::strcmp(argv[i], "--rounds") == 0 && value > 0) options.rounds = value;
    if (std::strcmp(argv[i], "--requests") == 0 && value > 0) options.requests = value;
    if (std::strcmp(argv[i], "--connections") == 0 && value > 0) options.connections = value;
    if (std::strcmp(argv[i], "--idle") == 0) options.idle = value > 0 ? value : 10'000;
  }
  const auto outcome = options.idle > 0 ? idle(options) : compare(options);
  if (outcome.ok()) return 0;
  fmt::print(stderr, "bench/net: {}\n", outcome.error().message);
  return 1;
}
