#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "llm/access.h"
#include "llm/chain.h"
#include "llm/config.h"
#include "llm/doors.h"
#include "llm/routes.h"
#include "net/net.h"
#include "runtime/runtime.h"

namespace {

// The settings name the variables that hold the keys, so these are read here
// and not as settings.
std::string environment_variable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value != nullptr ? value : "";
}

// A line of /health for each server of a provider. One that is away is no
// reason to stop answering: the chain goes on.
void show_health(runtime::Process& process, const llm::Chain& chain) {
  const auto states = chain.providers();
  for (std::size_t i = 0; i < states.size(); ++i) {
    std::string name = states[i].name;
    if (states[i].server > 0) name += "." + std::to_string(states[i].server + 1);
    process.check(std::move(name), [&chain, i] {
      return runtime::Process::State{chain.providers()[i].state, true};
    });
  }
}

Result<void> serve(runtime::Process& process, const llm::Config& config) {
  net::Loop loop;
  const std::string data = TRY(process.data_dir());
  const auto ledger = TRY(llm::Ledger::open({.folder = data}));
  const auto cache = process.make_cache(
      "answers", {.bytes_max = static_cast<std::size_t>(config.cache_kib) * 1024});
  const auto accounts =
      TRY(llm::open_accounts(process, config.access, environment_variable, *ledger, loop));
  auto chain_options = TRY(llm::chain_options(config, environment_variable));
  const auto chain =
      TRY(llm::Chain::open(loop, std::move(chain_options), process.metrics(),
                           {.cache = cache.get(), .ledger = ledger.get(), .gate = accounts.get()}));
  llm::install_routes(process.doors(), *chain, ledger.get());
  llm::install_dialects(process.doors(), {.chain = *chain,
                                          .gate = *accounts,
                                          .request_timeout = Milliseconds(config.total_timeout_ms),
                                          .prices = config.prices});
  show_health(process, *chain);
  return process.run([&](http::ServerOptions options, http::Handler handler) {
    options.limits.body_bytes = static_cast<std::size_t>(config.body_kib) * 1024;
    options.limits.connections = static_cast<std::size_t>(config.connections);
    return net::listen(loop, std::move(options), llm::behind_gate(*accounts, std::move(handler)));
  });
}

}  // namespace

int main(int argc, char** argv) { return runtime::main<llm::Config>("llm", argc, argv, serve); }
