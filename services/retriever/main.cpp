#include "base/clock.h"
#include "config/config.h"
#include "retriever/config.h"
#include "retriever/index.h"
#include "retriever/knowledge.h"
#include "retriever/routes.h"
#include "retriever/settings.h"
#include "runtime/runtime.h"

namespace {

retriever::Index::Options options_of(const retriever::Config& config, const std::string& folder) {
  retriever::Index::Options options;
  options.path = folder + "/knowledge.db";
  options.chunks = {static_cast<std::size_t>(config.chunk_tokens),
                    static_cast<std::size_t>(config.chunk_overlap_tokens)};
  options.readers = static_cast<std::size_t>(config.readers);
  options.cache_kib = static_cast<std::size_t>(config.cache_kib);
  return options;
}

Result<void> serve(runtime::Process& process, const retriever::Config& config) {
  const std::string folder = TRY(process.data_dir());
  const auto index =
      TRY(retriever::Index::open(options_of(config, folder), SystemClock::instance()));
  const auto cache = process.make_cache(
      "queries", {.bytes_max = static_cast<std::size_t>(config.results_kib) * 1024});
  const auto settings = TRY(
      retriever::Settings::open(*index, {config.top_k, config.context_tokens, config.expansion}));
  process.show_config([&process, &settings, shown = config]() mutable {
    const contracts::RagSettings now = settings->now();
    shown.top_k = now.top_k;
    shown.context_tokens = now.context_tokens;
    shown.expansion = now.expansion;
    runtime::Combined<retriever::Config> all;
    all.common = process.settings();
    all.own = shown;
    return config::print(all);
  });
  retriever::Knowledge knowledge(*index, *settings, *cache,
                                 {.ttl = Milliseconds(config.results_ttl_ms)});
  retriever::install_routes(process.doors(), knowledge, *index, process.metrics());
  retriever::install_settings(process.doors(), *settings, knowledge);
  return process.run();
}

}  // namespace

int main(int argc, char** argv) {
  return runtime::main<retriever::Config>("retriever", argc, argv, serve);
}
