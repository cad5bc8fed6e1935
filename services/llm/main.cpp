#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "encoder/encoder.h"
#include "llm/access.h"
#include "llm/chain.h"
#include "llm/config.h"
#include "llm/doors.h"
#include "llm/reload.h"
#include "llm/routes.h"
#include "llm/understudy_meaning.h"
#include "net/net.h"
#include "runtime/runtime.h"

namespace {

// The settings name the variables that hold the keys, so these are read here
// and not as settings.
std::string environment_variable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value != nullptr ? value : "";
}

std::string label_of(const llm::ProviderState& state) {
  return state.server > 0 ? fmt::format("{}.{}", state.name, state.server + 1) : state.name;
}

// A line of /health for each server of a provider. One that is away is no
// reason to stop answering: the chain goes on.
void show_health(runtime::Process& process, const llm::Chain& chain, std::set<std::string>& shown) {
  for (const std::string& name : std::exchange(shown, {})) process.check(name, nullptr);
  for (const auto& state : chain.providers()) {
    const std::string name = label_of(state);
    shown.insert(name);
    process.check(name, [&chain, name] {
      for (const auto& one : chain.providers()) {
        if (label_of(one) == name) return runtime::Process::State{one.state, true};
      }
      return runtime::Process::State{"removed", true};
    });
  }
}

// The door, whose streams are told when the time for their end is over: they
// are cut with an error in their dialect, not without a word.
class ToldDoor final : public http::Server {
 public:
  ToldDoor(std::unique_ptr<http::Server> door, llm::Chain& chain)
      : door_(std::move(door)), chain_(chain) {}

  std::uint16_t port() const override { return door_->port(); }
  void drain(Milliseconds timeout) override {
    constexpr Milliseconds kLastWords{500};
    const Milliseconds last_words = std::min(kLastWords, timeout / 4);
    const SteadyTime over = SystemClock::instance().now() + timeout - last_words;
    door_->drain(timeout - last_words);
    if (SystemClock::instance().now() < over) return;
    chain_.close();
    door_->drain(last_words);
  }

 private:
  const std::unique_ptr<http::Server> door_;
  llm::Chain& chain_;
};

Result<void> serve(runtime::Process& process, const llm::Config& config) {
  net::Loop loop;
  const std::string data = TRY(process.data_dir());
  const auto ledger = TRY(llm::Ledger::open({.folder = data, .metrics = &process.metrics()}));
  const auto cache = process.make_cache(
      "answers", {.bytes_max = static_cast<std::size_t>(config.cache_kib) * 1024});
  const auto accounts =
      TRY(llm::open_accounts(process, config.access, environment_variable, *ledger, loop));
  llm::understudy::Meanings meanings(config.encoder.empty() ? encoder::weights_beside_program()
                                                            : config.encoder);
  auto chain_options = TRY(llm::chain_options(config, environment_variable));
  const auto chain = TRY(llm::Chain::open(loop, std::move(chain_options), process.metrics(),
                                          {.cache = cache.get(),
                                           .ledger = ledger.get(),
                                           .gate = accounts.get(),
                                           .meanings = &meanings}));
  const auto terms = std::make_shared<llm::Terms>(llm::terms_of(config));
  llm::install_routes(process.doors(), *chain, ledger.get());
  llm::install_dialects(process.doors(), {.chain = *chain, .gate = *accounts, .terms = terms});
  std::set<std::string> shown;
  show_health(process, *chain, shown);
  llm::Reload reload({loop, *accounts, *chain, terms, environment_variable}, config);
  process.on_reload<llm::Config>([&](llm::Config& fresh) -> Result<void> {
    TRY(reload(fresh));
    show_health(process, *chain, shown);
    return {};
  });
  return process.run([&](http::ServerOptions options,
                         http::Handler handler) -> Result<std::unique_ptr<http::Server>> {
    options.limits.body_bytes = static_cast<std::size_t>(config.body_kib) * 1024;
    options.limits.connections = static_cast<std::size_t>(config.connections);
    auto door =
        TRY(net::listen(loop, std::move(options), llm::behind_gate(*accounts, std::move(handler))));
    return std::unique_ptr<http::Server>(std::make_unique<ToldDoor>(std::move(door), *chain));
  });
}

}  // namespace

int main(int argc, char** argv) { return runtime::main<llm::Config>("llm", argc, argv, serve); }
