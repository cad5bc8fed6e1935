#include "llm/chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "llm/exchange.h"
#include "llm/reach.h"
#include "llm/run.h"

namespace llm {
namespace {

constexpr Milliseconds kHealthRetry{1000};              // while a provider has not been reached
constexpr Milliseconds kLearnTime{2000};                // for the lists of new providers
constexpr std::size_t kListBytesMax = 4 * 1024 * 1024;  // brokers have thousands of models
constexpr Milliseconds kPullSilence{300'000};
constexpr Milliseconds kPullTime{24 * 3600 * 1000};
constexpr std::size_t kPullBytesMax = 256 * 1024 * 1024;  // of words, not of the model
constexpr std::size_t kErrorBytes = 4096;
constexpr int kUnderstudyPlaces = 1'000'000;  // it answers at once

// Asks every real provider for its models, again and again. Its timer holds it
// weakly: one that fires while the chain goes finds nobody, on whichever thread
// that happens.
class Health : public std::enable_shared_from_this<Health> {
 public:
  explicit Health(std::shared_ptr<RunContext> context) : context_(std::move(context)) {}

  void check() {
    if (context_->closing) return;
    bool all_up = true;
    const SetupRef setup = context_->setup();
    for (const auto& provider : setup->providers) {
      if (provider->format() == nullptr || provider->options().barred) continue;
      // A key that is refused is no better in a second.
      const std::string state = provider->state(SystemClock::instance().now()).state;
      all_up = all_up && (state == "up" || state == "denied");
      ask(provider);
    }
    const Milliseconds every = setup->options.health_every;
    timer_ = context_->loop.after(all_up ? every : std::min(every, kHealthRetry),
                                  [weak = weak_from_this()] {
                                    if (const auto health = weak.lock()) health->check();
                                  });
  }
  void stop() { timer_.reset(); }

  // Reads the lists of those that are not known yet, and waits for them a while. Not on the loop's
  // thread.
  void learn(const Setup& setup) {
    const SteadyTime until = SystemClock::instance().now() + kLearnTime;
    std::vector<std::future<void>> learnt;
    for (const auto& provider : setup.providers) {
      if (provider->options().barred || provider->knows_models()) continue;
      const auto known = std::make_shared<std::promise<void>>();
      learnt.push_back(known->get_future());
      context_->loop.post([health = shared_from_this(), provider, known] {
        if (!health->context_->closing) health->ask(provider, [known] { known->set_value(); });
      });
    }
    for (const auto& one : learnt) one.wait_until(until);
  }

 private:
  void ask(const std::shared_ptr<Provider>& provider, std::function<void()> then = {}) {
    net::ClientRequest request = provider->request(provider->format()->list_models());
    request.first_byte_timeout = Milliseconds(5000);
    request.total_timeout = Milliseconds(10'000);
    request.body_bytes_max = kListBytesMax;
    struct Answer {
      int status = 0;
      std::string body;
    };
    const auto answer = std::make_shared<Answer>();
    net::ClientEvents events;
    events.head = [answer](int status, const http::Headers&) { answer->status = status; };
    events.data = [answer](std::string_view bytes) { answer->body += bytes; };
    events.done = [answer, context = context_, provider,
                   then = std::move(then)](const Result<void>& outcome) {
      if (outcome) {
        provider->list_answered(answer->status, answer->body);
      } else {
        provider->models_read(outcome.error());
      }
      if (then) then();
    };
    context_->client->send(std::move(request), std::move(events));
  }

  const std::shared_ptr<RunContext> context_;
  std::unique_ptr<net::Loop::Timer> timer_;
};

// Fetches a model. It outlasts all time-outs but that of silence.
class Pull final : public Chain::Handle, public std::enable_shared_from_this<Pull> {
 public:
  Pull(std::shared_ptr<RunContext> context, std::function<bool(std::string_view)> on_piece,
       std::function<void(Result<void>)> on_done)
      : context_(std::move(context)),
        on_piece_(std::move(on_piece)),
        on_done_(std::move(on_done)) {}

  void begin(const std::string& body, const std::string& wanted) {
    const SetupRef setup = context_->setup();
    const auto& all = setup->providers;
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& provider) {
      const ProviderOptions& options = provider->options();
      return options.kind == ProviderKind::Ollama && !options.barred &&
             (wanted.empty() || options.name == wanted);
    });
    if (context_->closing || cancelled_) return end(Error{Code::Cancelled, "cancelled"});
    if (found == all.end()) {
      return end(Error{Code::NotFound, "no Ollama server is among the providers"});
    }
    net::ClientRequest request =
        (*found)->request({http::Method::Post, "/api/pull", std::string(body)});
    request.first_byte_timeout = request.idle_timeout = kPullSilence;
    request.total_timeout = kPullTime;
    request.body_bytes_max = kPullBytesMax;
    net::ClientEvents events;
    events.head = [self = shared_from_this()](int status, const http::Headers&) {
      self->status_ = status;
    };
    events.data = [self = shared_from_this()](std::string_view bytes) { self->take(bytes); };
    events.done = [self = shared_from_this()](const Result<void>& outcome) {
      self->call_.reset();
      if (outcome && self->status_ != 200) {
        return self->end(failure_of_status(self->status_, "", self->error_, "").error);
      }
      self->end(outcome);
    };
    call_ = context_->client->send(std::move(request), std::move(events));
  }

  void cancel() override {
    context_->loop.post([self = shared_from_this()] {
      self->cancelled_ = true;
      if (const auto call = self->call_) call->cancel();
    });
  }

 private:
  void take(std::string_view bytes) {
    if (status_ != 200) {
      error_ += bytes.substr(0, kErrorBytes - std::min(kErrorBytes, error_.size()));
    } else if (!on_piece_(bytes) && call_) {
      call_->cancel();
    }
  }
  void end(Result<void> outcome) {
    on_piece_ = nullptr;
    if (const auto on_done = std::exchange(on_done_, {})) on_done(std::move(outcome));
  }

  const std::shared_ptr<RunContext> context_;
  std::function<bool(std::string_view)> on_piece_;
  std::function<void(Result<void>)> on_done_;
  std::shared_ptr<net::Client::Call> call_;
  std::string error_;
  int status_ = 0;
  bool cancelled_ = false;
};

// Tells an answer to whoever speaks no dialect.
class ListenerAudience final : public Audience {
 public:
  explicit ListenerAudience(Chain::Listener listener) : listener_(std::move(listener)) {}

