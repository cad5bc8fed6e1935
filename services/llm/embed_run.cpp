#include <fmt/format.h>

#include <utility>

#include "llm/run.h"

namespace llm {
namespace {

constexpr std::size_t kAnswerBytesMax = 32 * 1024 * 1024;

class EmbedRun final : public Run {
 public:
  EmbedRun(std::shared_ptr<RunContext> context, EmbedAsk ask, SteadyTime deadline,
           std::function<void(Result<Embeddings>)> on_done)
      : Run(std::move(context), deadline), ask_(std::move(ask)), on_done_(std::move(on_done)) {
    set_model(ask_.model == "auto" ? options().embed_model : ask_.model);
  }

 private:
  // Only who has the very model: vectors of two models have nothing in common.
  Result<std::vector<Provider*>> order() override {
    std::vector<Provider*> offering;
    bool any_real = false;
    bool all_known = true;
    for (const auto& provider : context().providers) {
      if (provider->format() == nullptr) continue;
      any_real = true;
      if (provider->has(model())) offering.push_back(provider.get());
      all_known = all_known && provider->knows_list();
    }
    if (!any_real || model().empty()) {
      return Error{Code::NotFound,
                   "nothing embeds here, the understudy does not: set OLLAMA_BASE_URL or the "
                   "providers of llm, and TROUPE_LLM_EMBED_MODEL to a model that they have, such "
                   "as nomic-embed-text"};
    }
    if (!offering.empty()) return offering;
    if (!all_known) {
      return Error{Code::Unavailable, fmt::format("model: whether '{}' is offered is not known "
                                                  "yet: a provider is away",
                                                  model())};
    }
    return Error{Code::NotFound,
                 fmt::format("model: no provider here has '{}' to embed with", model())};
  }

  void ask() override {
    body_.clear();
    send(provider().format()->embed(ask_, model()), options().total, kAnswerBytesMax);
  }

  std::optional<Failure> read(std::string_view bytes) override {
    body_ += bytes;
    return std::nullopt;
  }

  std::optional<Failure> complete(const Result<void>& outcome) override {
    if (!outcome) return failure_of(outcome.error());
    auto embeddings = provider().format()->read_embeddings(std::exchange(body_, {}));
    if (!embeddings) return failure_of(embeddings.error());
    embeddings_ = std::move(embeddings).value();
    if (embeddings_.vectors.size() != ask_.inputs.size()) {
      return Failure{
          {Code::Unavailable, fmt::format("{} embeddings for {} texts", embeddings_.vectors.size(),
                                          ask_.inputs.size())}};
    }
    for (const auto& vector : embeddings_.vectors) {
      if (vector.empty() || vector.size() != embeddings_.vectors.front().size()) {
        return Failure{{Code::Unavailable, "its embeddings differ in length"}};
      }
    }
    if (embeddings_.prompt_tokens <= 0) {
      embeddings_.estimated = true;
      for (const auto& input : ask_.inputs) embeddings_.prompt_tokens += estimated_tokens(input);
    }
    return std::nullopt;
  }

  std::size_t told() const override { return 0; }

  void deliver(std::optional<Error> error) override {
    (error ? context().embedding_failures : context().embeddings).add();
    const auto on_done = std::exchange(on_done_, {});
    if (error) return on_done(std::move(*error));
    embeddings_.model = model();
    embeddings_.provider = provider().options().name;
    embeddings_.failovers = failovers();
    on_done(std::move(embeddings_));
  }

  const EmbedAsk ask_;
  std::function<void(Result<Embeddings>)> on_done_;
  std::string body_;
  Embeddings embeddings_;
};

}  // namespace

std::shared_ptr<Run> make_embed_run(std::shared_ptr<RunContext> context, EmbedAsk ask,
                                    SteadyTime deadline,
                                    std::function<void(Result<Embeddings>)> on_done) {
  return std::make_shared<EmbedRun>(std::move(context), std::move(ask), deadline,
                                    std::move(on_done));
}

}  // namespace llm
