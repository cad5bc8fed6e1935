#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/limits.h"
#include "cache/cache.h"
#include "characters/config.h"
#include "characters/keeper.h"
#include "characters/library.h"
#include "characters/neighbours.h"
#include "characters/prompter.h"
#include "characters/routes.h"
#include "characters/shipped.h"
#include "ops_http/ops_http.h"
#include "runtime/runtime.h"

namespace {

// While knowledge waits for a retriever that is just starting, it is tried more often.
constexpr Milliseconds kDeliveryRetry{100};
// A retriever that starts together with this process has come by then.
constexpr Milliseconds kRetrieverGrace{3000};

void keep(const std::stop_token& stop, characters::Keeper& keeper, Milliseconds poll_interval) {
  while (!stop.stop_requested()) {
    keeper.poll();
    const bool done = keeper.delivery() == characters::Delivery::Done;
    keeper.wait(stop, done ? poll_interval : std::min(kDeliveryRetry, poll_interval));
  }
}

// "3 cards", or whose files were refused: their last good versions are on stage.
std::string word_of(const characters::Cast& cast) {
  std::string word = fmt::format("{} cards", cast.members.size());
  std::size_t shown = 0;
  for (const auto& bad : cast.problems) {
    if (shown++ == 3) return word + ", ...";
    word += fmt::format("{}{}", shown == 1 ? ", refused: " : ", ", bad.file);
  }
  return word;
}

// A door that takes large bodies, but only for cards to import: a JSON message stays small, for
// its tree is many times its size.
http::Listen listen_for_uploads(std::size_t bytes_max) {
  return [bytes_max](http::ServerOptions options, const http::Handler& handler) {
    options.limits.body_bytes = std::max(bytes_max, options.limits.body_bytes);
    return ops_http::listen(
        std::move(options),
        [handler](http::Request request, const std::shared_ptr<http::Reply>& reply) {
          const bool takes_files =
              request.path == "/characters/import" || request.path == "/characters/lint";
          if (request.body.size() > limits::kBodyBytes && !takes_files) {
            return reply->respond(http::Response::error(
                {Code::TooLarge, fmt::format("the body of {} bytes exceeds {}", request.body.size(),
                                             limits::kBodyBytes)}));
          }
          handler(std::move(request), reply);
        });
  };
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
  const auto library =
      TRY(characters::Library::open(folder, characters::shipped_cast(), config.versions_max));
  characters::Neighbours neighbours(process.client("retriever", runtime::Process::Need::Optional),
                                    process.node(), Milliseconds(config.delivery_timeout_ms));
  characters::Keeper keeper(*library, neighbours);
  keeper.look();
  process.check("knowledge", [&, begun = SystemClock::instance().now()] {
    const auto age = SystemClock::instance().now() - begun;
    return state_of(keeper.delivery(), std::chrono::duration_cast<Milliseconds>(age));
  });
  process.check("cards", [&]() -> runtime::Process::State {
    return {word_of(*library->cast()), true};
  });
  const auto cache = process.make_cache(
      "prompts", {.bytes_max = static_cast<std::size_t>(config.cache_kib) * 1024});
  const characters::Prompter prompter(
      *cache, {.lore = {.scan_depth = config.lore_scan_depth, .token_budget = config.lore_tokens}});
  characters::install_routes(process.doors(),
                             {*library,
                              keeper,
                              prompter,
                              {.context_tokens = static_cast<std::size_t>(config.context_tokens),
                               .lore_tokens = static_cast<std::size_t>(config.lore_tokens)}});
  const std::jthread thread(
      [&](const std::stop_token& stop) { keep(stop, keeper, Milliseconds(config.poll_ms)); });
  return process.run(listen_for_uploads(static_cast<std::size_t>(config.upload_kib) * 1024));
}

}  // namespace

int main(int argc, char** argv) {
  return runtime::main<characters::Config>("characters", argc, argv, serve);
}
