#include "llm/cached_chain.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "crypto/crypto.h"
#include "json/codec.h"

namespace llm {
namespace {

// What is kept of a completion.
struct Kept {
  std::string text;
  std::string model;
  std::string provider;
  std::string finish_reason;
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  bool estimated = false;

  static void fields(auto& self, auto&& visit) {
    visit("text", self.text, Field{.bytes_max = 256 * 1024});
    visit("model", self.model);
    visit("provider", self.provider);
    visit("finish_reason", self.finish_reason);
    visit("prompt_tokens", self.prompt_tokens);
    visit("completion_tokens", self.completion_tokens);
    visit("estimated", self.estimated);
  }
};

// With its length, so that no two asks have the same text.
void append(std::string& basis, std::string_view text) {
  fmt::format_to(std::back_inserter(basis), "{}:", text.size());
  basis += text;
}

// A run that first looks into the cache. Everything but the constructor and cancel() happens on the
// loop's thread.
class CachedRun final : public Chain::Handle, public std::enable_shared_from_this<CachedRun> {
 public:
  CachedRun(Chain& chain, net::Loop& loop, cache::Cache& cache, Milliseconds ttl, std::string key,
            ChatAsk ask, SteadyTime deadline, Chain::Listener listener)
      : chain_(chain),
        loop_(loop),
        cache_(cache),
        ttl_(ttl),
        key_(std::move(key)),
        ask_(std::move(ask)),
        deadline_(deadline),
        listener_(std::move(listener)) {}

  void begin() {
    cache_.fetch(key_, [self = shared_from_this()](cache::Value found) {
      self->loop_.post([self, found = std::move(found)] { self->go_on(found); });
    });
  }

  void cancel() override {
    loop_.post([self = shared_from_this()] { self->stop(); });
  }

 private:
  void go_on(const cache::Value& found) {
    if (over_) return;
    over_ = true;
    if (found != nullptr) {
      const auto kept = json::decode<Kept>(std::string_view(*found));
      if (kept) return replay(kept.value());
    }
    Chain::Listener listener = std::move(listener_);
    // The run under way owns this one, so that a caller who holds it weakly can cancel it.
    listener.on_done = [self = shared_from_this(),
                        done = std::move(listener.on_done)](Result<Completion> result) {
      self->inner_.reset();
      if (result) self->keep(result.value());
      if (done) done(std::move(result));
    };
    inner_ = chain_.run(std::move(ask_), deadline_, std::move(listener));
  }

  void replay(const Kept& kept) {
    Completion completion;
    completion.text = kept.text;
    completion.model = kept.model;
    completion.provider = kept.provider;
    completion.finish_reason = kept.finish_reason;
    completion.prompt_tokens = kept.prompt_tokens;
    completion.completion_tokens = kept.completion_tokens;
    completion.estimated = kept.estimated;
    const Chain::Listener listener = std::exchange(listener_, {});
    if (listener.on_begin) listener.on_begin(kept.model, kept.provider);
    if (listener.on_text) listener.on_text(kept.text);
    if (listener.on_done) listener.on_done(std::move(completion));
  }

  void keep(const Completion& completion) {
    const bool whole = completion.finish_reason == "stop" || completion.finish_reason == "length";
    if (!whole || !completion.failovers.empty()) return;
    cache_.put(key_,
               json::encode(Kept{completion.text, completion.model, completion.provider,
                                 completion.finish_reason, completion.prompt_tokens,
                                 completion.completion_tokens, completion.estimated}),
               ttl_);
  }

  void stop() {
    if (inner_ != nullptr) return inner_->cancel();
    if (std::exchange(over_, true)) return;
    const Chain::Listener listener = std::exchange(listener_, {});
    if (listener.on_done) listener.on_done(Error{Code::Cancelled, "cancelled by the caller"});
  }

  Chain& chain_;
  net::Loop& loop_;
  cache::Cache& cache_;
  const Milliseconds ttl_;
  const std::string key_;
  ChatAsk ask_;
  const SteadyTime deadline_;
  Chain::Listener listener_;
  std::shared_ptr<Chain::Handle> inner_;  // while it is under way
  bool over_ = false;                     // it goes on elsewhere, or not at all
};

}  // namespace

std::optional<std::string> cache_key(const ChatAsk& ask) {
  if (!ask.seed && ask.temperature != 0.0) return std::nullopt;
  std::string prompt;
  for (const Message& message : ask.messages) {
    append(prompt, message.role);
    append(prompt, message.content);
  }
  std::string settings;
  append(settings, ask.model);
  fmt::format_to(std::back_inserter(settings), "{} {} {} ", ask.max_tokens.value_or(-1),
                 ask.temperature.value_or(-1), ask.seed ? std::to_string(*ask.seed) : "-");
  for (const std::string& stop : ask.stop) append(settings, stop);
  return fmt::format("llm:{}:{}", crypto::hex(crypto::sha256(prompt)),
                     crypto::hex(crypto::sha256(settings)));
}

CachedChain::CachedChain(Chain& chain, net::Loop& loop, cache::Cache& cache, Milliseconds ttl)
    : chain_(chain), loop_(loop), cache_(cache), ttl_(ttl) {}

std::shared_ptr<Chain::Handle> CachedChain::run(ChatAsk ask, SteadyTime deadline,
                                                Listener listener) {
  auto key = cache_key(ask);
  if (!key) return chain_.run(std::move(ask), deadline, std::move(listener));
  auto run = std::make_shared<CachedRun>(chain_, loop_, cache_, ttl_, std::move(*key),
                                         std::move(ask), deadline, std::move(listener));
  run->begin();
  return run;
}

}  // namespace llm
