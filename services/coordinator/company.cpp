#include "coordinator/company.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "lexical/analyser.h"

namespace coordinator {
namespace {

std::uint64_t next_id() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

Company::Company(std::vector<contracts::Character> cast)
    : cast_(std::move(cast)), names_(cast_), vocabulary_(cast_), id_(next_id()) {
  for (const contracts::Character& character : cast_) {
    std::vector<Topic>& topics = topics_.emplace_back();
    for (const auto& [words, affinity] : character.topics) {
      topics.push_back({lexical::content_stems(words), std::clamp(affinity, 0.0, 1.0)});
    }
  }
}

}  // namespace coordinator
