#include "coordinator/cast.h"

#include <algorithm>
#include <utility>

namespace coordinator {

Cast::Snapshot Cast::snapshot() const {
  const std::lock_guard lock(mutex_);
  return company_;
}

void Cast::replace(std::vector<contracts::Character> characters) {
  auto fresh = std::make_shared<const Company>(std::move(characters));
  const std::lock_guard lock(mutex_);
  company_ = std::move(fresh);
  parts_.clear();
}

Cast::Snapshot Cast::with_ids(const std::vector<std::string>& ids) const {
  Snapshot known = snapshot();
  if (known->names().ids == ids) return known;
  std::vector<contracts::Character> chosen;
  for (const std::string& id : ids) {
    const auto found = std::find_if(known->cast().begin(), known->cast().end(),
                                    [&](const auto& character) { return character.id == id; });
    if (found != known->cast().end()) {
      chosen.push_back(*found);
    } else {
      contracts::Character stranger;
      stranger.id = id;
      stranger.name = id;
      chosen.push_back(std::move(stranger));
    }
  }
  return std::make_shared<const Company>(std::move(chosen));
}

Cast::Snapshot Cast::among(std::vector<std::string> ids) const {
  constexpr std::size_t kPartsMax = 64;
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  const Snapshot whole = snapshot();
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = parts_.find(ids); known != parts_.end()) return known->second;
  }
  std::vector<std::string> all = whole->names().ids;
  std::sort(all.begin(), all.end());
  Snapshot part = all == ids ? whole : with_ids(ids);
  const std::lock_guard lock(mutex_);
  if (company_ != whole) return part;  // the cast has changed meanwhile
  if (parts_.size() >= kPartsMax) parts_.clear();
  return parts_.emplace(std::move(ids), std::move(part)).first->second;
}

}  // namespace coordinator
