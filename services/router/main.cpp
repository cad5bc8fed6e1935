#include <fmt/format.h>

#include "net/net.h"
#include "router/config.h"
#include "router/executor.h"
#include "router/forgetter.h"
#include "router/routes.h"
#include "router/turn_store.h"
#include "runtime/runtime.h"
#include "telemetry/log.h"

namespace {

constexpr int kRememberedMax = 5000;
constexpr std::size_t kRepeatBytesMax = 8 * 1024 * 1024;

Result<void> serve(runtime::Process& process, const router::Config& config) {
  net::Loop loop;  // of the HTTP door: who waits for a turn costs no thread
  if (config.deadline_ms >= process.settings().request_timeout_ms) {
    return Error{Code::InvalidArgument,
                 fmt::format("deadline_ms: {} is not below request_timeout_ms, {}: doors would "
                             "answer before a turn is over",
                             config.deadline_ms, process.settings().request_timeout_ms)};
  }
  const std::string data_dir = TRY(process.data_dir());
  const auto store = TRY(router::TurnStore::open(data_dir + "/turns.db"));
  const std::int64_t now_ms = SystemClock::instance().wall_ms();
  auto left_open = TRY(store->recover());
  if (!left_open.empty()) {
    telemetry::warn("turns closed that a crash left open", {{"turns", left_open.size()}});
  }

  router::Executor::Options options;
  options.turn.attempts_max = config.attempts_max;
  options.turn.deadline_ms = config.deadline_ms;
  options.turn.floor = config.floor;
  options.turn.knowledge_hits = config.knowledge_hits;
  options.turns_max = static_cast<std::size_t>(config.turns_max);
  options.retention_days = config.retention_days;
  options.follow_up_after = Milliseconds(config.follow_up_after_ms);
  const auto repeats = process.make_cache("repeats", {.bytes_max = kRepeatBytesMax, .shards = 1});
  router::Tuner tuner({.hints_ttl = Milliseconds(config.hints_ttl_ms)},
                      process.client("tuning", runtime::Process::Need::Optional), *store,
                      process.metrics());
  router::Bots bots({}, process.node());
  router::Executor executor(options,
                            {.characters = process.client("characters"),
                             .retriever = process.client("retriever"),
                             .llm = process.client("llm"),
                             .quality = process.client("quality"),
                             .coordinator = process.client("coordinator")},
                            *store, tuner, bots, *repeats, process.metrics());
  router::Forgetter forgetter({}, process.client("coordinator"), executor, tuner, *store);
  // Newest last, as they were said.
  auto recent = TRY(store->recent(now_ms - options.repeat_ttl.count(), kRememberedMax));
  for (auto record = recent.rbegin(); record != recent.rend(); ++record) executor.recall(*record);
  executor.begin();
  process.node().post([&, left_open = std::move(left_open)]() mutable {
    tuner.begin();
    executor.settle_recovered(std::move(left_open));
  });
  router::install_routes(process, executor, bots, forgetter, *store);
  return process.run([&loop](http::ServerOptions door, http::Handler handler) {
    return net::listen(loop, std::move(door), std::move(handler));
  });
}

}  // namespace

int main(int argc, char** argv) {
  return runtime::main<router::Config>("router", argc, argv, serve);
}
