#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fields.h"
#include "base/limits.h"
#include "tuning/arms.h"

namespace tuning {

// A variant as the configuration names it; its weight is learned.
struct VariantSetting {
  std::string id;
  std::string text;
  std::optional<double> temperature;
  std::optional<double> top_p;

  static void fields(auto& self, auto&& visit) {
    visit("id", self.id, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("text", self.text, Field{.bytes_max = 1000, .defaulted = true});
    visit("temperature", self.temperature, Field{.min = 0, .max = 2});
    visit("top_p", self.top_p, Field{.min = 0, .max = 1});
  }
  friend bool operator==(const VariantSetting&, const VariantSetting&) = default;
};

inline std::vector<VariantSetting> default_variants() {
  return {
      {"plain", "", std::nullopt, std::nullopt},
      {"brief", "Answer in one or two short sentences.", 0.6, std::nullopt},
      {"reactive", "React first to what was just said, then answer.", 0.8, std::nullopt},
      {"curious", "End with a short question back.", 0.9, std::nullopt},
  };
}

struct Config {
  static constexpr int kPort = 6004;

  std::vector<VariantSetting> variants = default_variants();
  std::map<std::string, std::vector<std::string>> retry_hints;
  WeightOptions weights;
  double slow_ratio = 1.5;
  int retention_days = 365;
  int characters_max = 1000;
  int opinions_waiting_max = 10'000;

  static void fields(auto& self, auto&& visit) {
    visit("variants", self.variants,
          Field{.items_max = 16, .help = "ways of drafting, the baseline first, as a list"});
    visit("retry_hints", self.retry_hints,
          Field{.bytes_max = 1000,
                .items_max = 16,
                .help = "texts against a fault, instead of our own, as an object of lists"});
    visit(
        "prior_wins", self.weights.prior_wins,
        Field{.min = 0.01, .max = 1000, .help = "what is believed of a variant before its first"});
    visit("prior_losses", self.weights.prior_losses,
          Field{.min = 0.01, .max = 1000, .help = "turn, in turns that went well and did not"});
    visit("exploration_floor", self.weights.floor,
          Field{.min = 0, .max = 0.5, .help = "the share of turns that every variant keeps"});
    visit("memory_turns", self.weights.memory,
          Field{.min = 10, .max = 10'000, .help = "a belief gets no sharper than so many turns"});
    visit("slow_ratio", self.slow_ratio,
          Field{.min = 1, .max = 100, .help = "times the baseline's time that is too slow"});
    visit("retention_days", self.retention_days,
          Field{.min = 1, .max = 3650, .help = "how long outcomes are kept"});
    visit("characters_max", self.characters_max,
          Field{.min = 1, .max = 100'000, .help = "characters that are learned about"});
    visit("opinions_waiting_max", self.opinions_waiting_max,
          Field{.min = 1, .max = 1e6, .help = "opinions on turns that are not here yet"});
  }
};

}  // namespace tuning
