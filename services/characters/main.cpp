#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <stop_token>
#include <thread>

#include "characters/config.h"
#include "characters/keeper.h"
#include "characters/library.h"
#include "characters/neighbours.h"
#include "characters/routes.h"
#include "characters/shipped.h"
#include "runtime/runtime.h"

namespace {

// While knowledge waits for a retriever that is just starting, it is tried more often.
constexpr Milliseconds kDeliveryRetry{100};
// A retriever that starts together with this process has come by then.
constexpr Milliseconds kRetrieverGrace{3000};

void keep(const std::stop_token& stop, characters::Keeper& keeper, Milliseconds poll_interval) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  while (!stop.stop_requested()) {
    keeper.poll();
    const bool done = keeper.delivery() == characters::Delivery::Done;
    std::unique_lock lock(mutex);
    stopped.wait_for(lock, stop, done ? poll_interval : std::min(kDeliveryRetry, poll_interval),
                     [] { return false; });
  }
}

// Not ready while the retriever takes the knowledge in: until then the characters know nothing.
// A stack that is just starting would else be ready for a moment, with a cast that knows nothing.
runtime::Process::State state_of(characters::Delivery delivery, Milliseconds age) {
  switch (delivery) {
    case characters::Delivery::UnderWay:
      return {"loading", false};
    case characters::Delivery::RetrieverAway:
      return {"waiting for the retriever", age > kRetrieverGrace};
    case characters::Delivery::Done:
      return {"delivered", true};
  }
  return {"unknown", false};
}

Result<void> serve(runtime::Process& process, const characters::Config& config) {
  const std::filesystem::path folder =
      config.folder.empty() ? std::filesystem::path(process.settings().data) / "characters"
                            : std::filesystem::path(config.folder);
  const auto library = TRY(characters::Library::open(folder, characters::shipped_cast()));
  characters::Neighbours neighbours(process.client("retriever", runtime::Process::Need::Optional),
                                    process.node(), Milliseconds(config.delivery_timeout_ms));
  characters::Keeper keeper(*library, neighbours);
  keeper.look();
  process.check("knowledge", [&, begun = SystemClock::instance().now()] {
    const auto age = SystemClock::instance().now() - begun;
    return state_of(keeper.delivery(), std::chrono::duration_cast<Milliseconds>(age));
  });
  characters::install_routes(process.doors(), *library);
  const std::jthread thread(
      [&](const std::stop_token& stop) { keep(stop, keeper, Milliseconds(config.poll_ms)); });
  return process.run();
}

}  // namespace

int main(int argc, char** argv) {
  return runtime::main<characters::Config>("characters", argc, argv, serve);
}
