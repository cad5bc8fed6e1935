#pragma once

#include <memory>
#include <mutex>
#include <string_view>

#include "contracts/retriever.h"
#include "retriever/index.h"

namespace retriever {

// How queries are answered, changed by operators at run time. What they named is kept by the index
// and outlives the process; of the rest the configuration decides. Thread-safe.
class Settings {
 public:
  // `index` must outlive it. DataLoss when what is kept makes no sense.
  static Result<std::unique_ptr<Settings>> open(Index& index, contracts::RagSettings configured);

  contracts::RagSettings now() const;

  // Changes what a JSON object names; all of it or, on an error, nothing. Of what it names as null
  // the configuration decides again. On disk when it returns.
  Result<contracts::RagSettings> change(std::string_view object);

 private:
  Settings(Index& index, contracts::RagSettings configured)
      : index_(index), configured_(configured) {}

  Index& index_;
  const contracts::RagSettings configured_;
  std::mutex changing_;  // operators take turns, also on the disk; nobody who reads waits for them
  mutable std::mutex mutex_;
  contracts::ChangeRagSettings kept_;
};

}  // namespace retriever
