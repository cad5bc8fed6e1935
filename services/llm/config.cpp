#include "llm/config.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"
#include "llm/reach.h"

namespace llm {
namespace {

constexpr std::string_view kOpenAiUrl = "https://api.openai.com/v1";
constexpr std::string_view kAnthropicUrl = "https://api.anthropic.com/v1";
constexpr std::string_view kAnthropicKey = "ANTHROPIC_API_KEY";
constexpr std::string_view kAnthropicModel = "claude-3-5-haiku-latest";
constexpr std::string_view kOpenAiKey = "OPENAI_API_KEY";
constexpr std::string_view kOpenAiModel = "gpt-4o-mini";  // of some hundred, when none is named

bool is_variable_name(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
  };
  return letter(name.front()) && std::all_of(name.begin(), name.end(), [&](char c) {
           return letter(c) || (c >= '0' && c <= '9');
         });
}

// Ollama's own variable is often written without a scheme.
std::string with_scheme(const std::string& url) {
  return url.find("://") == std::string::npos ? "http://" + url : url;
}

class Assembly {
 public:
  Assembly(const Config& config, const Variables& variables)
      : config_(config), variables_(variables) {}

  Result<ChainOptions> run() {
    for (const Config::Provider& provider : config_.providers) TRY(add_configured(provider));
    add_ollama();
    if (config_.chain.empty()) {
      for (const Config::Provider& provider : config_.providers) {
        if (provider.kind != ProviderKind::Understudy) options_.chain.push_back(provider.name);
      }
    } else {
      options_.chain = config_.chain;
    }
    add_openai();
    add_anthropic();
    add_understudy();
    options_.default_model = config_.default_model;
    options_.embed_model = config_.embed_model;
    options_.ca_file = config_.ca_file;
    options_.num_ctx = config_.num_ctx;
    options_.keep_alive = config_.keep_alive;
    options_.first_token = Milliseconds(config_.first_token_timeout_ms);
    options_.whole = Milliseconds(config_.whole_timeout_ms);
    options_.idle = Milliseconds(config_.idle_timeout_ms);
    options_.total = Milliseconds(config_.total_timeout_ms);
    options_.health_every = Milliseconds(config_.health_every_ms);
    options_.cache_ttl = Milliseconds(config_.cache_ttl_ms);
    options_.prices = config_.prices;
    options_.routes = config_.routes;
    options_.semantic = config_.semantic;
    return std::move(options_);
  }

 private:
  bool has(std::string_view name) const {
    return std::any_of(options_.providers.begin(), options_.providers.end(),
                       [&](const auto& provider) { return provider.name == name; });
  }
  bool chain_names(std::string_view name) const {
    return std::find(config_.chain.begin(), config_.chain.end(), name) != config_.chain.end();
  }

  void give_key(ProviderOptions& provider, const std::string& variable) const {
    provider.key = trimmed(variables_(variable));
    const bool sendable = std::all_of(provider.key.begin(), provider.key.end(),
                                      [](char c) { return c > 0x20 && c < 0x7f; });
    if (provider.key.empty()) provider.barred = Barred{"no_key", variable + " is not set"};
    if (!sendable) {
      provider.key.clear();
      provider.barred = Barred{"no_key", variable + " holds what can be no key"};
    }
  }

  Result<void> add_configured(const Config::Provider& config) {
    ProviderOptions provider{.name = config.name,
                             .kind = config.kind,
                             .url = config.url,
                             .models = config.models,
                             .concurrency = config.concurrency,
                             .num_ctx = config.num_ctx,
                             .keep_alive = config.keep_alive,
                             .more_urls = config.urls};
    if (provider.url.empty() && !provider.more_urls.empty()) {
      provider.url = provider.more_urls.front();
      provider.more_urls.erase(provider.more_urls.begin());
    }
    if (config.kind == ProviderKind::OpenAi && provider.url.empty()) provider.url = kOpenAiUrl;
    if (config.kind == ProviderKind::Anthropic && provider.url.empty()) {
      provider.url = kAnthropicUrl;
    }
    if (!config.key_env.empty()) {
      // A key that was written here by mistake is not repeated.
      if (!is_variable_name(config.key_env)) {
        return Error{Code::InvalidArgument,
                     fmt::format("providers: {}: key_env must be the name of an environment "
                                 "variable",
                                 config.name)};
      }
      give_key(provider, config.key_env);
    }
    options_.providers.push_back(std::move(provider));
    return {};
  }

  void add_ollama() {
    if (config_.ollama_url.empty() || has("ollama")) return;
    ProviderOptions provider{.name = "ollama",
                             .kind = ProviderKind::Ollama,
                             .url = with_scheme(config_.ollama_url),
                             .models = {}};
    if (leaves_network(provider.url) && !config_.allow_cloud && !chain_names("ollama")) {
      provider.barred = Barred{"not_allowed",
                               "its host is beyond this network: name it in the providers of llm, "
                               "or set TROUPE_LLM_ALLOW_CLOUD=1"};
    }
    options_.providers.push_back(std::move(provider));
    if (config_.chain.empty()) options_.chain.emplace_back("ollama");
  }

  void add_openai() {
    if (has("openai")) return;
    const std::string key_variable(kOpenAiKey);
    const bool key = !variables_(key_variable).empty();
    ProviderOptions provider{
        .name = "openai",
        .kind = ProviderKind::OpenAi,
        .url = config_.openai_url.empty() ? std::string(kOpenAiUrl) : config_.openai_url,
        .models = {},
        .usual_model = std::string(kOpenAiModel)};
    const bool cloud = key || leaves_network(provider.url);
    const bool wanted = key || !config_.openai_url.empty();
    if (!chain_names("openai") && (!wanted || (cloud && !config_.allow_cloud))) return;
    if (cloud) give_key(provider, key_variable);
    options_.providers.push_back(std::move(provider));
    if (config_.chain.empty()) options_.chain.emplace_back("openai");
  }

  // It is always beyond this network, so only the chain or the leave to go
  // there brings it in.
  void add_anthropic() {
    if (has("anthropic")) return;
    const std::string key_variable(kAnthropicKey);
    const bool wanted = config_.allow_cloud && !variables_(key_variable).empty();
    if (!chain_names("anthropic") && !wanted) return;
    ProviderOptions provider{.name = "anthropic",
                             .kind = ProviderKind::Anthropic,
                             .url = std::string(kAnthropicUrl),
                             .models = {},
                             .usual_model = std::string(kAnthropicModel)};
    give_key(provider, key_variable);
    options_.providers.push_back(std::move(provider));
    if (config_.chain.empty()) options_.chain.emplace_back("anthropic");
  }

  void add_understudy() {
    const auto& all = options_.providers;
    const auto found = std::find_if(all.begin(), all.end(), [](const auto& provider) {
      return provider.kind == ProviderKind::Understudy;
    });
    const std::string stand_in = found == all.end() ? "understudy" : found->name;
    if (found == all.end()) {
      options_.providers.push_back({.name = stand_in,
                                    .kind = ProviderKind::Understudy,
                                    .url = {},
                                    .models = {},
                                    .concurrency = 1});
    }
    if (config_.chain.empty()) options_.chain.push_back(stand_in);
  }

  const Config& config_;
  const Variables& variables_;
  ChainOptions options_;
};

}  // namespace

Result<ChainOptions> chain_options(const Config& config, const Variables& variables) {
  return Assembly(config, variables).run();
}

}  // namespace llm
