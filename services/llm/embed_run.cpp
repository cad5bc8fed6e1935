#include <fmt/format.h>

#include <utility>

#include "llm/run.h"
#include "llm/tokens.h"

namespace llm {
namespace {

constexpr std::size_t kAnswerBytesMax = 32 * 1024 * 1024;

class EmbedRun final : public Run {
 public:
  EmbedRun(std::shared_ptr<RunContext> context, talk::EmbedAsk ask, SteadyTime deadline,
           AccountRef account, OnEmbedded on_done)
      : Run(std::move(context), deadline),
        ask_(std::move(ask)),
        account_(std::move(account)),
        on_done_(std::move(on_done)) {}

 private:
  // Only who has the very model: vectors of two models have nothing in common.
  Result<std::vector<Candidate>> order() override {
    const std::string wanted = ask_.model == "auto" ? options().embed_model : ask_.model;
    std::vector<Candidate> offering;
    bool any_real = false;
    bool all_known = true;
    for (const auto& provider : providers()) {
      if (provider->format() == nullptr) continue;
      any_real = true;
      if (provider->has(wanted)) offering.push_back({provider.get(), wanted});
      all_known = all_known && provider->knows_list();
    }
    if (!any_real || wanted.empty()) {
      return Error{Code::NotFound,
                   "nothing embeds here, the understudy does not: set "
                   "OLLAMA_BASE_URL or the "
                   "providers of llm, and TROUPE_LLM_EMBED_MODEL to a model "
                   "that they have, such "
                   "as nomic-embed-text"};
    }
    if (!offering.empty()) {
      spread(offering);
      return offering;
    }
    if (!all_known) {
      return Error{Code::Unavailable, fmt::format("model: whether '{}' is offered is not known "
                                                  "yet: a provider is away",
                                                  wanted)};
    }
    return Error{Code::NotFound,
                 fmt::format("model: no provider here has '{}' to embed with", wanted)};
  }

  void ask() override {
    body_.clear();
    embeddings_ = {};
    auto wire = provider().format()->embed(ask_, model());
    if (!wire) return failed({wire.error(), Blame::Nobody});
    send(std::move(wire).value(), options().total, kAnswerBytesMax);
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
    return std::nullopt;
  }

  std::size_t told() const override { return 0; }

  void account(Ending ending) override {
    talk::Usage usage;
    usage.exact = embeddings_.prompt_tokens > 0;
    if (!usage.exact && ending != Ending::Failed) {
      for (const auto& input : ask_.inputs) usage.prompt += estimated_tokens(input);
      embeddings_.prompt_tokens = usage.prompt;
      embeddings_.estimated = true;
    }
    usage.prompt = embeddings_.prompt_tokens;
    const double cost = cost_of(options().prices, model(), usage);
    paid_.tokens += usage.prompt;
    paid_.cost += cost;
    Ledger* const ledger = context().with.ledger;
    if (ledger == nullptr) return;
    const auto added = ledger->add({.at_ms = SystemClock::instance().wall_ms(),
                                    .key = account_ ? std::string_view(account_->key) : "",
                                    .model = model(),
                                    .provider = provider().options().name,
                                    .prompt_tokens = usage.prompt,
                                    .cost = cost,
                                    .exact = usage.exact,
                                    .ending = ending});
    if (!added) return;  // it keeps what it could not write, and says so itself
  }

  void deliver(std::optional<talk::Refusal> refusal) override {
    (refusal ? context().embedding_failures : context().embeddings).add();
    const auto on_done = std::exchange(on_done_, {});
    if (refusal) return on_done(std::move(refusal->error), paid_);
    embeddings_.model = model();
    embeddings_.provider = provider().options().name;
    embeddings_.failovers = failovers();
    embeddings_.took = SystemClock::instance().now() - began();
    on_done(std::move(embeddings_), paid_);
  }

  const talk::EmbedAsk ask_;
  const AccountRef account_;
  OnEmbedded on_done_;
  Paid paid_;
  std::string body_;
  talk::Embeddings embeddings_;
};

}  // namespace

std::shared_ptr<Run> make_embed_run(std::shared_ptr<RunContext> context, talk::EmbedAsk ask,
                                    SteadyTime deadline, AccountRef account, OnEmbedded on_done) {
  return std::make_shared<EmbedRun>(std::move(context), std::move(ask), deadline,
                                    std::move(account), std::move(on_done));
}

}  // namespace llm
