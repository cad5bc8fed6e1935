#include "integration/tiny_service/counter.h"

namespace tiny {

constexpr std::size_t kNamesMax = 3;

Result<Counted> Counter::count(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (counts_.size() == kNamesMax && !counts_.contains(name)) {
    return Error{Code::Overloaded, "name: too many names are counted for"};
  }
  return Counted{counts_[name] += step_};
}

}  // namespace tiny
