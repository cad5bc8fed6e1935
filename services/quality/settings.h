#pragma once

#include <string>
#include <string_view>

#include "contracts/quality.h"
#include "quality/reviewer.h"

namespace quality {

// Whether lines can be judged by these: weights and parts sum to 100, thresholds and bands rise and
// can be reached.
// InvalidArgument names the member.
Result<void> usable(const contracts::ReviewSettings& settings);

// The settings of a reviewer, changed by operators. What they named is kept in a file of its own
// and outlives the process; of the rest the configuration decides. Not thread-safe: one caller at a
// time changes them.
class Settings {
 public:
  // `reviewer` must outlive it. What the file says is in force when this returns; without a file
  // the reviewer's own stay.
  static Result<Settings> open(std::string file, Reviewer& reviewer);

  // Changes what a JSON object names; all of it or, on an error, nothing. Of what it names as null
  // the configuration decides again. On disk when it returns.
  Result<contracts::ReviewSettings> change(std::string_view object);

 private:
  Settings(std::string file, Reviewer& reviewer)
      : file_(std::move(file)), reviewer_(&reviewer), configured_(*reviewer.options()) {}

  std::string file_;
  Reviewer* reviewer_;
  contracts::ReviewSettings configured_;
  std::string kept_ = "{}";  // what the file says: a JSON object of what was named
};

}  // namespace quality
