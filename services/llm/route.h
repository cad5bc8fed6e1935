#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fields.h"
#include "llm/intent.h"

// Which models may answer a prompt whose model is "auto", best first. Tables are config; the choice
// is pure.
namespace llm {

enum class LatencyTarget { UltraLow, Low, Standard, Quality };

constexpr auto enum_names(LatencyTarget) {
  return EnumNames<LatencyTarget, 4>{{{LatencyTarget::UltraLow, "ultra_low"},
                                      {LatencyTarget::Low, "low"},
                                      {LatencyTarget::Standard, "standard"},
                                      {LatencyTarget::Quality, "quality"}}};
}

struct RouteTable {
  // A model that "auto" may choose.
  struct Model {
    std::string name;
    int context_tokens = 8192;

    static void fields(auto& self, auto&& visit) {
      visit("name", self.name, Field{.bytes_min = 1, .bytes_max = 128});
      visit("context_tokens", self.context_tokens, Field{.min = 256, .max = 10'000'000});
    }
    friend bool operator==(const Model&, const Model&) = default;
  };

  // A name for several models, by which model_hint may ask: "fast".
  struct Tier {
    std::string name;
    std::vector<std::string> models;

    static void fields(auto& self, auto&& visit) {
      visit("name", self.name, Field{.bytes_min = 1, .bytes_max = 64});
      visit("models", self.models, Field{.bytes_max = 128, .items_max = 16});
    }
    friend bool operator==(const Tier&, const Tier&) = default;
  };

  std::vector<Model> models{{"gemma:2b", 8192},       {"phi3:3.8b", 4096},
                            {"qwen2.5:3b", 32'768},   {"mistral:7b", 8192},
                            {"llama3.2:3b", 131'072}, {"llama3.2:8b", 131'072},
                            {"llama3.2:70b", 131'072}};
  std::vector<Tier> tiers{
      {"fast", {"llama3.2:3b"}}, {"balanced", {"llama3.2:8b"}}, {"powerful", {"llama3.2:70b"}}};
  // By what the prompt wants, best first; the rest of `models` stands behind, for what is too long.
  std::vector<std::string> quick{"gemma:2b"};
  std::vector<std::string> chat{"phi3:3.8b", "gemma:2b"};
  std::vector<std::string> quality{"mistral:7b"};
  std::vector<std::string> code{"mistral:7b"};
  std::vector<std::string> long_context{"qwen2.5:3b"};
  int long_context_tokens = 8192;  // of a prompt: above, long_context comes first
  double confidence_min = 0.4;     // of a guess: below, the prompt counts as chat

  static void fields(auto& self, auto&& visit) {
    const Field names{.bytes_max = 128, .items_max = 16, .defaulted = true};
    visit("models", self.models, Field{.items_max = 64, .defaulted = true});
    visit("tiers", self.tiers, Field{.items_max = 16, .defaulted = true});
    visit("quick", self.quick, names);
    visit("chat", self.chat, names);
    visit("quality", self.quality, names);
    visit("code", self.code, names);
    visit("long_context", self.long_context, names);
    visit("long_context_tokens", self.long_context_tokens,
          Field{.min = 256, .max = 10'000'000, .defaulted = true});
    visit("confidence_min", self.confidence_min, Field{.min = 0, .max = 1, .defaulted = true});
  }
  friend bool operator==(const RouteTable&, const RouteTable&) = default;
};

struct RouteAsk {
  Guess guess;                     // of the last thing that the person said
  std::int64_t prompt_tokens = 0;  // of the whole prompt, estimated
  std::int64_t max_tokens = 0;     // of the answer; 0: not said
  LatencyTarget latency = LatencyTarget::Standard;
  std::string model_hint = {};  // a model's or a tier's name; empty: none
};

// The models whose context holds the prompt and max_tokens, best first, each once; none when no
// context is large enough. A hint comes first; then what latency asks (ultra_low: the quick ones,
// quality: the quality ones, low: what the guess says, but quick instead of quality); then the
// guess; then all others by context, the smallest first.
std::vector<std::string> models_for(const RouteAsk& ask, const RouteTable& table);

}  // namespace llm
