#include "llm/chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <utility>

#include "llm/ollama.h"
#include "llm/openai_format.h"
#include "llm/reach.h"
#include "llm/run.h"

namespace llm {
namespace {

constexpr Milliseconds kHealthRetry{1000};              // while a provider has not been reached
constexpr std::size_t kListBytesMax = 4 * 1024 * 1024;  // brokers have thousands of models
constexpr int kUnderstudyPlaces = 1'000'000;            // it answers at once

// Asks every real provider for its models, again and again. Its timer holds it weakly: one that
// fires while the chain goes finds nobody, on whichever thread that happens.
class Health : public std::enable_shared_from_this<Health> {
 public:
  explicit Health(std::shared_ptr<RunContext> context) : context_(std::move(context)) {}

  void check() {
    if (context_->closing) return;
    bool all_up = true;
    for (const auto& provider : context_->providers) {
      if (provider->format() == nullptr || provider->options().barred) continue;
      // A key that is refused is no better in a second.
      const std::string state = provider->state(SystemClock::instance().now()).state;
      all_up = all_up && (state == "up" || state == "denied");
      ask(*provider);
    }
    const Milliseconds every = context_->options.health_every;
    timer_ = context_->loop.after(all_up ? every : std::min(every, kHealthRetry),
                                  [weak = weak_from_this()] {
                                    if (const auto health = weak.lock()) health->check();
                                  });
  }
  void stop() { timer_.reset(); }

 private:
  void ask(Provider& provider) {
    net::ClientRequest request = provider.request(provider.format()->list_models());
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
    events.done = [answer, context = context_, &provider](const Result<void>& outcome) {
      if (!outcome) return provider.models_read(outcome.error());
      provider.list_answered(answer->status, answer->body);
    };
    context_->client->send(std::move(request), std::move(events));
  }

  const std::shared_ptr<RunContext> context_;
  std::unique_ptr<net::Loop::Timer> timer_;
};

class ChainImpl final : public Chain {
 public:
  explicit ChainImpl(std::shared_ptr<RunContext> context)
      : context_(std::move(context)), health_(std::make_shared<Health>(context_)) {
    context_->loop.post([health = health_] { health->check(); });
  }

  ~ChainImpl() override {
    on_loop_and_wait([this] {
      context_->closing = true;
      health_->stop();
      for (const auto& provider : context_->providers) provider->drop_waiting();
    });
    context_->client.reset();
    on_loop_and_wait([] {});  // the ends of its calls have run
  }

  std::shared_ptr<Handle> run(ChatAsk ask, SteadyTime deadline, Listener listener) override {
    return begun(make_chat_run(context_, std::move(ask), deadline, std::move(listener)));
  }

  std::shared_ptr<Handle> embed(EmbedAsk ask, SteadyTime deadline,
                                std::function<void(Result<Embeddings>)> on_done) override {
    return begun(make_embed_run(context_, std::move(ask), deadline, std::move(on_done)));
  }

  std::vector<ProviderState> providers() const override {
    std::vector<ProviderState> states;
    states.reserve(context_->providers.size());
    for (const auto& provider : context_->providers) {
      states.push_back(provider->state(SystemClock::instance().now()));
    }
    return states;
  }

 private:
  std::shared_ptr<Handle> begun(const std::shared_ptr<Run>& run) {
    context_->loop.post([run] { run->begin(); });
    return run;
  }

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

Result<std::unique_ptr<Provider>> make_provider(ProviderOptions options,
                                                const ChainOptions& chain) {
  if (options.kind == ProviderKind::Understudy) {
    options.concurrency = kUnderstudyPlaces;
    return std::make_unique<Provider>(std::move(options), nullptr);
  }
  while (options.url.ends_with('/')) options.url.pop_back();
  TRY(check_url(options));
  if (options.kind == ProviderKind::OpenAi) {
    return std::make_unique<Provider>(std::move(options), make_openai_format());
  }
  if (options.num_ctx == 0) options.num_ctx = chain.num_ctx;
  if (options.keep_alive.empty()) options.keep_alive = chain.keep_alive;
  auto format = make_ollama_format({.num_ctx = options.num_ctx, .keep_alive = options.keep_alive});
  return std::make_unique<Provider>(std::move(options), std::move(format));
}

}  // namespace

std::int64_t estimated_tokens(std::string_view text) {
  std::int64_t ascii = 0;
  std::int64_t others = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      ++ascii;
    } else if (byte >= 0xc0) {
      ++others;  // the first byte of a character
    }
  }
  return (ascii + 3) / 4 + others;
}

Result<std::unique_ptr<Chain>> Chain::open(net::Loop& loop, ChainOptions options,
                                           telemetry::Metrics& metrics) {
  const auto context = std::make_shared<RunContext>(loop, std::move(options), metrics);
  for (const std::string& wanted : context->options.chain) {
    const auto& all = context->options.providers;
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const auto& provider) { return provider.name == wanted; });
    if (found == all.end()) {
      return Error{Code::InvalidArgument, fmt::format("chain: no provider is named '{}'", wanted)};
    }
    auto provider = make_provider(*found, context->options);
    if (!provider) return provider.error();
    context->providers.push_back(std::move(provider).value());
  }
  return std::unique_ptr<Chain>(std::make_unique<ChainImpl>(context));
}

}  // namespace llm
