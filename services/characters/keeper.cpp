#include "characters/keeper.h"

#include <utility>

#include "telemetry/log.h"

namespace characters {

void Keeper::poll() {
  look();
  deliver();
}

void Keeper::look() {
  const auto reloaded = library_.reload();
  const bool was_readable = std::exchange(folder_readable_, reloaded.ok());
  if (!reloaded) {
    if (was_readable) {
      telemetry::warn("card folder unreadable", {{"error", reloaded.error().message}});
    }
    return;
  }
  for (const auto& [file, error] : reloaded.value().problems) {
    telemetry::warn("card refused", {{"file", file}, {"error", error.message}});
  }
  for (const auto& change : reloaded.value().changes) {
    telemetry::info(change.removed ? "character removed" : "character loaded",
                    {{"character", change.id}});
    outside_.announce(change);
    pending_.insert(change.id);
  }
}

// Stops at the first passing failure: with the retriever away the others would wait as long.
void Keeper::deliver() {
  const auto cast = library_.cast();
  while (!pending_.empty()) {
    const std::string id = *pending_.begin();
    const auto delivered = deliver(id, cast->find(id));
    if (!delivered && retryable(delivered.error().code)) {
      if (delivery_.exchange(Delivery::RetrieverAway) != Delivery::RetrieverAway) {
        telemetry::info("knowledge waits for the retriever",
                        {{"error", delivered.error().message}});
      }
      return;
    }
    if (!delivered) {
      telemetry::error("knowledge refused",
                       {{"character", id}, {"error", delivered.error().message}});
    }
    pending_.erase(id);
    delivery_ = Delivery::UnderWay;
  }
  delivery_ = Delivery::Done;
}

Result<void> Keeper::deliver(const std::string& id, const Member* member) {
  if (member == nullptr || member->knowledge.empty()) return outside_.forget(id);
  TRY(outside_.teach(*member));
  telemetry::info("knowledge delivered", {{"character", id}});
  return {};
}

}  // namespace characters
