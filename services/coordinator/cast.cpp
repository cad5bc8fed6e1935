#include "coordinator/cast.h"

#include <algorithm>
#include <utility>

namespace coordinator {

Cast::Snapshot Cast::snapshot() const {
  const std::lock_guard lock(mutex_);
  return characters_;
}

void Cast::replace(std::vector<contracts::Character> characters) {
  auto fresh = std::make_shared<const std::vector<contracts::Character>>(std::move(characters));
  const std::lock_guard lock(mutex_);
  characters_ = std::move(fresh);
}

std::vector<contracts::Character> Cast::with_ids(const std::vector<std::string>& ids) const {
  const Snapshot known = snapshot();
  std::vector<contracts::Character> chosen;
  for (const std::string& id : ids) {
    const auto found = std::find_if(known->begin(), known->end(),
                                    [&](const auto& character) { return character.id == id; });
    if (found != known->end()) {
      chosen.push_back(*found);
    } else {
      contracts::Character stranger;
      stranger.id = id;
      stranger.name = id;
      chosen.push_back(std::move(stranger));
    }
  }
  return chosen;
}

}  // namespace coordinator
