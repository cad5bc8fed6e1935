#include "llm/config.h"

#include <algorithm>

namespace llm {

ChainOptions chain_options(const Config& config) {
  ChainOptions options;
  for (const Config::Provider& provider : config.providers) {
    options.providers.push_back(
        {provider.name, provider.kind, provider.url, provider.models, provider.concurrency});
  }
  const auto named = [&](std::string_view name) {
    return std::any_of(options.providers.begin(), options.providers.end(),
                       [&](const auto& provider) { return provider.name == name; });
  };
  options.chain = config.chain;
  if (!config.ollama_url.empty() && !named("ollama")) {
    // Ollama's own variable is often written without a scheme.
    const bool bare = config.ollama_url.find("://") == std::string::npos;
    options.providers.push_back(
        {"ollama", ProviderKind::Ollama, (bare ? "http://" : "") + config.ollama_url, {}, 5});
    if (config.chain.empty()) options.chain.emplace_back("ollama");
  }
  if (config.chain.empty()) {
    for (const Config::Provider& provider : config.providers) {
      if (provider.kind != ProviderKind::Understudy) options.chain.push_back(provider.name);
    }
  }
  const auto understudy =
      std::find_if(options.providers.begin(), options.providers.end(),
                   [](const auto& provider) { return provider.kind == ProviderKind::Understudy; });
  const std::string stand_in =
      understudy == options.providers.end() ? "understudy" : understudy->name;
  if (understudy == options.providers.end()) {
    options.providers.push_back({stand_in, ProviderKind::Understudy, "", {}, 1});
  }
  if (config.chain.empty()) options.chain.push_back(stand_in);
  options.default_model = config.default_model;
  options.num_ctx = config.num_ctx;
  options.keep_alive = config.keep_alive;
  options.first_token = Milliseconds(config.first_token_timeout_ms);
  options.idle = Milliseconds(config.idle_timeout_ms);
  options.total = Milliseconds(config.total_timeout_ms);
  options.health_every = Milliseconds(config.health_every_ms);
  return options;
}

}  // namespace llm
