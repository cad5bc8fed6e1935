#pragma once

#include <string>
#include <vector>

#include "base/fields.h"
#include "llm/chain.h"

namespace llm {

struct Config {
  static constexpr int kPort = 6001;

  // One model provider, as DESIGN section 10 writes it.
  struct Provider {
    std::string name;
    ProviderKind kind = ProviderKind::Ollama;
    std::string url;
    std::vector<std::string> models;
    int concurrency = 5;

    static void fields(auto& self, auto&& visit) {
      visit("name", self.name, Field{.bytes_min = 1, .bytes_max = 64});
      visit("kind", self.kind);
      visit("url", self.url, Field{.bytes_max = 500, .defaulted = true});
      visit("models", self.models, Field{.bytes_max = 128, .items_max = 64, .defaulted = true});
      visit("concurrency", self.concurrency, Field{.min = 1, .max = 1000, .defaulted = true});
    }
    friend bool operator==(const Provider&, const Provider&) = default;
  };

  std::string ollama_url;
  std::string default_model;
  std::vector<Provider> providers;
  std::vector<std::string> chain;
  int num_ctx = 8192;
  std::string keep_alive = "10m";
  int first_token_timeout_ms = 15'000;
  int idle_timeout_ms = 15'000;
  int total_timeout_ms = 120'000;
  int health_every_ms = 30'000;
  int cache_kib = 4 * 1024;
  int cache_ttl_ms = 3'600'000;

  static void fields(auto& self, auto&& visit) {
    visit("ollama_url", self.ollama_url,
          Field{.bytes_max = 500,
                .help = "an Ollama server to ask first, such as http://127.0.0.1:11434",
                .variable = "OLLAMA_BASE_URL"});
    visit("default_model", self.default_model,
          Field{.bytes_max = 128,
                .help = "the model for \"auto\"; empty: the provider's first",
                .variable = "DEFAULT_MODEL"});
    visit("providers", self.providers, Field{.items_max = 32, .help = "all providers, as JSON"});
    visit("chain", self.chain,
          Field{.bytes_max = 64, .items_max = 32, .help = "their names in the order of trying"});
    visit("num_ctx", self.num_ctx,
          Field{.min = 512, .max = 1'000'000, .help = "context length asked of Ollama, in tokens"});
    visit("keep_alive", self.keep_alive,
          Field{.bytes_max = 16, .help = "how long Ollama keeps the model loaded"});
    visit("first_token_timeout_ms", self.first_token_timeout_ms,
          Field{.min = 10, .max = 600'000, .help = "from request to first token"});
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
  }
};

// The chain that the settings mean: an Ollama server when one is named, and always the understudy
// at the end, so that there is an answer without any model.
ChainOptions chain_options(const Config& config);

}  // namespace llm
