#include "cache/cache.h"
#include "quality/cached_reviewer.h"
#include "quality/cast_source.h"
#include "quality/config.h"
#include "quality/reviewer.h"
#include "quality/routes.h"
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
  const quality::Reviewer reviewer(config.review, source);
  const quality::CachedReviewer cached(reviewer, source, *cache, Milliseconds(config.cache_ttl_ms));
  quality::install_routes(process.doors(), cached, reviewer, *cache, process.metrics());
  return process.run();
}

}  // namespace

int main(int argc, char** argv) {
  return runtime::main<quality::Config>("quality", argc, argv, serve);
}
