#include "llm/route.h"

#include <algorithm>

namespace llm {
namespace {

const std::vector<std::string>& models_of(PromptIntent intent, const RouteTable& table) {
  switch (intent) {
    case PromptIntent::Quick:
      return table.quick;
    case PromptIntent::Chat:
      return table.chat;
    case PromptIntent::Quality:
      return table.quality;
    case PromptIntent::Code:
      return table.code;
  }
  return table.chat;
}

PromptIntent wanted(const RouteAsk& ask, const RouteTable& table) {
  const PromptIntent guessed =
      ask.guess.confidence < table.confidence_min ? PromptIntent::Chat : ask.guess.intent;
  switch (ask.latency) {
    case LatencyTarget::UltraLow:
      return PromptIntent::Quick;
    case LatencyTarget::Low:
      return guessed == PromptIntent::Quality ? PromptIntent::Quick : guessed;
    case LatencyTarget::Standard:
      return guessed;
    case LatencyTarget::Quality:
      return guessed == PromptIntent::Code ? PromptIntent::Code : PromptIntent::Quality;
  }
  return guessed;
}

// The models in the order of their adding, each once, without those that are too small.
class Choice {
 public:
  Choice(const RouteAsk& ask, const RouteTable& table)
      : table_(table),
        prompt_(std::max<std::int64_t>(0, ask.prompt_tokens)),
        answer_(std::max<std::int64_t>(0, ask.max_tokens)) {}

  void add(const std::string& name) {
    const auto model = std::find_if(table_.models.begin(), table_.models.end(),
                                    [&](const auto& each) { return each.name == name; });
    if (model == table_.models.end() || !holds(*model)) return;
    if (std::find(chosen_.begin(), chosen_.end(), name) == chosen_.end()) chosen_.push_back(name);
  }
  void add(const std::vector<std::string>& names) {
    for (const std::string& name : names) add(name);
  }
  std::vector<std::string> take() { return std::move(chosen_); }

 private:
  // No sum: max_tokens is the asker's number and may be the largest there is.
  bool holds(const RouteTable::Model& model) const {
    return prompt_ < model.context_tokens && answer_ <= model.context_tokens - prompt_;
  }

  const RouteTable& table_;
  std::int64_t prompt_;
  std::int64_t answer_;
  std::vector<std::string> chosen_;
};

}  // namespace

std::vector<std::string> models_for(const RouteAsk& ask, const RouteTable& table) {
  Choice choice(ask, table);
  if (!ask.model_hint.empty()) {
    choice.add(ask.model_hint);
    for (const auto& tier : table.tiers) {
      if (tier.name == ask.model_hint) choice.add(tier.models);
    }
  }
  if (ask.prompt_tokens > table.long_context_tokens) choice.add(table.long_context);
  choice.add(models_of(wanted(ask, table), table));
  choice.add(table.long_context);
  auto rest = table.models;
  std::stable_sort(rest.begin(), rest.end(), [](const auto& a, const auto& b) {
    return a.context_tokens < b.context_tokens;
  });
  for (const auto& model : rest) choice.add(model.name);
  return choice.take();
}

}  // namespace llm
