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
  for (const auto& [file, id, error] : reloaded.value().problems) {
    telemetry::warn("card refused", {{"file", file}, {"error", error.message}});
  }
  for (const auto& change : reloaded.value().changes) {
    telemetry::info(change.removed ? "character removed" : "character loaded",
                    {{"character", change.id}});
    outside_.announce(change);
    const std::lock_guard lock(mutex_);
    pending_.insert(change.id);
  }
}

void Keeper::tell(const Change& change) {
  outside_.announce(change);
  const std::lock_guard lock(mutex_);
  pending_.insert(change.id);
  news_ = true;
  told_.notify_all();
}

void Keeper::wait(const std::stop_token& stop, Milliseconds at_most) {
  std::unique_lock lock(mutex_);
  told_.wait_for(lock, stop, at_most, [&] { return news_; });
  news_ = false;
}

// The first of those that wait, taken out; who is told of meanwhile comes in again.
std::string Keeper::next_pending() {
  const std::lock_guard lock(mutex_);
  if (pending_.empty()) return {};
  return pending_.extract(pending_.begin()).value();
}

// Stops at the first passing failure: with the retriever away the others would wait as long.
void Keeper::deliver() {
  for (std::string id = next_pending(); !id.empty(); id = next_pending()) {
    const auto cast = library_.cast();
    const auto delivered = deliver(id, cast->find(id));
    if (!delivered && retryable(delivered.error().code)) {
      if (delivery_.exchange(Delivery::RetrieverAway) != Delivery::RetrieverAway) {
        telemetry::info("knowledge waits for the retriever",
                        {{"error", delivered.error().message}});
      }
      const std::lock_guard lock(mutex_);
      pending_.insert(std::move(id));
      return;
    }
    if (!delivered) {
      telemetry::error("knowledge refused",
                       {{"character", id}, {"error", delivered.error().message}});
    }
    delivery_ = Delivery::UnderWay;
  }
  const std::lock_guard lock(mutex_);
  if (pending_.empty()) delivery_ = Delivery::Done;
}

Result<void> Keeper::deliver(const std::string& id, const Member* member) {
  if (member == nullptr || member->knowledge.empty()) return outside_.forget(id);
  TRY(outside_.teach(*member));
  telemetry::info("knowledge delivered", {{"character", id}});
  return {};
}

}  // namespace characters
