#include "coordinator/delays.h"

#include <algorithm>
#include <cmath>

namespace coordinator {

std::int64_t delay_ms(std::size_t incoming, std::size_t outgoing, int bot_lines, Random& random,
                      const DelayOptions& options) {
  constexpr double kBytesPerWord = 5.5;  // with the space
  const double reading =
      static_cast<double>(incoming) / kBytesPerWord * 60'000 / options.reading_words_per_minute;
  const double typing = static_cast<double>(outgoing) * options.typing_ms_per_byte;
  double ms = options.base_ms + reading + typing;
  if (bot_lines > 1) ms *= options.later;
  ms *= 1 + options.jitter * (2 * random.uniform() - 1);
  ms = std::min(std::max(ms, options.ms_min), options.ms_max) * options.scale;
  return static_cast<std::int64_t>(std::llround(ms));
}

}  // namespace coordinator
