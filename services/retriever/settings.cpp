#include "retriever/settings.h"

#include <fmt/format.h>

#include <string>

#include "config/config.h"
#include "json/codec.h"
#include "json/patch.h"

namespace retriever {

using contracts::ChangeRagSettings;
using contracts::RagSettings;

Result<std::unique_ptr<Settings>> Settings::open(Index& index, RagSettings configured) {
  std::unique_ptr<Settings> settings(new Settings(index, configured));
  const std::string text = TRY(index.settings());
  if (text.empty()) return settings;
  const auto kept = config::changed(ChangeRagSettings{}, text);
  if (!kept) return Error(Code::DataLoss, "the settings kept: " + kept.error().message);
  settings->kept_ = kept.value();
  return settings;
}

RagSettings Settings::now() const {
  const std::lock_guard lock(mutex_);
  return {kept_.top_k.value_or(configured_.top_k),
          kept_.context_tokens.value_or(configured_.context_tokens),
          kept_.expansion.value_or(configured_.expansion)};
}

Result<RagSettings> Settings::change(std::string_view object) {
  const std::lock_guard turn(changing_);
  // Only here is it written, so reading it takes no lock.
  TRY(config::changed(kept_, object));  // names and values; null is none, so it is not merged yet
  const std::string merged = TRY(json::patched(json::encode(kept_), object));
  const ChangeRagSettings fresh = TRY(config::changed(ChangeRagSettings{}, merged));
  TRY(index_.keep_settings(json::encode(fresh)));
  {
    const std::lock_guard lock(mutex_);
    kept_ = fresh;
  }
  return now();
}

}  // namespace retriever