  void begin(const Speaker& speaker) override {
    if (listener_.on_begin) listener_.on_begin(speaker.model, speaker.provider);
  }
  void delta(const talk::Delta& delta) override {
    const auto* const text = std::get_if<talk::TextDelta>(&delta);
    if (text != nullptr && listener_.on_text) listener_.on_text(text->text);
  }
  bool flush() override { return true; }
  bool pass(std::string_view) override { return true; }
  void answer(std::string, const Speaker&) override {}
  void done(const talk::Completion& completion, const Speaker&) override { end(completion); }
  void failed(const talk::Refusal& refusal, const Speaker&) override { end(refusal.error); }

 private:
  void end(Result<talk::Completion> result) {
    const Chain::Listener listener = std::exchange(listener_, {});
    if (listener.on_done) listener.on_done(std::move(result));
  }

  Chain::Listener listener_;
};

Result<void> check_url(const ProviderOptions& options) {
  const auto wrong = [&](std::string_view why) {
    return Error{Code::InvalidArgument,
                 fmt::format("providers: {}: url must begin with {}", options.name, why)};
  };
  if (options.url.starts_with("https://")) return {};
  if (!options.url.starts_with("http://")) return wrong("http:// or https://");
  if (!options.key.empty() && leaves_network(options.url)) {
    return wrong("https://, because a key is sent there");
  }
  return {};
}

// What a provider of these options has in the end.
Result<ProviderOptions> completed(ProviderOptions options, const ChainOptions& chain) {
  if (options.kind == ProviderKind::Understudy) {
    options.concurrency = kUnderstudyPlaces;
    return options;
  }
  while (options.url.ends_with('/')) options.url.pop_back();
  TRY(check_url(options));
  if (options.kind == ProviderKind::Ollama) {
    if (options.num_ctx == 0) options.num_ctx = chain.num_ctx;
    if (options.keep_alive.empty()) options.keep_alive = chain.keep_alive;
  }
  return options;
}

std::unique_ptr<talk::ProviderFormat> format_of(const ProviderOptions& options) {
  switch (options.kind) {
    case ProviderKind::Understudy:
      return nullptr;
    case ProviderKind::OpenAi:
      return talk::make_openai_provider();
    case ProviderKind::Anthropic:
      return talk::make_anthropic_provider({});
    case ProviderKind::Ollama:
      break;
  }
  return talk::make_ollama_provider({.num_ctx = options.num_ctx, .keep_alive = options.keep_alive});
}

// The server as it is known from before, or a new one.
std::shared_ptr<Provider> make_provider(ProviderOptions options, const Setup* before) {
  const std::vector<std::shared_ptr<Provider>> kNobody;
  const Provider* same_server = nullptr;
  for (const auto& known : before != nullptr ? before->providers : kNobody) {
    if (known->options() == options) return known;
    const bool same = known->options().kind == options.kind && known->options().url == options.url;
    if (same && known->format() != nullptr) same_server = known.get();
  }
  auto format = format_of(options);
  const auto made = std::make_shared<Provider>(std::move(options), std::move(format));
  if (same_server != nullptr) made->learn_from(*same_server);
  return made;
}

// A server each, which have their places, their breaker and their health to
// themselves.
Result<void> add_servers(const ProviderOptions& options, const Setup* before, Setup& setup) {
  std::vector<std::string> urls{options.url};
  urls.insert(urls.end(), options.more_urls.begin(), options.more_urls.end());
  int server = 0;
  for (const std::string& url : urls) {
    ProviderOptions one = options;
    one.url = url;
    one.more_urls.clear();
    one.server = server++;
    one = TRY(completed(std::move(one), setup.options));
    setup.providers.push_back(make_provider(std::move(one), before));
  }
  return {};
}

Result<SetupRef> make_setup(ChainOptions options, const Setup* before) {
  const auto setup = std::make_shared<Setup>();
  setup->options = std::move(options);
  const auto& all = setup->options.providers;
  for (const std::string& wanted : setup->options.chain) {
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const auto& provider) { return provider.name == wanted; });
    if (found == all.end()) {
      return Error{Code::InvalidArgument, fmt::format("chain: no provider is named '{}'", wanted)};
    }
    TRY(add_servers(*found, before, *setup));
  }
  const bool same = before != nullptr && before->options.semantic == setup->options.semantic;
  setup->semantic = same ? before->semantic : make_semantic_cache(setup->options.semantic);
  return SetupRef(setup);
}

