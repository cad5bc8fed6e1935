#include <string>

#include "cache/cache.h"
#include "config/config.h"
#include "quality/cached_reviewer.h"
#include "quality/cast_source.h"
#include "quality/config.h"
#include "quality/reviewer.h"
#include "quality/routes.h"
#include "quality/settings.h"
#include "runtime/runtime.h"

namespace {

Result<void> serve(runtime::Process& process, const quality::Config& config) {
  // Once known, the cast is enough to judge by: readiness does not hang on the characters service.
  const quality::CastSource source(process.client("characters", runtime::Process::Need::Optional),
                                   Milliseconds(config.cast_refresh_ms));
  process.check("cast", [&]() -> runtime::Process::State {
    const bool known = source.cast() != nullptr;
    return {known ? "known" : "waiting for the characters", known};
  });
  const auto cache = process.make_cache(
      "assessments", {.bytes_max = static_cast<std::size_t>(config.cache_kib) * 1024});
  TRY(quality::usable(config.review));
  quality::Reviewer reviewer(config.review, source);
  const std::string folder = TRY(process.data_dir());
  auto settings = TRY(quality::Settings::open(folder + "/review.json", reviewer));
  process.show_config([&process, &reviewer, shown = config]() mutable {
    shown.review = *reviewer.options();
    runtime::Combined<quality::Config> all;
    all.common = process.settings();
    all.own = shown;
    return config::print(all);
  });
  const quality::CachedReviewer cached(reviewer, source, *cache, Milliseconds(config.cache_ttl_ms));
  quality::install_routes(process.doors(), cached, reviewer, *cache, process.metrics());
  quality::install_settings(process.doors(), settings);
  return process.run();
}

}  // namespace

int main(int argc, char** argv) {
  return runtime::main<quality::Config>("quality", argc, argv, serve);
}
