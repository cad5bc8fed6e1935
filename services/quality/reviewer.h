#pragma once

#include <memory>
#include <mutex>

#include "base/result.h"
#include "contracts/quality.h"
#include "quality/profile.h"
#include "quality/readings.h"

namespace quality {

// Decides whether a drafted line may be said, and what is wrong with it.
//
// Rules first, scores after: a critical finding rejects whatever the score, a major one caps the
// score under the warm threshold. Caps scale the components, so the score is always their weighted
// sum. Pure but for the view of the cast and the settings, so the same request gives the same
// answer; thread-safe.
class Reviewer {
 public:
  using Options = contracts::ReviewSettings;

  // `view` must outlive the reviewer.
  Reviewer(const Options& options, const CastView& view)
      : options_(std::make_shared<const Options>(options)), view_(view) {}

  // A rejected draft is an assessment, not an error. NotFound for a character that is not in the
  // cast; Unavailable as long as the cast has never been read.
  Result<contracts::Assessment> assess(const contracts::AssessRequest& request) const {
    return assess(request, *options());
  }

  // Whose voice a line is in; probabilities by character id.
  Result<contracts::VoiceScores> voice(const contracts::VoiceRequest& request) const;

  // How lines are judged now. A caller that needs the same settings twice passes them on.
  std::shared_ptr<const Options> options() const;
  // From the next assessment on. They must be usable (settings.h).
  void set_options(const Options& options);
  Result<contracts::Assessment> assess(const contracts::AssessRequest& request,
                                       const Options& options) const;

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Options> options_;

  const CastView& view_;
  mutable Readings readings_;
};

// What the request's line must score.
double threshold(const contracts::AssessRequest& request,
                 const contracts::QualityThresholds& thresholds);

}  // namespace quality
