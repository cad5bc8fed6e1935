#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/ids.h"
#include "config/config.h"
#include "encoder/encoder.h"
#include "retriever/config.h"
#include "retriever/index.h"
#include "retriever/knowledge.h"
#include "retriever/meaning.h"
#include "retriever/routes.h"
#include "retriever/scribe.h"
#include "retriever/settings.h"
#include "runtime/runtime.h"
#include "telemetry/log.h"

namespace {

constexpr std::size_t kBlockBytes = 65'536;
constexpr int kScribeNiceness = 10;

retriever::Index::Options options_of(const retriever::Config& config, const std::string& folder) {
  retriever::Index::Options options;
  options.path = folder + "/knowledge.db";
  options.chunks = {static_cast<std::size_t>(config.chunk_tokens),
                    static_cast<std::size_t>(config.chunk_overlap_tokens)};
  options.readers = static_cast<std::size_t>(config.readers);
  options.cache_kib = static_cast<std::size_t>(config.cache_kib);
  return options;
}

// The same weights make the same vectors.
std::int64_t identity_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::uint64_t identity = 0;
  for (std::string block(kBlockBytes, '\0'); file.good();) {
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    identity =
        hash64(std::string_view(block.data(), static_cast<std::size_t>(file.gcount())), identity);
  }
  return static_cast<std::int64_t>(identity);
}

// nullptr where words alone are searched.
std::unique_ptr<retriever::Meaning> open_meaning(const retriever::Config& config) {
  if (config.meaning_chunks == 0) return nullptr;
  const std::string path =
      config.encoder.empty() ? encoder::weights_beside_program() : config.encoder;
  auto opened = encoder::Encoder::open(path);
  if (!opened) {
    telemetry::warn("knowledge is searched by words alone", {{"error", opened.error().message}});
    return nullptr;
  }
  const retriever::Meaning::Limits limits{
      .chunks_max = static_cast<std::size_t>(config.meaning_chunks),
      .bytes_max = static_cast<std::size_t>(config.meaning_kib) * 1024};
  return std::make_unique<retriever::Meaning>(
      retriever::SentenceEncoder{identity_of(path),
                                 [encoder = std::move(opened).value()](std::string_view text) {
                                   return encoder.encode(text);
                                 }},
      limits);
}

Result<void> serve(runtime::Process& process, const retriever::Config& config) {
  const std::string folder = TRY(process.data_dir());
  const auto meaning = open_meaning(config);
  const auto index = TRY(
      retriever::Index::open(options_of(config, folder), SystemClock::instance(), meaning.get()));
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
  std::jthread scribe;
  if (meaning) {
    scribe = std::jthread([&index, &meaning](const std::stop_token& stop) {
      (void)::nice(kScribeNiceness);  // on Linux the thread's own: turns go first
      retriever::Scribe(*index, *meaning).run(stop);
    });
  }
  return process.run();
}

}  // namespace

int main(int argc, char** argv) {
  return runtime::main<retriever::Config>("retriever", argc, argv, serve);
}
