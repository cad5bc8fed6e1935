#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "coordinator/company.h"

namespace coordinator {

// The characters as the characters service last told them; kept while it is away. Thread-safe.
class Cast {
 public:
  using Snapshot = std::shared_ptr<const Company>;

  Snapshot snapshot() const;
  void replace(std::vector<contracts::Character> characters);

  // The characters with these ids; one that is not known has its id for a name and no topics.
  Snapshot with_ids(const std::vector<std::string>& ids) const;
  // The same, whatever their order, made once for as long as the cast stays: of those who are in a
  // channel.
  Snapshot among(std::vector<std::string> ids) const;

 private:
  mutable std::mutex mutex_;
  Snapshot company_ = std::make_shared<const Company>();
  mutable std::map<std::vector<std::string>, Snapshot> parts_;  // of company_
};

}  // namespace coordinator
