#include <arpa/inet.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>

#include "base/line.h"
#include "contracts/conversation.h"
#include "contracts/services.h"
#include "messaging/directory.h"
#include "ops_http/ops_http.h"
#include "runtime/runtime.h"
#include "telemetry/log.h"

namespace runtime {
namespace {

constexpr Milliseconds kPingInterval{500};
constexpr Milliseconds kPingTimeout{1000};
constexpr Milliseconds kStarting{10'000};
constexpr Milliseconds kStartingInterval{50};
constexpr std::string_view kVersion = "0.1.0";

std::vector<std::string> split_names(std::string_view names) {
  std::vector<std::string> all;
  while (!names.empty()) {
    const std::string_view item = names.substr(0, names.find(','));
    names.remove_prefix(std::min(names.size(), item.size() + 1));
    if (!item.empty()) all.emplace_back(item);
  }
  return all;
}

// A service may be named after a character; Prometheus allows fewer characters than we do.
std::string metric_name(std::string service) {
  std::replace(service.begin(), service.end(), '-', '_');
  return service;
}

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

sigset_t reloading_signal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGHUP);
  return set;
}

messaging::Node::Options node_options(const std::string& service, const Settings& settings) {
  messaging::Node::Options options{.service = service, .run_dir = settings.run};
  if (settings.rpc == Transport::Tcp) {
    options.tcp = settings.bind;
    options.keys_dir = settings.keys;
    if (settings.port != 0) {
      options.rpc_port = settings.port + contracts::kRpcAbove;
      options.events_port = settings.port + contracts::kEventsAbove;
    }
  }
  if (settings.discovery == Discovery::Dns) {
    std::vector<messaging::NamedService> names;
    for (const contracts::Service& other : contracts::kServices) {
      names.push_back({std::string(other.name), other.port + contracts::kRpcAbove});
    }
    options.directory =
        messaging::make_dns_directory(std::move(names), messaging::system_resolver());
  }
  return options;
}

Caches::Options cache_options(const std::string& service, const Settings& settings) {
  return {.service = service,
          .redis_url = settings.redis_url,
          .redis_timeout = Milliseconds(settings.redis_timeout_ms),
          .redis_connect_timeout = Milliseconds(settings.redis_connect_timeout_ms)};
}

// A door that others can reach is for a network of the stack's own, whose processes know each other
// by their keys.
Result<void> refuse_open_door(const Settings& settings) {
  const std::string& bind = settings.bind;
  in_addr address{};  // a name that begins like one is no address
  const bool loopback = inet_pton(AF_INET, bind.c_str(), &address) == 1
                            ? (ntohl(address.s_addr) >> 24U) == IN_LOOPBACKNET
                            : bind == "::1" || bind == "localhost";
  if (loopback) return {};
  if (settings.rpc == Transport::Tcp && !settings.keys.empty()) return {};
  return Error{Code::InvalidArgument,
               fmt::format("bind: {} can be reached from other machines; that needs rpc=tcp and "
                           "keys=DIR, as in compose/",
                           bind)};
}

}  // namespace

Result<std::unique_ptr<Process>> Process::open(std::string service, Settings settings,
                                               std::string shown_config) {
  auto process = std::unique_ptr<Process>(new Process());
  process->service_ = std::move(service);
  process->settings_ = std::move(settings);
  process->shown_config_ = [shown = std::move(shown_config)] { return shown; };
  process->started_ = SystemClock::instance().now();
  if (process->settings_.run.empty()) {
    const char* xdg = std::getenv("XDG_RUNTIME_DIR");
    process->settings_.run =
        messaging::default_run_dir(process->settings_.data, xdg == nullptr ? "" : xdg);
  }
  TRY(refuse_open_door(process->settings_));
  process->caches_ =
      TRY(Caches::open(cache_options(process->service_, process->settings_), process->metrics_));
  process->node_ = TRY(messaging::Node::open(node_options(process->service_, process->settings_)));
  process->workers_ =
      std::make_unique<WorkerPool>(static_cast<std::size_t>(process->settings_.workers),
                                   static_cast<std::size_t>(process->settings_.queue));
  process->doors_ = std::make_unique<Doors>(
      Doors::Options{process->service_, Milliseconds(process->settings_.request_timeout_ms)},
      *process->node_, *process->workers_);
  process->install_own_doors();
  return process;
}

Process::~Process() {
  // A process that never ran: as at the end of run().
  if (caches_) caches_->close();
  if (node_) node_->stop();
  workers_.reset();
  node_.reset();
}

