#pragma once

#include <string>
#include <string_view>

#include "contracts/quality.h"
#include "quality/reviewer.h"

namespace quality {

// Whether lines can be judged by these: weights and parts sum to 100, thresholds and bands rise.
// InvalidArgument names the member.
Result<void> usable(const contracts::ReviewSettings& settings);

// The settings of a reviewer, changed by operators and kept in a file of their own, so that they
// outlive the process. Not thread-safe: one caller at a time changes them.
class Settings {
 public:
  // `reviewer` must outlive it. What the file says is in force when this returns; without a file
  // the reviewer's own stay.
  static Result<Settings> open(std::string file, Reviewer& reviewer);

  // Changes what a JSON object names; all of it or, on an error, nothing. On disk when it returns.
  Result<contracts::ReviewSettings> change(std::string_view object);

 private:
  Settings(std::string file, Reviewer& reviewer) : file_(std::move(file)), reviewer_(&reviewer) {}

  std::string file_;
  Reviewer* reviewer_;
};

}  // namespace quality
