#include "quality/readings.h"

#include <utility>

namespace quality {

Reading::Reading(std::string_view text_in)
    : raw(text_in),
      text(read_text(raw)),
      stems(distinct_stems(text)),
      content(content_stems(text)),
      numbers(read_numbers(text)),
      matter(read_matter(text)) {}

std::shared_ptr<const Reading> Readings::of(std::string_view text) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = young_.find(text); found != young_.end()) return found->second;
    if (const auto found = old_.find(text); found != old_.end()) {
      auto reading = found->second;
      keep(reading);
      return reading;
    }
  }
  auto reading = std::make_shared<const Reading>(text);
  const std::lock_guard lock(mutex_);
  keep(reading);
  return reading;
}

void Readings::keep(std::shared_ptr<const Reading> reading) {
  if (young_bytes_ + reading->raw.size() > kBytesMax) {
    old_ = std::exchange(young_, {});
    young_bytes_ = 0;
  }
  // Its own text is the key, so the map needs no copy.
  const std::string_view text = reading->raw;
  if (young_.emplace(text, std::move(reading)).second) young_bytes_ += text.size() + 64;
}

}  // namespace quality
