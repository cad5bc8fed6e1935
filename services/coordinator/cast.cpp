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

}  // namespace coordinator
