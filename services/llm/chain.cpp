#include "llm/chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <optional>

#include "base/ids.h"
#include "llm/ollama.h"
#include "retry/policy.h"
#include "telemetry/log.h"

namespace llm {
namespace {

constexpr std::size_t kErrorBodyBytes = 4096;
constexpr Milliseconds kHang{2000};             // silence that says something about the provider
constexpr Milliseconds kHealthRetry{1000};      // while a provider has not been reached
constexpr std::size_t kHealthConnections = 32;  // a provider that hangs holds several
constexpr int kUnderstudyPlaces = 1'000'000;    // it answers at once

const SystemClock& clock() { return SystemClock::instance(); }

// Who has a place shall not wait for a connection; and health is asked beside the chats.
std::size_t connections_for(const ChainOptions& options) {
  std::size_t places = 0;
  for (const auto& provider : options.providers) {
    if (provider.kind == ProviderKind::Understudy) continue;
    places += static_cast<std::size_t>(std::max(provider.concurrency, 0));
  }
  return places + kHealthConnections;
}

// Whose fault it is that an attempt failed: only the provider's own count against it.
enum class Blame { Provider, Nobody };

struct Failure {
  Error error;
  Blame blame = Blame::Provider;
};

class ChainImpl;

// One request on its way down the chain. Belongs to the loop's thread, but for cancel(). Kept alive
// by the callbacks that wait for something; a handle may outlive the chain, when the run is over.
class Run final : public Chain::Handle,
                  public Provider::Waiter,
                  public std::enable_shared_from_this<Run> {
 public:
  Run(ChainImpl& chain, net::Loop& loop, ChatAsk ask, SteadyTime deadline, Chain::Listener listener)
      : chain_(chain),
        loop_(loop),
        ask_(std::move(ask)),
        deadline_(deadline),
        listener_(std::move(listener)) {}

  void begin();
  void cancel() override;
  void place_given(Provider& provider) override;
  void turned_away() override;

 private:
  void choose_order();
  void try_next();
  void wait_for_place();
  void ask_provider();
  void send();
  void play_understudy();
  void on_data(std::string_view bytes);
  void on_end(const Result<void>& outcome);
  std::optional<Failure> failure_of(const Result<void>& outcome) const;
  void on_text(std::string_view text);
  void failed(const Failure& failure);
  void go_on_after(const Error& error);
  void give_place_back();
  void stop(Error why);
  void done(Result<Completion> result);

  ChainImpl& chain_;
  net::Loop& loop_;
  ChatAsk ask_;
  SteadyTime deadline_;
  Chain::Listener listener_;
  SteadyTime began_ = clock().now();
  std::vector<Provider*> order_;
  std::size_t next_ = 0;
  Completion completion_;
  Error last_error_{Code::Unavailable, "no provider is configured"};
  std::unique_ptr<net::Loop::Timer> deadline_timer_;
  bool over_ = false;

  // The attempt under way.
  Provider* provider_ = nullptr;
  Provider::Pass pass_ = 0;
  bool placed_ = false;   // it has a place to give back
  bool waiting_ = false;  // it stands in the provider's queue
  SteadyTime sent_{};
  std::unique_ptr<StreamReader> reader_;
  std::shared_ptr<net::Client::Call> call_;
  std::unique_ptr<net::Loop::Timer> wait_timer_;  // for a place, then for the first token
  int status_ = 0;
  std::string error_body_;
  std::optional<Failure> failure_;  // why we closed the connection ourselves
};

class ChainImpl final : public Chain {
 public:
  ChainImpl(net::Loop& loop_in, ChainOptions options_in, telemetry::Metrics& metrics)
      : options(std::move(options_in)),
        loop(loop_in),
        client(std::make_unique<net::Client>(
            loop, net::Client::Options{.connections_per_host = connections_for(options)})),
        failovers(metrics.counter("troupe_llm_failovers_total",
                                  "Requests that went on to the next provider")),
        completions(metrics.counter("troupe_llm_completions_total", "Completions by outcome",
                                    {{"outcome", "ok"}})),
        failures(metrics.counter("troupe_llm_completions_total", "Completions by outcome",
                                 {{"outcome", "failed"}})),
        first_token(
            metrics.histogram("troupe_llm_first_token_seconds", "From request to first token")) {}

  ~ChainImpl() override {
    on_loop_and_wait([this] {
      closing = true;
      health_timer_.reset();
      for (const auto& provider : chain) provider->drop_waiting();
    });
    client.reset();
    on_loop_and_wait([] {});  // the ends of its calls have run
  }

