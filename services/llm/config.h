#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/fields.h"
#include "llm/accounts.h"
#include "llm/chain.h"

namespace llm {

struct Config {
  static constexpr int kPort = 6001;

  // One model provider, as DESIGN section 10 writes it.
  struct Provider {
    std::string name;
    ProviderKind kind = ProviderKind::Ollama;
    std::string url;
    std::vector<std::string> urls;  // further servers that have the same models
    std::string key_env;            // the variable that holds the key, never the key itself
    std::vector<std::string> models;
    int concurrency = 5;
    int num_ctx = 0;         // 0: of Ollama, that of the service; of others, not known
    std::string keep_alive;  // empty: that of the service

    static void fields(auto& self, auto&& visit) {
      visit("name", self.name, Field{.bytes_min = 1, .bytes_max = 64});
      visit("kind", self.kind);
      visit("url", self.url, Field{.bytes_max = 500, .defaulted = true});
      visit("urls", self.urls, Field{.bytes_max = 500, .items_max = 64, .defaulted = true});
      visit("key_env", self.key_env, Field{.bytes_max = 128, .defaulted = true});
      visit("models", self.models, Field{.bytes_max = 128, .items_max = 64, .defaulted = true});
      visit("concurrency", self.concurrency, Field{.min = 1, .max = 1000, .defaulted = true});
      visit("num_ctx", self.num_ctx, Field{.min = 0, .max = 10'000'000, .defaulted = true});
      visit("keep_alive", self.keep_alive, Field{.bytes_max = 16, .defaulted = true});
    }
    friend bool operator==(const Provider&, const Provider&) = default;
  };

  std::string ollama_url;
  std::string openai_url;
  bool allow_cloud = false;
  std::string default_model;
  std::string embed_model;
  std::string ca_file;
  std::string encoder;
  std::vector<Provider> providers;
  std::vector<std::string> chain;
  int num_ctx = 8192;
  std::string keep_alive = "10m";
  int first_token_timeout_ms = 15'000;
  int whole_timeout_ms = 60'000;
  int idle_timeout_ms = 15'000;
  int total_timeout_ms = 120'000;
  int health_every_ms = 30'000;
  int cache_kib = 4 * 1024;
  int cache_ttl_ms = 3'600'000;
  Accounts::Settings access;  // keys and limits, see accounts.h
  std::vector<Price> prices;
  RouteTable routes;
  SemanticSettings semantic;
  int body_kib = 16 * 1024;
  int connections = 4096;

  static void fields(auto& self, auto&& visit) {
    Accounts::Settings::fields(self.access, visit);
    visit("ollama_url", self.ollama_url,
          Field{.bytes_max = 500,
                .help = "an Ollama server to ask first, such as http://127.0.0.1:11434",
                .variable = "OLLAMA_BASE_URL"});
    visit("openai_url", self.openai_url,
          Field{.bytes_max = 500,
                .help = "a server that speaks as OpenAI does, such as "
                        "http://127.0.0.1:8000/v1",
                .variable = "OPENAI_BASE_URL OPENAI_API_BASE_URL"});
    visit("allow_cloud", self.allow_cloud,
          Field{.help = "whether OPENAI_API_KEY alone makes OpenAI a provider"});
    visit("default_model", self.default_model,
          Field{.bytes_max = 128,
                .help = "the model for \"auto\"; empty: the provider's first",
                .variable = "DEFAULT_MODEL"});
    visit("embed_model", self.embed_model,
          Field{.bytes_max = 128, .help = "the model of embeddings, such as nomic-embed-text"});
    visit("ca_file", self.ca_file,
          Field{.bytes_max = 500,
                .help = "PEM, trusted for https:// instead of the system's "
                        "authorities"});
    visit("encoder", self.encoder,
          Field{.bytes_max = 500,
                .help = "the sentence encoder's weights, for the understudy; empty: beside the"
                        " program"});
    visit("providers", self.providers, Field{.items_max = 32, .help = "all providers, as JSON"});
    visit("chain", self.chain,
          Field{.bytes_max = 64, .items_max = 32, .help = "their names in the order of trying"});
    visit("num_ctx", self.num_ctx,
          Field{.min = 512, .max = 1'000'000, .help = "context length asked of Ollama, in tokens"});
    visit("keep_alive", self.keep_alive,
          Field{.bytes_max = 16, .help = "how long Ollama keeps the model loaded"});
    visit("first_token_timeout_ms", self.first_token_timeout_ms,
          Field{.min = 10, .max = 600'000, .help = "from request to first token"});
    visit("whole_timeout_ms", self.whole_timeout_ms,
          Field{.min = 10,
                .max = 3'600'000,
                .help = "for an answer that is not streamed, before the next "
                        "provider is asked"});
    visit("idle_timeout_ms", self.idle_timeout_ms,
          Field{.min = 10, .max = 600'000, .help = "between two pieces of a stream"});
    visit("total_timeout_ms", self.total_timeout_ms,
          Field{.min = 10, .max = 3'600'000, .help = "for one request on all providers"});
    visit("health_every_ms", self.health_every_ms,
          Field{.min = 100, .max = 3'600'000, .help = "between health checks of the providers"});
    visit("cache_kib", self.cache_kib,
          Field{.min = 0, .max = 1024 * 1024, .help = "memory for answers that may be repeated"});
    visit("cache_ttl_ms", self.cache_ttl_ms,
          Field{.min = 1, .max = 86'400'000, .help = "how long an answer is kept"});
    visit("prices", self.prices,
          Field{.items_max = 256, .help = "of models, per million tokens, as JSON"});
    visit("routes", self.routes,
          Field{.help = "which models \"auto\" may choose without default_model, as JSON"});
    visit("semantic_cache", self.semantic,
          Field{.help = "whether a question that was asked in other words is answered as before,"
                        " as JSON"});
    visit("body_kib", self.body_kib,
          Field{.min = 16, .max = 256 * 1024, .help = "the largest request, images among it"});
    visit("connections", self.connections,
          Field{.min = 16, .max = 100'000, .help = "of clients at the same time"});
  }
};

// An environment variable's value, or an empty text.
using Variables = std::function<std::string(const std::string& name)>;

// The chain that the settings mean: the servers of ollama_url and of
// `providers`, OpenAI where it is allowed, and always the understudy at the
// end, so that there is an answer without any model. What leaves the own
// network joins only when `providers` or `chain` name it, or with allow_cloud:
// OPENAI_API_KEY in the environment alone sends nothing anywhere.
// InvalidArgument names the provider whose key_env is no name of a variable.
Result<ChainOptions> chain_options(const Config& config, const Variables& variables);

}  // namespace llm
