#include "coordinator/config.h"
#include "coordinator/conversations.h"
#include "coordinator/routes.h"
#include "coordinator/stage.h"
#include "coordinator/upkeep.h"
#include "runtime/runtime.h"

namespace {

// Without the characters service the coordinator works with the ids it is told; once that is there,
// readiness waits for the cast.
runtime::Process::State state_of(coordinator::Upkeep::CastState cast) {
  switch (cast) {
    case coordinator::Upkeep::CastState::Loading:
      return {"loading", false};
    case coordinator::Upkeep::CastState::Away:
      return {"waiting for the characters", true};
    case coordinator::Upkeep::CastState::Known:
      return {"known", true};
  }
  return {"unknown", false};
}

Result<void> serve(runtime::Process& process, const coordinator::Config& config) {
  coordinator::Conversations::Options kept;
  kept.path = TRY(process.data_dir()) + "/conversations.db";
  kept.weights = config.weights;
  kept.quiet_asked_ms = config.quiet_asked_minutes * std::int64_t{60'000};
  kept.cache_bytes = static_cast<std::size_t>(config.cache_kib) * 1024;
  // Most calls are lines to write: the node's thread, which gets them, writes them itself.
  kept.write_on = [&node = process.node()](std::function<void()> task) {
    return node.post(std::move(task));
  };
  const auto conversations = TRY(coordinator::Conversations::open(kept));
  coordinator::Cast cast;
  coordinator::Stage stage({config.weights, config.scaled_delays()}, cast, *conversations);
  const coordinator::Upkeep upkeep({.cast_refresh = Milliseconds(config.cast_refresh_ms),
                                    .retention_days = config.retention_days},
                                   process.client("characters", runtime::Process::Need::Optional),
                                   cast, *conversations);
  process.check("cast", [&] { return state_of(upkeep.cast_state()); });
  coordinator::install_routes(process.doors(), stage, *conversations, process.metrics());
  return process.run();
}

}  // namespace

int main(int argc, char** argv) {
  return runtime::main<coordinator::Config>("coordinator", argc, argv, serve);
}
