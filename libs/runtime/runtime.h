#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/config.h"
#include "contracts/services.h"
#include "http/http.h"
#include "messaging/client.h"
#include "messaging/discovery.h"
#include "messaging/node.h"
#include "runtime/caches.h"
#include "runtime/doors.h"
#include "runtime/settings.h"
#include "telemetry/metrics.h"

// A process of Troupe: flags, signals, doors, discovery, health, metrics, drain.
//
//   Result<void> serve(runtime::Process& process, const quality::Config& config) {
//     quality::Reviewer reviewer(config.review);
//     runtime::Doors& doors = process.doors();
//     quality::install_routes(doors, reviewer);
//     return process.run();
//   }
//   int main(int argc, char** argv) {
//     return runtime::main<quality::Config>("quality", argc, argv, serve);
//   }
//
// A Config has `static constexpr int kPort` and fields(); a kPort of -1 is the port that
// contracts/services.h gives the service's name, for a program that runs under several. Every
// process answers GET /health, /ready, /metrics, /config and /openapi.json, and the RPC method
// "ping".
namespace runtime {

// Reply of "ping".
struct Pong {
  static constexpr std::string_view kName = "pong";
  std::string service;
  bool ready = false;
  std::int64_t pid = 0;
  static void fields(auto& self, auto&& visit) {
    visit("service", self.service);
    visit("ready", self.ready);
    visit("pid", self.pid, Field{.defaulted = true});
  }
};

// Reply of GET /health and /ready.
struct Health {
  static constexpr std::string_view kName = "health";
  std::string status;  // healthy or degraded
  std::string service;
  std::string version;
  bool ready = false;
  std::int64_t uptime_s = 0;
  std::map<std::string, std::string> services;  // state of each dependency, in a word
  static void fields(auto& self, auto&& visit) {
    visit("status", self.status);
    visit("service", self.service);
    visit("version", self.version);
    visit("ready", self.ready);
    visit("uptime_s", self.uptime_s);
    visit("services", self.services);
  }
};

class Process {
 public:
  // `shown_config` is what GET /config answers.
  static Result<std::unique_ptr<Process>> open(std::string service, Settings settings,
                                               std::string shown_config);
  ~Process();

  const std::string& service() const { return service_; }
  const Settings& settings() const { return settings_; }
  messaging::Node& node() { return *node_; }
  telemetry::Metrics& metrics() { return metrics_; }
  Doors& doors() { return *doors_; }

  // <data>/<service>/, made with mode 700.
  Result<std::string> data_dir() const;

  // A cache in memory, before Redis when `redis_url` names one; `name` stands in its metrics. Redis
  // then is in `services` of /health, and what is away there is no reason not to serve.
  std::shared_ptr<cache::Cache> make_cache(const std::string& name, cache::MemoryOptions options);

  // Another service that this one calls: pinged twice a second, shown in `services` of /health;
  // /ready waits for it unless it is optional.
  enum class Need { Required, Optional };
  messaging::Client client(const std::string& other, Need need = Need::Required);
  // More conditions of /ready and entries of `services`: the state's word ("connected", "loading"),
  // and whether it is good. An empty function takes the entry out.
  struct State {
    std::string word;
    bool good = true;
  };
  void check(std::string name, std::function<State()> state);

  // What GET /config answers from now on, for settings that change at run time; before run().
  void show_config(std::function<std::string()> shown) { shown_config_ = std::move(shown); }

  // SIGHUP has the settings read again, from the same file, environment and flags, and handed to
  // `apply`, on the thread of run(). It may put back what it cannot change: what it leaves is what
  // GET /config shows. With an Error, of the reading or of `apply`, the log says why, and all stays
  // as it was. Before run(); without it SIGHUP ends the process at once.
  template <class Config>
  void on_reload(std::function<Result<void>(Config&)> apply) {
    reload_ = [this, apply = std::move(apply)]() -> Result<void> {
      const config::Inputs inputs = TRY(inputs_());
      auto fresh = TRY(config::load<Combined<Config>>(inputs));
      TRY(apply(fresh.own));
      fresh.common = settings_;
      const std::lock_guard lock(mutex_);
      shown_config_ = [shown = config::print(fresh)] { return shown; };
      return {};
    };
  }
  // How the settings are read again.
  void read_again_by(std::function<Result<config::Inputs>()> inputs) {
    inputs_ = std::move(inputs);
  }

  // The answer of GET /health, and whether the process is ready.
  std::string health_json(bool& ready) const;

  // Opens the doors with `listen`, whose requests come on one thread (default: ops_http, with a
  // thread for each connection), announces the process and serves until SIGTERM or SIGINT; then
  // drains. A second signal ends the process at once.
  Result<void> run(const http::Listen& listen = {});

 private:
  Process() = default;
  void install_own_doors();
  void ping_peers();
  int wait_for_end();

  struct Peer {
    Need need = Need::Required;
    bool up = false;
    bool asking = false;
  };

  std::string service_;
  Settings settings_;
  std::function<Result<config::Inputs>()> inputs_;
  std::function<Result<void>()> reload_;
  telemetry::Metrics metrics_;
  std::unique_ptr<Caches> caches_;
  SteadyTime started_{};
  std::unique_ptr<messaging::Node> node_;
  std::unique_ptr<WorkerPool> workers_;
  std::unique_ptr<Doors> doors_;

  mutable std::mutex mutex_;
  std::function<std::string()> shown_config_;
  std::map<std::string, Peer> peers_;
  std::map<std::string, std::function<State()>> checks_;
  bool draining_ = false;
};

namespace detail {
// Prints "service: message" and gives the exit status for a start that failed.
int refuse_start(std::string_view service, const Error& error);
Result<std::unique_ptr<Process>> start(std::string_view service, const Settings& settings,
                                       std::string shown_config);
// Blocks SIGTERM, SIGINT and SIGHUP for all threads to come; Process::run waits for them.
void block_signals();
const char* const* environment();
}  // namespace detail

// The whole of a service's main(): 0 after a drain, 2 when it could not start.
template <class Config>
int main(std::string_view service, int argc, const char* const* argv,
         Result<void> (*serve)(Process&, const Config&)) {
  const auto inputs = config::read_inputs(service, argc, argv, detail::environment());
  if (!inputs) return detail::refuse_start(service, inputs.error());
  if (inputs.value().help) {
    fmt::print("troupe-{} [--config FILE] [--print-config] [--SETTING VALUE]...\n{}", service,
               config::help<Combined<Config>>(service));
    return 0;
  }
  auto settings = config::load<Combined<Config>>(inputs.value());
  if (!settings) return detail::refuse_start(service, settings.error());
  int& port = settings.value().common.port;
  if (port < 0) port = contracts::port_of(service);
  std::string shown = config::print(settings.value());
  if (inputs.value().print) {
    fmt::print("{}\n", shown);
    return 0;
  }
  detail::block_signals();
  auto process = detail::start(service, settings.value().common, std::move(shown));
  if (!process) return detail::refuse_start(service, process.error());
  process.value()->read_again_by(
      [=] { return config::read_inputs(service, argc, argv, detail::environment()); });
  const auto served = serve(*process.value(), settings.value().own);
  return served ? 0 : detail::refuse_start(service, served.error());
}

}  // namespace runtime
