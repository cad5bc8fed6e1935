#include "retry/policy.h"

#include <cmath>

namespace retry {

Milliseconds delay(const Policy& policy, int failures, Random& random) {
  const double raw =
      static_cast<double>(policy.base.count()) * std::pow(policy.factor, std::max(0, failures - 1));
  const double capped = std::min(raw, static_cast<double>(policy.max.count()));
  const double drawn = policy.jitter ? capped * (0.5 + 0.5 * random.uniform()) : capped;
  return Milliseconds(static_cast<std::int64_t>(drawn));
}

}  // namespace retry
