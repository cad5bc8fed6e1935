#include <fmt/format.h>

#include <utility>

#include "base/ids.h"
#include "llm/run.h"

namespace llm {
namespace {

constexpr std::size_t kStreamBytesMax = 16 * 1024 * 1024;
constexpr std::int64_t kMessageTokens = 4;  // what a model's template puts around a message

class ChatRun final : public Run {
 public:
  ChatRun(std::shared_ptr<RunContext> context, ChatAsk ask, SteadyTime deadline,
          Chain::Listener listener)
      : Run(std::move(context), deadline), ask_(std::move(ask)), listener_(std::move(listener)) {
    for (const Message& message : ask_.messages) {
      completion_.prompt_tokens += estimated_tokens(message.content);
    }
  }

 private:
  Result<std::vector<Provider*>> order() override;
  void ask() override;
  std::optional<Failure> read(std::string_view bytes) override;
  bool answered() const override { return reader_->ended(); }
  std::optional<Failure> complete(const Result<void>& outcome) override;
  std::size_t told() const override { return completion_.text.size(); }
  void deliver(std::optional<Error> error) override;

  void play_understudy();
  void on_text(std::string_view text);

  const ChatAsk ask_;
  Chain::Listener listener_;
  const SteadyTime began_ = SystemClock::instance().now();
  Completion completion_;
  std::unique_ptr<StreamReader> reader_;
};

Result<std::vector<Provider*>> ChatRun::order() {
  std::vector<Provider*> offering;
  bool all_known = true;
  for (const auto& provider : context().providers) {
    if (provider->offers(ask_.model)) offering.push_back(provider.get());
    all_known = all_known && provider->knows_models();
  }
  if (!offering.empty()) return offering;
  if (!all_known) {
    return Error{Code::Unavailable, fmt::format("model: whether '{}' is offered is not known "
                                                "yet: a provider is away",
                                                ask_.model)};
  }
  return Error{Code::NotFound, fmt::format("model: '{}' is not offered here", ask_.model)};
}

void ChatRun::ask() {
  const ProviderOptions& provider_options = provider().options();
  completion_.provider = provider_options.name;
  completion_.model = provider().model_for(ask_.model, options().default_model);
  if (provider().format() == nullptr) return play_understudy();
  set_model(completion_.model);
  if (completion_.model.empty()) {
    return failed({{Code::Unavailable, provider().knows_models() ? "it has no model that speaks"
                                                                 : "it offers no model yet"},
                   Blame::Nobody});
  }
  // Ollama would cut the prompt's beginning off without a word: the character with it.
  const std::int64_t tokens =
      completion_.prompt_tokens + kMessageTokens * static_cast<std::int64_t>(ask_.messages.size());
  if (provider_options.num_ctx > 0 && tokens > provider_options.num_ctx) {
    return failed(
        {{Code::TooLarge, fmt::format("messages: the prompt has about {} tokens, num_ctx is {}",
                                      tokens, provider_options.num_ctx)},
         Blame::Nobody});
  }
  reader_ = provider().format()->reader();
  send(provider().format()->chat(ask_, completion_.model), options().first_token, kStreamBytesMax);
  limit_first_token();
}

void ChatRun::play_understudy() {
  std::string_view last;
  if (!ask_.messages.empty()) last = ask_.messages.back().content;
  const auto seed = ask_.seed ? static_cast<std::uint64_t>(*ask_.seed) : hash64(last);
  const std::string line = understudy_line(ask_.messages, seed);
  for (const std::string& piece : understudy_pieces(line)) on_text(piece);
  completion_.estimated = true;
  completion_.completion_tokens = estimated_tokens(line);
  finish();
}

std::optional<Failure> ChatRun::read(std::string_view bytes) {
  const auto fed = reader_->feed(bytes, [this](std::string_view text) { on_text(text); });
  if (completion_.text.size() > options().text_bytes_max) {
    return Failure{{Code::TooLarge, "the model's answer exceeds the limit"}, Blame::Nobody};
  }
  if (!fed) return failure_of(fed.error());
  return std::nullopt;
}

std::optional<Failure> ChatRun::complete(const Result<void>& outcome) {
  if (!reader_->done()) {
    if (!outcome) return failure_of(outcome.error());
    const auto ended = reader_->end([this](std::string_view text) { on_text(text); });
    if (!ended) return failure_of(ended.error());
  }
  completion_.estimated = true;
  completion_.completion_tokens = estimated_tokens(completion_.text);
  reader_->summarize(completion_);
  return std::nullopt;
}

void ChatRun::on_text(std::string_view text) {
  if (completion_.text.empty()) {
    first_token_came();
    completion_.first_token_ms = elapsed_ms(began_, SystemClock::instance().now());
    context().first_token.observe(completion_.first_token_ms / 1000);
    if (listener_.on_begin) listener_.on_begin(completion_.model, completion_.provider);
  }
  completion_.text += text;
  if (listener_.on_text) listener_.on_text(text);
}

void ChatRun::deliver(std::optional<Error> error) {
  (error ? context().failures : context().completions).add();
  completion_.failovers = failovers();
  const Chain::Listener listener = std::exchange(listener_, {});
  if (!listener.on_done) return;
  if (error) return listener.on_done(std::move(*error));
  listener.on_done(completion_);
}

}  // namespace

std::shared_ptr<Run> make_chat_run(std::shared_ptr<RunContext> context, ChatAsk ask,
                                   SteadyTime deadline, Chain::Listener listener) {
  return std::make_shared<ChatRun>(std::move(context), std::move(ask), deadline,
                                   std::move(listener));
}

}  // namespace llm
