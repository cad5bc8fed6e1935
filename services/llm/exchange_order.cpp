#include <fmt/format.h>

#include <algorithm>

#include "llm/exchange.h"
#include "llm/intent.h"
#include "llm/route.h"

// Who is asked, and for which model.
namespace llm {
namespace {

std::string_view last_said(const talk::ChatAsk& ask) {
  for (auto message = ask.messages.rbegin(); message != ask.messages.rend(); ++message) {
    if (message->role != talk::Role::User) continue;
    for (const talk::Part& part : message->parts) {
      if (const auto* text = std::get_if<talk::Text>(&part)) return text->text;
    }
  }
  return {};
}

LatencyTarget latency_of(std::string_view name) {
  for (const auto& [target, text] : enum_names(LatencyTarget{})) {
    if (text == name) return target;
  }
  return LatencyTarget::Standard;
}

bool is_tier(const RouteTable& table, std::string_view name) {
  return std::any_of(table.tiers.begin(), table.tiers.end(),
                     [&](const RouteTable::Tier& tier) { return tier.name == name; });
}

const RouteTable::Model* known_model(const RouteTable& table, std::string_view name) {
  const auto found =
      std::find_if(table.models.begin(), table.models.end(), [&](const RouteTable::Model& model) {
        return model.name == name || model.name + ":latest" == name;
      });
  return found == table.models.end() ? nullptr : &*found;
}

}  // namespace

// What the tables have for this prompt; nothing when they have nothing to do with the models here,
// which then costs nothing.
std::vector<std::string> Exchange::routed(const std::string& wanted) {
  const RouteTable& table = options().routes;
  const bool tier = is_tier(table, wanted);
  if (!tier && (wanted != "auto" || !options().default_model.empty())) return {};
  const bool any =
      std::any_of(table.models.begin(), table.models.end(), [&](const RouteTable::Model& model) {
        return std::any_of(providers().begin(), providers().end(),
                           [&](const auto& provider) { return provider->has(model.name); });
      });
  if (!any) return {};
  const auto ask = asked_->ask();
  if (!ask) return {};
  RouteAsk route;
  route.guess = intent_of(last_said(*ask.value()));
  route.prompt_tokens = asked_->prompt_tokens();
  route.max_tokens = ask.value()->max_tokens.value_or(0);
  route.latency = latency_of(ask.value()->latency_target);
  route.model_hint = tier ? wanted : ask.value()->model_hint;
  return models_for(route, table);
}

// Whether a model of the tables has too little room for the prompt.
bool Exchange::too_small(const std::string& model) {
  const RouteTable::Model* const known = known_model(options().routes, model);
  return known != nullptr && known->context_tokens < asked_->prompt_tokens_bound() &&
         known->context_tokens < asked_->prompt_tokens();
}

Result<std::vector<Run::Candidate>> Exchange::order() {
  const std::string& wanted = asked_->model();
  const bool any_model = wanted == "auto";
  std::vector<Candidate> offering;
  bool all_known = true;
  for (const std::string& model : routed(wanted)) {
    for (const auto& provider : providers()) {
      const bool usable = provider->has(model) && (!account_ || account_->may_use(model));
      if (usable) offering.push_back({provider.get(), model});
    }
  }
  for (const auto& provider : providers()) {
    all_known = all_known && provider->knows_models();
    if (!provider->offers(wanted)) continue;
    Candidate candidate{provider.get(), provider->model_for(wanted, options().default_model)};
    const bool there = std::any_of(offering.begin(), offering.end(), [&](const Candidate& other) {
      return other.provider == candidate.provider && other.model == candidate.model;
    });
    const bool usable = !any_model || candidate.model.empty() || !account_ ||
                        provider->format() == nullptr || account_->may_use(candidate.model);
    if (there || !usable || (any_model && too_small(candidate.model))) continue;
    offering.push_back(std::move(candidate));
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
  return Error{Code::NotFound, fmt::format("model: '{}' is not offered here", wanted)};
}

}  // namespace llm
