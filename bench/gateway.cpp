// The LLM proxy beside nginx and beside nothing: a chat request of 908 bytes, a stream of 100
// events, in one run and by turns, so that all meet the same moments of a shared machine.
//
//   bench/gateway [--rounds N] [--requests N] [--streams N] [--live N] [--growth N]
//                 [--connections N [--cached 1]] [--first 1] [--settings JSON-MEMBERS]
//
// The model server answers at once and is the same for all three. Prints one JSON object a line:
// requests at each number of connections, then streams, then memory.

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <map>

#include "gateway_load.h"
#include "gateway_servers.h"
#include "stack.h"

namespace {

struct Options {
  int rounds = 5;
  int requests = 20'000;  // a round
  int streams = 600;
  int live = 1000;
  int growth = 0;       // requests after which the memory is looked at
  int connections = 0;  // only chats over so many; 0: everything
  bool cached = false;  // those chats again and again
  bool first = false;   // only the first tokens of streams over one connection
  std::string settings;
};

constexpr int kChunks = 100;
constexpr std::size_t kRequestBytes = 908;

// A chat request of kRequestBytes, as the figures of DESIGN were taken with.
// `more`: its last members.
std::string chat_body(const std::string& more) {
  std::string body =
      R"({"model":"mock-model","messages":[{"role":"system","content":"You are a helpful )"
      R"(assistant."},{"role":"user","content":")";
  const std::string end = R"("}],"max_tokens":256,"top_p":0.9)" + more + "}";
  while (body.size() + end.size() < kRequestBytes) body += "question "[body.size() % 9];
  return body + end;
}

const std::string kChat = R"(,"temperature":0.7)";
const std::string kRepeated = R"(,"temperature":0)";  // its answer may come from the cache
const std::string kStream = R"(,"temperature":0.7,"stream":true)";
const std::string kPaced = R"(,"temperature":0.7,"stream":true,"paced":true)";
const std::string kFlaky = R"(,"temperature":0.7,"flaky":true)";
const std::string kHeld = R"(,"temperature":0.7,"stream":true,"held":true)";

std::string openai(const std::string& more) {
  return bench::post_request("/v1/chat/completions", chat_body(more));
}

struct Side {
  std::string name;
  std::uint16_t port = 0;
  const bench::GatewayServer* server = nullptr;  // whose CPU counts
  std::string request = {};                      // if not the same as the others'
};

struct Figures {
  std::vector<double> per_second;
  std::vector<double> cpu_us;
  std::vector<double> first_ms;
  std::uint64_t failed = 0;
};

std::string shown(const std::string& name, const Figures& figures) {
  return fmt::format(R"("{}":{{"per_s":{:.0f},"cpu_us":{:.1f},"first_us":{:.0f},"failed":{}}})",
                     name, bench::quantile(figures.per_second, 0.5),
                     bench::quantile(figures.cpu_us, 0.5),
                     1000 * bench::quantile(figures.first_ms, 0.5), figures.failed);
}

// The middle of the rounds' ratios of `ours` to `theirs`.
double ratio(const std::vector<double>& ours, const std::vector<double>& theirs) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
    if (theirs[i] > 0) ratios.push_back(ours[i] / theirs[i]);
  }
  return bench::quantile(ratios, 0.5);
}

// The last of the sides against the one before it.
Result<void> compare(const std::vector<Side>& sides, const std::string& what, int connections,
                     int requests, int rounds, const std::string& request) {
  std::vector<bench::Askers> askers;
  for (const Side& side : sides) {
    askers.push_back(TRY(bench::Askers::open(side.port, connections,
                                             side.request.empty() ? request : side.request)));
  }
  std::map<std::string, Figures> figures;
  for (int round = 0; round <= rounds; ++round) {
    for (std::size_t i = 0; i < sides.size(); ++i) {
      const double before = sides[i].server == nullptr ? 0 : sides[i].server->cpu_us();
      const auto asked = TRY(askers[i].ask(static_cast<std::uint64_t>(requests)));
      const double used = sides[i].server == nullptr ? 0 : sides[i].server->cpu_us() - before;
      if (round == 0) continue;  // caches and allocators settle
      Figures& own = figures[sides[i].name];
      own.per_second.push_back(requests / asked.seconds);
      own.cpu_us.push_back(used / requests);
      own.first_ms.push_back(bench::quantile(asked.first_ms, 0.5));
      own.failed += asked.failed;
    }
  }
  std::string text;
  for (const Side& side : sides) text += shown(side.name, figures[side.name]) + ",";
  const Figures& ours = figures[sides.back().name];
  const Figures& theirs = figures[sides[sides.size() - 2].name];
  fmt::print(R"({{"what":"{}","connections":{},{}"per_s_ratio":{:.2f},"cpu_ratio":{:.2f},)"
             R"("first_added_us":{:.0f}}})"
             "\n",
             what, connections, text, ratio(ours.per_second, theirs.per_second),
             ratio(ours.cpu_us, theirs.cpu_us),
             1000 * (bench::quantile(ours.first_ms, 0.5) - bench::quantile(theirs.first_ms, 0.5)));
  std::fflush(stdout);
  return {};
}

