#pragma once

#include <cstddef>
#include <cstdint>

#include "base/fields.h"
#include "base/ids.h"

// How long a person would take before his line stands in the channel. Pure; thread-safe.
namespace coordinator {

struct DelayOptions {
  double scale = 1;  // shortens (or stretches) the result and nothing else; 0: no delay
  double reading_words_per_minute = 250;
  double typing_ms_per_byte = 20;
  double base_ms = 300;
  double later = 1.5;   // factor of the second follow-up and those after it
  double jitter = 0.2;  // plus or minus
  double ms_min = 1500;
  double ms_max = 8000;

  static void fields(auto& self, auto&& visit) {
    visit("scale", self.scale, Field{.min = 0, .max = 100, .defaulted = true});
    visit("reading_words_per_minute", self.reading_words_per_minute,
          Field{.min = 1, .max = 100'000, .defaulted = true});
    visit("typing_ms_per_byte", self.typing_ms_per_byte,
          Field{.min = 0, .max = 1000, .defaulted = true});
    visit("base_ms", self.base_ms, Field{.min = 0, .max = 60'000, .defaulted = true});
    visit("later", self.later, Field{.min = 0, .max = 100, .defaulted = true});
    visit("jitter", self.jitter, Field{.min = 0, .max = 1, .defaulted = true});
    visit("ms_min", self.ms_min, Field{.min = 0, .max = 60'000, .defaulted = true});
    visit("ms_max", self.ms_max, Field{.min = 0, .max = 600'000, .defaulted = true});
  }
  friend bool operator==(const DelayOptions&, const DelayOptions&) = default;
};

// Reading a line of `incoming` bytes, then typing one of about `outgoing`: about 4 s for two lines
// of ten words, 6 s for a later follow-up (`bot_lines` counts those since a person spoke).
std::int64_t delay_ms(std::size_t incoming, std::size_t outgoing, int bot_lines, Random& random,
                      const DelayOptions& options);

}  // namespace coordinator
