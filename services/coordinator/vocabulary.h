#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "contracts/characters.h"

namespace coordinator {

// What characters talk about beyond the topics of their cards: words that stand in one's own lines
// and hardly in another's. Immutable: thread-safe.
class Vocabulary {
 public:
  using Stems = std::set<std::string, std::less<>>;

  explicit Vocabulary(const std::vector<contracts::Character>& cast);

  // How much of what is said is this one's talk, 0 to 1: a weak hint, which sums as independent
  // chances do (noisy or).
  double interest(std::size_t who, const Stems& said) const;

 private:
  std::unordered_map<std::string, std::size_t> owners_;  // stem -> place in the cast
};

}  // namespace coordinator
