#include "llm/understudy_meaning.h"

#include <utility>

#include "base/ids.h"
#include "telemetry/log.h"

namespace llm::understudy {

bool Meanings::there() {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(opened_, true)) {
    auto opened = encoder::Encoder::open(file_);
    if (opened) {
      encoder_ = std::move(opened).value();
    } else {
      telemetry::warn("understudy goes by words alone", {{"why", opened.error().message}});
    }
  }
  return encoder_.has_value();
}

std::size_t Meanings::kept() {
  const std::lock_guard lock(mutex_);
  return kept_.size() + older_.size();
}

Meanings::VectorRef Meanings::vector(std::string_view sentence) {
  const std::uint64_t key = hash64(sentence);
  {
    const std::lock_guard lock(mutex_);
    for (auto* const half : {&kept_, &older_}) {
      const auto found = half->find(key);
      if (found == half->end()) continue;
      const VectorRef vector = found->second;
      if (half == &kept_) return vector;
      if (kept_.size() >= kKeptMax / 2) older_ = std::exchange(kept_, {});
      kept_.emplace(key, vector);
      return vector;
    }
  }
  auto made = std::make_shared<const encoder::Vector>(encoder_->encode(sentence));
  const std::lock_guard lock(mutex_);
  // What was not asked for during half of the keeping goes.
  if (kept_.size() >= kKeptMax / 2) older_ = std::exchange(kept_, {});
  kept_.emplace(key, made);
  return made;
}

std::vector<float> Meanings::nearness(std::string_view question,
                                      const std::vector<std::string>& sentences) {
  std::vector<float> near;
  if (!there()) return near;
  const VectorRef asked = vector(question);
  for (const std::string& sentence : sentences) {
    near.push_back(encoder::similarity(*asked, *vector(sentence)));
  }
  return near;
}

}  // namespace llm::understudy