// So many streams that have begun and do not go on.
Result<void> hold_streams(const bench::GatewayServer& ours, int streams) {
  std::vector<bench::Askers> held;
  for (int i = 0; i < streams; ++i) {
    held.push_back(TRY(bench::Askers::begin(ours.port(), openai(kHeld))));
  }
  fmt::print(R"({{"what":"live streams","streams":{},"pss_mb":{:.1f}}})"
             "\n",
             streams, static_cast<double>(ours.pss_kib()) / 1024);
  return {};
}

// Every other of these chats gets a 500 from the first provider and its answer from the second.
Result<void> fail_over(const bench::GatewayServer& ours, int requests) {
  auto steady = TRY(bench::Askers::open(ours.port(), 1, openai(kChat)));
  auto flaky = TRY(bench::Askers::open(ours.port(), 1, openai(kFlaky)));
  const auto count = static_cast<std::uint64_t>(requests);
  const auto plain = TRY(steady.ask(count));
  const auto asked = TRY(flaky.ask(2 * count));
  fmt::print(R"({{"what":"failover","failed":{},"plain_ms_p99":{:.2f},"p50_ms":{:.2f},)"
             R"("p98_ms":{:.2f},"p99_ms":{:.2f}}})"
             "\n",
             asked.failed, bench::quantile(plain.whole_ms, 0.99),
             bench::quantile(asked.whole_ms, 0.5), bench::quantile(asked.whole_ms, 0.98),
             bench::quantile(asked.whole_ms, 0.99));
  return {};
}

// What many requests leave behind.
Result<void> grow(const bench::GatewayServer& ours, int requests) {
  auto askers = TRY(bench::Askers::open(ours.port(), 64, openai(kChat)));
  TRY(askers.ask(static_cast<std::uint64_t>(requests) / 10));
  const long before = ours.pss_kib();
  TRY(askers.ask(static_cast<std::uint64_t>(requests)));
  fmt::print(R"({{"what":"growth","requests":{},"pss_kib_before":{},"pss_kib_after":{}}})"
             "\n",
             requests, before, ours.pss_kib());
  return {};
}

// Streams over one connection: the model tells its tokens as fast as it can, which keeps one of two
// cores from everybody else, or at the pace of a fast one. Where the kernel has put the three
// programs on the two cores lasts for seconds and moves a first token by 0.3 ms either way, so the
// sides take many short turns.
Result<void> first_tokens(const std::vector<Side>& sides, const Options& options) {
  constexpr int kTurns = 16;  // instead of a round
  TRY(compare(sides, "stream", 1, options.streams / 4 / kTurns, options.rounds * kTurns,
              openai(kStream)));
  return compare(sides, "paced stream", 1, options.streams / 20, options.rounds, openai(kPaced));
}

Result<void> run(const Options& options) {
  const auto model = TRY(bench::GatewayServer::start_model(kChunks));
  const auto nginx = TRY(bench::GatewayServer::start_nginx(model.port()));
  const auto ours = TRY(bench::GatewayServer::start_ours(model.port(), options.settings));
  const std::vector<Side> sides{{"direct", model.port(), nullptr},
                                {"nginx", nginx.port(), &nginx},
                                {"ours", ours.port(), &ours}};
  if (options.connections > 0) {
    return compare(sides, options.cached ? "cached" : "chat", options.connections, options.requests,
                   options.rounds, openai(options.cached ? kRepeated : kChat));
  }
  if (options.first) return first_tokens(sides, options);
  const long idle = ours.pss_kib();
  for (const int connections : {1, 16, 64, 256}) {
    const int requests = connections == 1 ? options.requests / 4 : options.requests;
    TRY(compare(sides, "chat", connections, requests, options.rounds, openai(kChat)));
  }
  const long loaded = ours.pss_kib();
  TRY(compare(sides, "cached", 64, options.requests, options.rounds, openai(kRepeated)));
  TRY(first_tokens(sides, options));
  TRY(compare(sides, "stream", 32, options.streams, options.rounds, openai(kStream)));
  const std::string ollama = bench::post_request("/api/chat", chat_body(R"(,"stream":true)"));
  TRY(compare({{"passed", ours.port(), &ours}, {"translated", ours.port(), &ours, ollama}},
              "translated", 32, options.streams, options.rounds, openai(kStream)));
  TRY(fail_over(ours, options.requests / 4));
  if (options.growth > 0) TRY(grow(ours, options.growth));
  TRY(hold_streams(ours, options.live));
  fmt::print(R"({{"what":"memory","pss_mb_idle":{:.1f},"pss_mb_256":{:.1f},"pss_mb_end":{:.1f}}})"
             "\n",
             static_cast<double>(idle) / 1024, static_cast<double>(loaded) / 1024,
             static_cast<double>(ours.pss_kib()) / 1024);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--rounds") == 0) options.rounds = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--requests") == 0) options.requests = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--streams") == 0) options.streams = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--growth") == 0) options.growth = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--live") == 0) options.live = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--connections") == 0) options.connections = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--cached") == 0) options.cached = std::atoi(argv[i + 1]) != 0;
    if (std::strcmp(argv[i], "--first") == 0) options.first = std::atoi(argv[i + 1]) != 0;
    if (std::strcmp(argv[i], "--settings") == 0) options.settings = argv[i + 1];
  }
  const auto done = run(options);
  if (done) return 0;
  fmt::print(stderr, "bench/gateway: {}\n", done.error().message);
  return 1;
}
