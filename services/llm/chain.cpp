#include "llm/chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <mutex>

#include "base/ids.h"
#include "llm/ollama.h"
#include "retry/policy.h"
#include "telemetry/log.h"

namespace llm {
namespace {

constexpr std::size_t kErrorBodyBytes = 4096;

const SystemClock& clock() { return SystemClock::instance(); }

struct Provider {
  ProviderOptions options;
  std::unique_ptr<WireFormat> format;  // none: the understudy
  std::vector<std::string> models;
  retry::Breaker breaker{{}};
  std::string state = "unknown";
  std::string last_error;
  int in_flight = 0;
  std::deque<std::function<void()>> waiting;

  bool offers(const std::string& model) const {
    return model == "auto" || std::find(models.begin(), models.end(), model) != models.end();
  }
};

class ChainImpl;

// One request on its way down the chain. Kept alive by the callbacks that wait for something.
class Run final : public Chain::Handle, public std::enable_shared_from_this<Run> {
 public:
  Run(ChainImpl& chain, ChatAsk ask, SteadyTime deadline, Chain::Listener listener)
      : chain_(chain), ask_(std::move(ask)), deadline_(deadline), listener_(std::move(listener)) {}

  void begin();
  void cancel() override;

 private:
  void try_next();
  void enter(Provider& provider);
  void send(Provider& provider);
  void play_understudy(Provider& provider);
  void on_data(Provider& provider, std::string_view bytes);
  void on_end(Provider& provider, const Result<void>& outcome);
  void on_text(std::string_view text);
  void failed(Provider& provider, Error error);
  void leave(Provider& provider);
  void done(Result<Completion> result);

  ChainImpl& chain_;
  ChatAsk ask_;
  SteadyTime deadline_;
  Chain::Listener listener_;
  SteadyTime began_ = clock().now();
  std::vector<Provider*> order_;
  std::size_t next_ = 0;
  Completion completion_;
  Error last_error_{Code::Unavailable, "no provider is configured"};

  // The attempt under way.
  Provider* entered_ = nullptr;
  std::unique_ptr<StreamReader> reader_;
  std::shared_ptr<net::Client::Call> call_;
  std::unique_ptr<net::Loop::Timer> first_token_timer_;
  std::unique_ptr<net::Loop::Timer> deadline_timer_;
  int status_ = 0;
  std::string error_body_;
  std::optional<Error> fault_;  // why we closed the attempt ourselves
  bool over_ = false;
};

class ChainImpl final : public Chain {
 public:
  ChainImpl(net::Loop& loop_in, ChainOptions options_in, telemetry::Metrics& metrics)
      : options(std::move(options_in)),
        loop(loop_in),
        client(std::make_unique<net::Client>(loop, net::Client::Options{})),
        failovers(metrics.counter("troupe_llm_failovers_total",
                                  "Requests that went on to the next provider")),
        completions(metrics.counter("troupe_llm_completions_total", "Completions by outcome",
                                    {{"outcome", "ok"}})),
        failures(metrics.counter("troupe_llm_completions_total", "Completions by outcome",
                                 {{"outcome", "failed"}})),
        first_token(
            metrics.histogram("troupe_llm_first_token_seconds", "From request to first token")) {}
  ~ChainImpl() override {
    on_loop_and_wait([this] { health_timer_.reset(); });
    client.reset();
    on_loop_and_wait([] {});  // the ends of its calls have run
  }

  std::shared_ptr<Handle> run(ChatAsk ask, SteadyTime deadline, Listener listener) override {
    auto run = std::make_shared<Run>(*this, std::move(ask), deadline, std::move(listener));
    if (loop.on_loop_thread()) {
      run->begin();
    } else {
      loop.post([run] { run->begin(); });
    }
    return run;
  }

  std::vector<ProviderState> providers() const override {
    const std::lock_guard lock(mutex);
    std::vector<ProviderState> states;
    for (const auto& provider : chain) {
      states.push_back(
          {provider->options.name, std::string(enum_name(provider->options.kind)), provider->state,
           std::string(retry::name(provider->breaker.state(clock().now()))), provider->models,
           provider->in_flight, static_cast<int>(provider->waiting.size()), provider->last_error});
    }
    return states;
  }

  void check_health();