Result<std::string> Process::data_dir() const {
  const std::filesystem::path path = std::filesystem::path(settings_.data) / service_;
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    return Error{Code::InvalidArgument, fmt::format("data directory {}: cannot be made: {}",
                                                    path.string(), error.message())};
  }
  if (chmod(path.c_str(), 0700) != 0) {
    return Error{Code::PermissionDenied,
                 fmt::format("data directory {}: cannot be made private", path.string())};
  }
  return path.string();
}

std::shared_ptr<cache::Cache> Process::make_cache(const std::string& name,
                                                  cache::MemoryOptions options) {
  auto cache = caches_->make(name, options);
  if (const cache::Redis* redis = caches_->redis()) {
    check("redis", [redis] { return State{std::string(redis->state()), true}; });
  }
  return cache;
}

messaging::Client Process::client(const std::string& other, Need need) {
  const std::lock_guard lock(mutex_);
  peers_[other].need = need;
  return {*node_, other};
}

void Process::check(std::string name, std::function<State()> state) {
  const std::lock_guard lock(mutex_);
  if (!state) {
    checks_.erase(name);
    return;
  }
  checks_[std::move(name)] = std::move(state);
}

// On the node's thread: asks every peer, and itself again later.
void Process::ping_peers() {
  std::vector<std::string> names;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [name, peer] : peers_) {
      if (!std::exchange(peer.asking, true)) names.push_back(name);
    }
  }
  for (const std::string& name : names) {
    node_->call(name, "ping", "{}",
                {.deadline = SystemClock::instance().now() + kPingTimeout, .idempotent = false},
                [this, name](const Result<std::string>& pong) {
                  const std::lock_guard lock(mutex_);
                  Peer& peer = peers_[name];
                  peer.asking = false;
                  if (peer.up != pong.ok()) {
                    telemetry::info(pong.ok() ? "peer connected" : "peer lost", {{"peer", name}});
                  }
                  peer.up = pong.ok();
                });
  }
  bool all_up = true;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, peer] : peers_) all_up = all_up && peer.up;
  }
  // While the stack starts, what is missing is looked for often.
  const bool starting = SystemClock::instance().now() - started_ < kStarting;
  node_->after(starting && !all_up ? kStartingInterval : kPingInterval, [this] { ping_peers(); });
}

std::string Process::health_json(bool& ready) const {
  std::map<std::string, State> states;
  std::map<std::string, std::function<State()>> checks;
  ready = true;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, peer] : peers_) {
      states[name] = {peer.up ? "connected" : "unavailable",
                      peer.up || peer.need == Need::Optional};
    }
    checks = checks_;
    if (draining_) ready = false;
  }
  for (const auto& [name, state] : checks) states[name] = state();
  bool healthy = true;
  for (const auto& [name, state] : states) {
    healthy = healthy && (state.good && state.word != "unavailable");
    ready = ready && state.good;
  }
  Health health;
  health.status = healthy ? "healthy" : "degraded";
  health.service = service_;
  health.version = kVersion;
  health.ready = ready;
  health.uptime_s =
      static_cast<std::int64_t>(elapsed_ms(started_, SystemClock::instance().now())) / 1000;
  for (const auto& [name, state] : states) health.services[name] = state.word;
  return json::encode(health);
}

void Process::install_own_doors() {
  doors_->http(Get("/health", "Whether the process lives, and what it can reach"),
               {service_ + ".health", {}, {}, {{200, {json_of<Health>()}}}},
               [this](const http::Request&, const std::shared_ptr<http::Reply>& reply) {
                 bool ready = false;
                 reply->respond(http::Response::json(health_json(ready)));
               });
  doors_->http(
      Get("/ready", "The same, with status 503 until it can serve"),
      {service_ + ".ready", {}, {}, {{200, {json_of<Health>()}}, {503, {json_of<Health>()}}}},
      [this](const http::Request&, const std::shared_ptr<http::Reply>& reply) {
        bool ready = false;
        std::string body = health_json(ready);
        reply->respond(http::Response::json(std::move(body), ready ? 200 : 503));
      });
  doors_->http(Get("/metrics", "Metrics for Prometheus"),
               {service_ + ".metrics", {}, {}, {{200, {Content{"text/plain"}}}}},
               [this](const http::Request&, const std::shared_ptr<http::Reply>& reply) {
                 http::Response response = http::Response::text(metrics_.text());
                 response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
                 reply->respond(std::move(response));
               });
  doors_->http(Get("/config", "The settings in force, secrets hidden"), {service_ + ".config"},
               [this](const http::Request&, const std::shared_ptr<http::Reply>& reply) {
                 const auto shown = [this] {
                   const std::lock_guard lock(mutex_);
                   return shown_config_;
                 }();
                 reply->respond(http::Response::json(shown()));
               });
  doors_->http(Get("/openapi.json", "This document"), {service_ + ".openapi"},
               [this](const http::Request& request, const std::shared_ptr<http::Reply>& reply) {
                 // Where the client found this door, it finds the others.
                 const auto host = request.headers.get("Host");
                 const std::string url = host ? fmt::format("http://{}", *host) : "/";
                 const ApiSource source{service_, std::string(kVersion), url};
                 reply->respond(http::Response::json(openapi(source, doors_->specs())));
               });
  doors_->rpc("ping", [this](const std::shared_ptr<messaging::Incoming>& incoming) {
    bool ready = false;
    health_json(ready);
    incoming->reply(json::encode(Pong{service_, ready, ::getpid()}));
  });
  const auto uptime = metrics_.gauge("troupe_process_uptime_seconds", "Seconds since the start");
  metrics_.before_text(
      [this, uptime] { uptime.set(elapsed_ms(started_, SystemClock::instance().now()) / 1000); });
}

