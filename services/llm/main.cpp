#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "llm/cached_chain.h"
#include "llm/chain.h"
#include "llm/config.h"
#include "llm/routes.h"
#include "net/net.h"
#include "runtime/runtime.h"
#include "telemetry/log.h"

namespace {

// The settings name the variables that hold the keys, so these are read here and not as settings.
std::string environment_variable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value != nullptr ? value : "";
}

Result<void> serve(runtime::Process& process, const llm::Config& config) {
  net::Loop loop;
  auto chain_options = TRY(llm::chain_options(config, environment_variable));
  const auto chain = TRY(llm::Chain::open(loop, std::move(chain_options), process.metrics()));
  const auto cache = process.make_cache(
      "answers", {.bytes_max = static_cast<std::size_t>(config.cache_kib) * 1024});
  llm::CachedChain cached(*chain, loop, *cache, Milliseconds(config.cache_ttl_ms));
  llm::install_routes(process.doors(), cached, Milliseconds(config.total_timeout_ms));
  for (const auto& provider : chain->providers()) {
    process.check(provider.name, [&chain, name = provider.name] {
      for (const auto& state : chain->providers()) {
        // A provider that is away is no reason to stop answering: the chain goes on.
        if (state.name == name) return runtime::Process::State{state.state, true};
      }
      return runtime::Process::State{"unknown", true};
    });
  }
  return process.run([&loop](http::ServerOptions options, http::Handler handler) {
    return net::listen(loop, std::move(options), std::move(handler));
  });
}

}  // namespace

int main(int argc, char** argv) { return runtime::main<llm::Config>("llm", argc, argv, serve); }