  std::shared_ptr<Handle> run(ChatAsk ask, SteadyTime deadline, Listener listener) override {
    auto run = std::make_shared<Run>(*this, loop, std::move(ask), deadline, std::move(listener));
    loop.post([run] { run->begin(); });
    return run;
  }

  std::vector<ProviderState> providers() const override {
    std::vector<ProviderState> states;
    states.reserve(chain.size());
    for (const auto& provider : chain) states.push_back(provider->state(clock().now()));
    return states;
  }

  void check_health();

  ChainOptions options;
  net::Loop& loop;
  std::unique_ptr<net::Client> client;
  std::vector<std::unique_ptr<Provider>> chain;
  bool closing = false;  // of the loop's thread
  telemetry::Counter failovers;
  telemetry::Counter completions;
  telemetry::Counter failures;
  telemetry::Histogram first_token;

 private:
  void on_loop_and_wait(const std::function<void()>& task) {
    std::promise<void> ran;
    loop.post([&] {
      task();
      ran.set_value();
    });
    ran.get_future().wait();
  }

  std::unique_ptr<net::Loop::Timer> health_timer_;
};

// --- one run ------------------------------------------------------------------------------------

void Run::begin() {
  if (over_) return;
  const auto left = std::min(retry::remaining(clock().now(), deadline_), chain_.options.total);
  deadline_timer_ = loop_.after(left, [weak = weak_from_this()] {
    if (const auto run = weak.lock()) {
      run->stop({Code::DeadlineExceeded, "the request's time was over"});
    }
  });
  for (const Message& message : ask_.messages) {
    completion_.prompt_tokens += estimated_tokens(message.content);
  }
  choose_order();
  if (!over_) try_next();
}

void Run::choose_order() {
  bool all_known = true;
  for (const auto& provider : chain_.chain) {
    if (provider->offers(ask_.model)) order_.push_back(provider.get());
    all_known = all_known && provider->knows_models();
  }
  if (!order_.empty()) return;
  if (!all_known) {
    return done(Error{Code::Unavailable, fmt::format("model: whether '{}' is offered is not known "
                                                     "yet: a provider is away",
                                                     ask_.model)});
  }
  done(Error{Code::NotFound, fmt::format("model: '{}' is not offered here", ask_.model)});
}

void Run::cancel() {
  loop_.post([self = shared_from_this()] {
    self->stop({Code::Cancelled, "cancelled by the caller"});
  });
}

void Run::try_next() {
  if (chain_.closing) return done(Error{Code::Cancelled, "shutting down"});
  if (next_ == order_.size()) return done(last_error_);
  provider_ = order_[next_++];
  const auto pass = provider_->admit(clock().now());
  if (!pass) {
    return go_on_after({Code::Unavailable, "out of service after failures"});
  }
  pass_ = *pass;
  if (!provider_->take_place()) return wait_for_place();
  placed_ = true;
  ask_provider();
}

void Run::wait_for_place() {
  if (!provider_->wait(shared_from_this(), chain_.options.waiting_max)) {
    return failed({{Code::Overloaded, "too many requests are waiting"}, Blame::Nobody});
  }
  waiting_ = true;
  wait_timer_ = loop_.after(chain_.options.place_wait, [weak = weak_from_this()] {
    const auto run = weak.lock();
    if (!run || !run->waiting_) return;
    run->waiting_ = false;
    run->provider_->stop_waiting(run.get());
    run->failed({{Code::Overloaded, "no place was free in time"}, Blame::Nobody});
  });
}

void Run::place_given(Provider& provider) {
  // The wait may have ended meanwhile, and the run may be at another provider by now.
  if (!waiting_ || &provider != provider_) return provider.give_back(loop_);
  if (chain_.closing) return turned_away();
  waiting_ = false;
  placed_ = true;
  wait_timer_.reset();
  ask_provider();
}

void Run::turned_away() { stop({Code::Cancelled, "shutting down"}); }

void Run::ask_provider() {
  completion_.provider = provider_->options().name;
  completion_.model = provider_->model_for(ask_.model, chain_.options.default_model);
  if (provider_->format() == nullptr) return play_understudy();
  if (completion_.model.empty()) {
    return failed({{Code::Unavailable, "it offers no model yet"}, Blame::Nobody});
  }
  send();
}

void Run::play_understudy() {
  std::string_view last;
  if (!ask_.messages.empty()) last = ask_.messages.back().content;
  const auto seed = ask_.seed ? static_cast<std::uint64_t>(*ask_.seed) : hash64(last);
  const std::string line = understudy_line(ask_.messages, seed);
  for (const std::string& piece : understudy_pieces(line)) on_text(piece);
  provider_->succeeded(pass_);
  completion_.estimated = true;
  completion_.completion_tokens = estimated_tokens(line);
  done(completion_);
}

void Run::send() {
  reader_ = provider_->format()->reader();
  status_ = 0;
  error_body_.clear();
  failure_.reset();
  sent_ = clock().now();
  WireRequest wire = provider_->format()->chat(ask_, completion_.model);
  net::ClientRequest request;
  request.method = wire.method;
  request.url = provider_->options().url + wire.path;
  request.headers.set("Content-Type", "application/json");
  request.body = std::move(wire.body);
  request.first_byte_timeout = chain_.options.first_token;
  request.idle_timeout = chain_.options.idle;
  request.total_timeout = chain_.options.total;
  const auto self = shared_from_this();
  net::ClientEvents events;
  events.head = [self](int status, const http::Headers&) { self->status_ = status; };
  events.data = [self](std::string_view bytes) { self->on_data(bytes); };
  events.done = [self](const Result<void>& outcome) { self->on_end(outcome); };
  call_ = chain_.client->send(std::move(request), std::move(events));
  wait_timer_ = loop_.after(chain_.options.first_token, [weak = weak_from_this()] {
    const auto run = weak.lock();
    if (!run || run->over_ || !run->call_) return;
    run->failure_ = Failure{{Code::DeadlineExceeded, "no first token in time"}};
    run->call_->cancel();
  });
}

void Run::on_data(std::string_view bytes) {
  if (over_ || failure_) return;
  if (status_ != 200) {
    error_body_ += bytes.substr(0, kErrorBodyBytes - std::min(kErrorBodyBytes, error_body_.size()));
    return;
  }
  const auto fed = reader_->feed(bytes, [this](std::string_view text) { on_text(text); });
  if (!fed) failure_ = Failure{fed.error()};
  if (completion_.text.size() > chain_.options.text_bytes_max) {
    failure_ = Failure{{Code::TooLarge, "the model's answer exceeds the limit"}, Blame::Nobody};
  }
  if (failure_ && call_) call_->cancel();
}

void Run::on_text(std::string_view text) {
  if (completion_.text.empty()) {
    wait_timer_.reset();
    completion_.first_token_ms = elapsed_ms(began_, clock().now());
    chain_.first_token.observe(completion_.first_token_ms / 1000);
    if (listener_.on_begin) listener_.on_begin(completion_.model, completion_.provider);
  }
  completion_.text += text;
  if (listener_.on_text) listener_.on_text(text);
}

std::optional<Failure> Run::failure_of(const Result<void>& outcome) const {
  if (failure_) return failure_;
  if (reader_->done() && status_ == 200) return std::nullopt;
  if (status_ != 0 && status_ != 200) {
    // What the provider refuses (429 as well) says nothing about its health.
    const bool refused = status_ >= 400 && status_ < 500 && status_ != 408;
    return Failure{{status_ == 429 ? Code::Overloaded : Code::Unavailable,
                    fmt::format("HTTP {}: {}", status_, error_body_.substr(0, 200))},
                   refused ? Blame::Nobody : Blame::Provider};
  }
  if (!outcome) return Failure{outcome.error()};
  return Failure{{Code::Unavailable, "the stream was cut"}};
}

void Run::on_end(const Result<void>& outcome) {
  call_.reset();
  wait_timer_.reset();
  if (over_) {
    // Stopped from our side; a provider that had been silent for long has failed all the same.
    const bool hung = completion_.text.empty() && clock().now() - sent_ >= kHang;
    if (hung) {
      provider_->failed(pass_, clock().now(), "it did not answer in the caller's time");
    } else {
      provider_->abandoned(pass_, "");
    }
    return give_place_back();
  }
  if (const auto failure = failure_of(outcome)) return failed(*failure);
  provider_->succeeded(pass_);
  completion_.estimated = true;
  completion_.completion_tokens = estimated_tokens(completion_.text);
  reader_->summarize(completion_);
  done(completion_);
}

// This provider was asked, or would have been, and could not.
void Run::failed(const Failure& failure) {
  switch (failure.blame) {
    case Blame::Provider:
      provider_->failed(pass_, clock().now(), failure.error.message);
      break;
    case Blame::Nobody:
      provider_->abandoned(pass_, failure.error.message);
      break;
  }
  give_place_back();
  telemetry::warn("provider failed",
                  {{"provider", provider_->options().name}, {"why", failure.error.message}});
  go_on_after(failure.error);
}

// Before the first token the next provider may try; a begun answer is cut, and that is said.
void Run::go_on_after(const Error& error) {
  const std::string& who = provider_->options().name;
  if (!completion_.text.empty()) {
    return done(Error{Code::Unavailable, fmt::format("{}: the answer was cut after {} bytes: {}",
                                                     who, completion_.text.size(), error.message)});
  }
  completion_.failovers.push_back(fmt::format("{}: {}: {}", who, name(error.code), error.message));
  last_error_ = {error.code, fmt::format("{}: {}", who, error.message)};
  chain_.failovers.add();
  try_next();
}

void Run::give_place_back() {
  if (std::exchange(placed_, false)) provider_->give_back(loop_);
}

// Ends the run from our side, in whatever phase it is.
void Run::stop(Error why) {
  if (over_) return;
  if (std::exchange(waiting_, false)) {
    provider_->stop_waiting(this);
    provider_->abandoned(pass_, "");
  }
  done(std::move(why));
  // Its on_end gives the place back and settles with the breaker.
  if (call_) call_->cancel();
}

void Run::done(Result<Completion> result) {
  if (std::exchange(over_, true)) return;
  deadline_timer_.reset();
  wait_timer_.reset();
  if (!call_) give_place_back();
  (result ? chain_.completions : chain_.failures).add();
  if (listener_.on_done) listener_.on_done(std::move(result));
  listener_ = {};
}

// --- health -------------------------------------------------------------------------------------

// Asks every real provider for its models, and again later.
void ChainImpl::check_health() {
  bool all_known = true;
  for (const auto& provider : chain) {
    if (provider->format() == nullptr) continue;
    all_known = all_known && provider->state(clock().now()).state == "up";
    const WireRequest wire = provider->format()->list_models();
    net::ClientRequest request;
    request.method = wire.method;
    request.url = provider->options().url + wire.path;
    request.first_byte_timeout = Milliseconds(5000);
    request.total_timeout = Milliseconds(10'000);
    request.body_bytes_max = 1024 * 1024;
    const auto body = std::make_shared<std::string>();
    net::ClientEvents events;
    events.data = [body](std::string_view bytes) { *body += bytes; };
    events.done = [body, &entry = *provider](const Result<void>& outcome) {
      if (outcome) {
        entry.models_read(entry.format()->read_models(*body));
      } else {
        entry.models_read(outcome.error());
      }
    };
    client->send(std::move(request), std::move(events));
  }
  const Milliseconds wait =
      all_known ? options.health_every : std::min(options.health_every, kHealthRetry);
  health_timer_ = loop.after(wait, [this] { check_health(); });
}

Result<std::unique_ptr<Provider>> make_provider(ProviderOptions options,
                                                const ChainOptions& chain) {
  while (options.url.ends_with('/')) options.url.pop_back();
  switch (options.kind) {
    case ProviderKind::Ollama:
      if (!options.url.starts_with("http://")) {
        return Error{Code::InvalidArgument,
                     fmt::format("providers: {}: url must begin with http://", options.name)};
      }
      return std::make_unique<Provider>(
          std::move(options),
          make_ollama_format({.num_ctx = chain.num_ctx, .keep_alive = chain.keep_alive}));
    case ProviderKind::Understudy:
      break;
  }
  options.concurrency = kUnderstudyPlaces;
  return std::make_unique<Provider>(std::move(options), nullptr);
}

}  // namespace

std::int64_t estimated_tokens(std::string_view text) {
  return static_cast<std::int64_t>((text.size() + 3) / 4);
}

Result<std::unique_ptr<Chain>> Chain::open(net::Loop& loop, ChainOptions options,
                                           telemetry::Metrics& metrics) {
  auto chain = std::make_unique<ChainImpl>(loop, std::move(options), metrics);
  for (const std::string& wanted : chain->options.chain) {
    const auto& all = chain->options.providers;
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const auto& provider) { return provider.name == wanted; });
    if (found == all.end()) {
      return Error{Code::InvalidArgument, fmt::format("chain: no provider is named '{}'", wanted)};
    }
    auto provider = make_provider(*found, chain->options);
    if (!provider) return provider.error();
    chain->chain.push_back(std::move(provider).value());
  }
  loop.post([impl = chain.get()] { impl->check_health(); });
  return std::unique_ptr<Chain>(std::move(chain));
}

}  // namespace llm