class ChainImpl final : public Chain {
 public:
  explicit ChainImpl(std::shared_ptr<RunContext> context)
      : context_(std::move(context)), health_(std::make_shared<Health>(context_)) {
    context_->loop.post([health = health_] { health->check(); });
  }

  ~ChainImpl() override { close(); }

  void close() override {
    on_loop_and_wait([this] {
      context_->closing = true;
      health_->stop();
      context_->drop_waiting();
    });
    context_->client.reset();
    context_->understudies.reset();
    on_loop_and_wait([] {});  // the ends of their work have run
  }

  Result<std::function<void()>> change(ChainOptions options) override {
    auto setup = TRY(make_setup(std::move(options), context_->setup().get()));
    health_->learn(*setup);
    return std::function<void()>([context = context_, health = health_, setup = std::move(setup)] {
      context->adopt(setup);
      context->loop.post([health] { health->check(); });
    });
  }

  std::shared_ptr<Handle> chat(ChatTask task) override {
    const auto exchange = std::make_shared<Exchange>(context_, std::move(task));
    if (context_->loop.on_loop_thread()) {
      exchange->start();
    } else {
      context_->loop.post([exchange] { exchange->start(); });
    }
    return exchange;
  }

  Replays::ToldRef told(const Replays::Question& question) override {
    cache::Cache* const cache = context_->with.cache;
    if (cache == nullptr || !context_->loop.on_loop_thread() || context_->closing) return nullptr;
    auto told = context_->replays.find(question);
    return told && cache->get(told->cache_key) == told->value ? told : nullptr;
  }

  void told_again(const Replays::Told& told, const AccountRef& account) override {
    context_->cache_hits.add();
    book(*context_, account, Ending::Cached, told.provider, told.model, told.usage, 0);
  }

  using Chain::embed;
  std::shared_ptr<Handle> embed(talk::EmbedAsk ask, SteadyTime deadline, AccountRef account,
                                OnEmbedded on_done) override {
    const auto run =
        make_embed_run(context_, std::move(ask), deadline, std::move(account), std::move(on_done));
    context_->loop.post([run] { run->begin(); });
    return run;
  }

  std::shared_ptr<Handle> pull(std::string body, const std::string& provider,
                               std::function<bool(std::string_view)> on_piece,
                               std::function<void(Result<void>)> on_done) override {
    const auto pull = std::make_shared<Pull>(context_, std::move(on_piece), std::move(on_done));
    context_->loop.post([pull, body = std::move(body), provider] { pull->begin(body, provider); });
    return pull;
  }

  std::vector<ProviderState> providers() const override {
    const SetupRef setup = context_->setup();
    std::vector<ProviderState> states;
    states.reserve(setup->providers.size());
    for (const auto& provider : setup->providers) {
      states.push_back(provider->state(SystemClock::instance().now()));
    }
    return states;
  }

  std::vector<talk::ModelInfo> models() const override {
    std::vector<talk::ModelInfo> models{{.name = "auto", .owner = "troupe"}};
    for (const auto& state : providers()) {
      for (const std::string& name : state.models) {
        const bool known = std::any_of(models.begin(), models.end(),
                                       [&](const auto& other) { return other.name == name; });
        if (!known) models.push_back({.name = name, .owner = state.name});
      }
    }
    return models;
  }

 private:
  void on_loop_and_wait(const std::function<void()>& task) {
    std::promise<void> ran;
    context_->loop.post([&] {
      task();
      ran.set_value();
    });
    ran.get_future().wait();
  }

  const std::shared_ptr<RunContext> context_;
  const std::shared_ptr<Health> health_;
};

}  // namespace

std::shared_ptr<Chain::Handle> Chain::run(talk::ChatAsk ask, SteadyTime deadline,
                                          Listener listener) {
  ask.stream = listener.on_begin || listener.on_text;
  ChatTask task;
  task.asked = std::make_unique<Asked>(std::move(ask));
  task.deadline = deadline;
  task.audience = std::make_unique<ListenerAudience>(std::move(listener));
  return chat(std::move(task));
}

Result<std::unique_ptr<Chain>> Chain::open(net::Loop& loop, ChainOptions options,
                                           telemetry::Metrics& metrics, With with) {
  auto setup = TRY(make_setup(std::move(options), nullptr));
  return std::unique_ptr<Chain>(std::make_unique<ChainImpl>(
      std::make_shared<RunContext>(loop, std::move(setup), metrics, with)));
}

}  // namespace llm