  ChainOptions options;
  net::Loop& loop;
  std::unique_ptr<net::Client> client;
  std::vector<std::unique_ptr<Provider>> chain;
  mutable std::mutex mutex;  // providers() reads while the loop writes
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
  for (const auto& provider : chain_.chain) {
    if (provider->offers(ask_.model)) order_.push_back(provider.get());
  }
  if (order_.empty()) {
    return done(Error{Code::NotFound, fmt::format("model: '{}' is not offered here", ask_.model)});
  }
  const auto left = std::min(retry::remaining(clock().now(), deadline_), chain_.options.total);
  deadline_timer_ = chain_.loop.after(left, [self = weak_from_this()] {
    const auto run = self.lock();
    if (!run || run->over_) return;
    run->fault_ = Error{Code::DeadlineExceeded, "the request's time was over"};
    if (run->call_) run->call_->cancel();
    run->done(*run->fault_);
  });
  for (const Message& message : ask_.messages) {
    completion_.prompt_tokens += estimated_tokens(message.content);
  }
  try_next();
}

void Run::cancel() {
  chain_.loop.post([self = shared_from_this()] {
    if (self->over_) return;
    if (self->call_) self->call_->cancel();
    self->done(Error{Code::Cancelled, "cancelled by the caller"});
  });
}

void Run::try_next() {
  if (over_) return;
  if (next_ == order_.size()) return done(last_error_);
  Provider& provider = *order_[next_++];
  if (!provider.breaker.allow(clock().now())) {
    return failed(provider, {Code::Unavailable, "out of service after failures"});
  }
  if (provider.in_flight < provider.options.concurrency) return enter(provider);
  if (provider.waiting.size() >= chain_.options.waiting_max) {
    provider.breaker.abandoned();
    return failed(provider, {Code::Overloaded, "too many requests are waiting"});
  }
  provider.waiting.push_back([self = shared_from_this(), &provider] {
    if (!self->over_) self->enter(provider);
  });
}

void Run::enter(Provider& provider) {
  ++provider.in_flight;
  entered_ = &provider;
  completion_.provider = provider.options.name;
  completion_.model =
      ask_.model != "auto" ? ask_.model
      : !chain_.options.default_model.empty() && provider.offers(chain_.options.default_model)
          ? chain_.options.default_model
      : provider.models.empty() ? ""
                                : provider.models.front();
  if (!provider.format) return play_understudy(provider);
  if (completion_.model.empty()) {
    return failed(provider, {Code::Unavailable, "it offers no model yet"});
  }
  send(provider);
}

// Frees the place for whoever waits.
void Run::leave(Provider& provider) {
  if (entered_ != &provider) return;
  entered_ = nullptr;
  --provider.in_flight;
  if (provider.waiting.empty()) return;
  auto next = std::move(provider.waiting.front());
  provider.waiting.pop_front();
  chain_.loop.post(std::move(next));
}

void Run::play_understudy(Provider& provider) {
  const std::string line = understudy_line(
      ask_.messages, static_cast<std::uint64_t>(ask_.seed.value_or(static_cast<std::int64_t>(
                         hash64(ask_.messages.empty() ? "" : ask_.messages.back().content)))));
  for (const std::string& piece : understudy_pieces(line)) on_text(piece);
  provider.breaker.succeeded();
  leave(provider);
  completion_.estimated = true;
  completion_.completion_tokens = estimated_tokens(line);
  done(completion_);
}

void Run::send(Provider& provider) {
  reader_ = provider.format->reader();
  status_ = 0;
  error_body_.clear();
  fault_.reset();
  WireRequest wire = provider.format->chat(ask_, completion_.model);
  net::ClientRequest request;
  request.method = wire.method;
  request.url = provider.options.url + wire.path;
  request.headers.set("Content-Type", "application/json");
  request.body = std::move(wire.body);
  request.first_byte_timeout = chain_.options.first_token;
  request.idle_timeout = chain_.options.idle;
  request.total_timeout = chain_.options.total;
  const auto self = shared_from_this();
  net::ClientEvents events;
  events.head = [self](int status, const http::Headers&) { self->status_ = status; };
  events.data = [self, &provider](std::string_view bytes) { self->on_data(provider, bytes); };
  events.done = [self, &provider](const Result<void>& outcome) { self->on_end(provider, outcome); };
  call_ = chain_.client->send(std::move(request), std::move(events));
  first_token_timer_ = chain_.loop.after(chain_.options.first_token, [weak = weak_from_this()] {
    const auto run = weak.lock();
    if (!run || run->over_ || !run->call_) return;
    run->fault_ = Error{Code::DeadlineExceeded, "no first token in time"};
    run->call_->cancel();
  });
}

void Run::on_data(Provider&, std::string_view bytes) {
  if (over_ || fault_) return;
  if (status_ != 200) {
    error_body_ += bytes.substr(0, kErrorBodyBytes - std::min(kErrorBodyBytes, error_body_.size()));
    return;
  }
  const auto fed = reader_->feed(bytes, [this](std::string_view text) { on_text(text); });
  if (!fed) fault_ = fed.error();
  if (completion_.text.size() > chain_.options.text_bytes_max) {
    fault_ = Error{Code::TooLarge, "the model's answer exceeds the limit"};
  }
  if (fault_ && call_) call_->cancel();
}

void Run::on_text(std::string_view text) {
  if (completion_.text.empty()) {
    first_token_timer_.reset();
    completion_.first_token_ms = elapsed_ms(began_, clock().now());
    chain_.first_token.observe(completion_.first_token_ms / 1000);
  }
  completion_.text += text;
  if (listener_.on_text) listener_.on_text(text);
}

void Run::on_end(Provider& provider, const Result<void>& outcome) {
  call_.reset();
  first_token_timer_.reset();
  if (over_) return leave(provider);
  if (!fault_ && status_ != 0 && status_ != 200) {
    const Code code = status_ == 429 ? Code::Overloaded : Code::Unavailable;
    fault_ = Error{code, fmt::format("HTTP {}: {}", status_, error_body_.substr(0, 200))};
  }
  if (!fault_ && !outcome) fault_ = outcome.error();
  if (!fault_ && !reader_->done()) fault_ = Error{Code::Unavailable, "the stream was cut"};
  if (fault_ && !reader_->done()) return failed(provider, *fault_);
  provider.breaker.succeeded();
  {
    const std::lock_guard lock(chain_.mutex);
    provider.state = "up";
  }
  completion_.estimated = true;
  completion_.completion_tokens = estimated_tokens(completion_.text);
  reader_->summarize(completion_);
  leave(provider);
  done(completion_);
}

// This provider could not; before the first token the next one may.
void Run::failed(Provider& provider, Error error) {
  // A rate limit says nothing about the provider's health.
  if (entered_ == &provider) {
    if (error.code == Code::Overloaded) {
      provider.breaker.abandoned();
    } else {
      provider.breaker.failed(clock().now());
    }
  }
  leave(provider);
  {
    const std::lock_guard lock(chain_.mutex);
    provider.last_error = error.message;
    if (error.code != Code::Overloaded) provider.state = "down";
  }
  telemetry::warn("provider failed", {{"provider", provider.options.name}, {"why", error.message}});
  if (!completion_.text.empty()) {
    return done(Error{Code::Unavailable,
                      fmt::format("{}: the answer was cut after {} bytes: {}",
                                  provider.options.name, completion_.text.size(), error.message)});
  }
  completion_.failovers.push_back(
      fmt::format("{}: {}: {}", provider.options.name, name(error.code), error.message));
  last_error_ = {error.code, fmt::format("{}: {}", provider.options.name, error.message)};
  chain_.failovers.add();
  try_next();
}

void Run::done(Result<Completion> result) {
  if (over_) return;
  over_ = true;
  deadline_timer_.reset();
  first_token_timer_.reset();
  if (entered_ != nullptr && !call_) leave(*entered_);
  (result ? chain_.completions : chain_.failures).add();
  if (listener_.on_done) listener_.on_done(std::move(result));
  listener_ = {};
}

// --- health -------------------------------------------------------------------------------------

// Asks every real provider for its models, and again later.
void ChainImpl::check_health() {
  for (const auto& provider : chain) {
    if (!provider->format) continue;
    const WireRequest wire = provider->format->list_models();
    net::ClientRequest request;
    request.method = wire.method;
    request.url = provider->options.url + wire.path;
    request.first_byte_timeout = Milliseconds(5000);
    request.total_timeout = Milliseconds(10'000);
    const auto body = std::make_shared<std::string>();
    net::ClientEvents events;
    events.data = [body](std::string_view bytes) { *body += bytes; };
    events.done = [this, body, &entry = *provider](const Result<void>& outcome) {
      const auto models = outcome ? entry.format->read_models(*body)
                                  : Result<std::vector<std::string>>(outcome.error());
      const std::lock_guard lock(mutex);
      entry.state = models ? "up" : "down";
      if (!models) {
        entry.last_error = models.error().message;
      } else if (entry.options.models.empty()) {
        entry.models = models.value();
      }
    };
    client->send(std::move(request), std::move(events));
  }
  health_timer_ = loop.after(options.health_every, [this] { check_health(); });
}

Result<std::unique_ptr<Provider>> make_provider(const ProviderOptions& options,
                                                const ChainOptions& chain) {
  auto provider = std::make_unique<Provider>();
  provider->options = options;
  provider->models = options.models;
  switch (options.kind) {
    case ProviderKind::Ollama:
      if (!options.url.starts_with("http://")) {
        return Error{Code::InvalidArgument,
                     fmt::format("providers: {}: url must begin with http://", options.name)};
      }
      provider->format =
          make_ollama_format({.num_ctx = chain.num_ctx, .keep_alive = chain.keep_alive});
      break;
    case ProviderKind::Understudy:
      provider->state = "up";
      if (provider->models.empty()) provider->models = {"understudy"};
      provider->options.concurrency = 1'000'000;  // it answers at once
      break;
  }
  while (provider->options.url.ends_with('/')) provider->options.url.pop_back();
  return provider;
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
