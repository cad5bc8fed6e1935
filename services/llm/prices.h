#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/fields.h"
#include "llm/talk.h"

namespace llm {

// What a model costs, in the operator's currency.
struct Price {
  std::string model;  // a name, or the beginning of one with * behind it
  double prompt_per_million = 0;
  double completion_per_million = 0;
  std::optional<double> cached_per_million{};  // of the prompt; not set: as the rest of it

  static void fields(auto& self, auto&& visit) {
    visit("model", self.model, Field{.bytes_min = 1, .bytes_max = 128});
    visit("prompt_per_million", self.prompt_per_million, Field{.min = 0, .max = 1e9});
    visit("completion_per_million", self.completion_per_million, Field{.min = 0, .max = 1e9});
    visit("cached_per_million", self.cached_per_million, Field{.min = 0, .max = 1e9});
  }
  friend bool operator==(const Price&, const Price&) = default;
};

// By the first price whose model it is; nothing without one.
inline double cost_of(const std::vector<Price>& prices, std::string_view model,
                      const talk::Usage& usage) {
  for (const Price& price : prices) {
    const std::string_view name = price.model;
    const bool is_it =
        name.ends_with('*') ? model.starts_with(name.substr(0, name.size() - 1)) : model == name;
    if (!is_it) continue;
    const auto cached = static_cast<double>(usage.cached);
    return ((static_cast<double>(usage.prompt) - cached) * price.prompt_per_million +
            cached * price.cached_per_million.value_or(price.prompt_per_million) +
            static_cast<double>(usage.completion) * price.completion_per_million) /
           1e6;
  }
  return 0;
}

}  // namespace llm