// The signal that ends the process; until then SIGHUP reads the settings again, if somebody wants
// them.
int Process::wait_for_end() {
  const sigset_t hangup = reloading_signal();
  if (!reload_) pthread_sigmask(SIG_UNBLOCK, &hangup, nullptr);
  sigset_t signals = ending_signals();
  if (reload_) sigaddset(&signals, SIGHUP);
  int signal = 0;
  while (sigwait(&signals, &signal) == 0 && signal == SIGHUP) {
    const auto reloaded = reload_();
    if (reloaded) {
      telemetry::info("settings were read again");
    } else {
      telemetry::error("settings are refused, the old ones stay",
                       {{"why", reloaded.error().message}});
    }
  }
  return signal;
}

Result<void> Process::run(const http::Listen& listen) {
  // What serve() holds may go when this returns, however it does: nothing may run any more.
  struct Quiet {
    Process& process;
    ~Quiet() {
      // Nobody shall wait for Redis, nor be told what it had.
      process.caches_->close();
      // First the node: it hands calls to the workers, and ends the waits of those that call.
      process.node_->stop();
      process.workers_.reset();
    }
  };
  const Quiet quiet{*this};
  http::ServerOptions options;
  options.bind = settings_.bind;
  options.port = static_cast<std::uint16_t>(settings_.port);
  options.hosts = split_names(settings_.hosts);
  const auto requests =
      metrics_.counter(fmt::format("troupe_{}_http_requests_total", metric_name(service_)),
                       "Requests at the HTTP door");
  const http::Handler handler = [this, requests](http::Request request,
                                                 std::shared_ptr<http::Reply> reply) {
    requests.add();
    telemetry::debug("request", {{"method", name(request.method)}, {"path", request.path}});
    doors_->router().route(std::move(request), std::move(reply));
  };
  if (listen) doors_->on_one_thread();
  auto server =
      TRY((listen ? listen : http::Listen(ops_http::listen))(std::move(options), handler));
  const std::string address = fmt::format("{}:{}", settings_.bind, server->port());
  TRY(node_->bind(address));
  node_->post([this] { ping_peers(); });
  telemetry::info("ready to serve", {{"http", address}, {"run", settings_.run}});
  malloc_trim(0);  // what loading has left

  telemetry::info("draining", {{"signal", wait_for_end()}});
  const sigset_t signals = ending_signals();
  // A second signal ends the process by its default action.
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  node_->withdraw();
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
  }
  const Milliseconds limit(settings_.drain_timeout_ms);
  const SteadyTime deadline = SystemClock::instance().now() + limit;
  server->drain(limit);
  while (node_->serving() > 0 && SystemClock::instance().now() < deadline) {
    std::promise<void> turn;
    node_->post([&] { node_->after(Milliseconds(5), [&] { turn.set_value(); }); });
    turn.get_future().wait();
  }
  telemetry::info("ended");
  return {};
}

namespace detail {

int refuse_start(std::string_view service, const Error& error) {
  fmt::print(stderr, "{}: {}\n", service, one_line(error.message));
  return 2;
}

Result<std::unique_ptr<Process>> start(std::string_view service, const Settings& settings,
                                       std::string shown_config) {
  telemetry::open_log(service, settings.log_level);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a file at the limit of `ulimit -f` fails as on a full disk
  // Few arenas keep a process of many threads small.
  mallopt(M_ARENA_MAX, 2);
  return Process::open(std::string(service), settings, std::move(shown_config));
}

void block_signals() {
  const sigset_t signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const sigset_t hangup = reloading_signal();
  pthread_sigmask(SIG_BLOCK, &hangup, nullptr);
}

const char* const* environment() { return environ; }

}  // namespace detail
}  // namespace runtime
