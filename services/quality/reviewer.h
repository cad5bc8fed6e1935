#pragma once

#include <cstdint>

#include "base/fields.h"
#include "base/result.h"
#include "contracts/quality.h"
#include "quality/profile.h"

namespace quality {

// Decides whether a drafted line may be said, and what is wrong with it.
//
// Rules first, scores after: a critical finding rejects whatever the score, a major one caps the
// score under the warm threshold. Caps scale the components, so the score is always their weighted
// sum. Pure but for the view of the cast, so the same request gives the same answer; thread-safe.
class Reviewer {
 public:
  struct Weights {
    double authenticity = 25;
    double flow = 30;
    double engagement = 20;
    double grounding = 20;
    double safety = 5;

    static void fields(auto& self, auto&& visit) {
      const Field weight{.min = 0, .max = 1000, .defaulted = true};
      visit("authenticity", self.authenticity, weight);
      visit("flow", self.flow, weight);
      visit("engagement", self.engagement, weight);
      visit("grounding", self.grounding, weight);
      visit("safety", self.safety, weight);
    }
    friend bool operator==(const Weights&, const Weights&) = default;
  };

  // The score that a line needs, by lines said in the channel in the last 24 h.
  struct Thresholds {
    double cold = 30;  // 0 to 6 lines
    double warm = 60;  // 7 to 20 lines
    double hot = 75;   // 21 lines and more
    double organic_extra = 2;
    std::int64_t warm_from = 7;
    std::int64_t hot_from = 21;

    static void fields(auto& self, auto&& visit) {
      const Field score{.min = 0, .max = 100, .defaulted = true};
      const Field lines{.min = 0, .max = 1e9, .defaulted = true};
      visit("cold", self.cold, score);
      visit("warm", self.warm, score);
      visit("hot", self.hot, score);
      visit("organic_extra", self.organic_extra, score);
      visit("warm_from", self.warm_from, lines);
      visit("hot_from", self.hot_from, lines);
    }
    friend bool operator==(const Thresholds&, const Thresholds&) = default;
  };

  struct Options {
    Weights weights;
    Thresholds thresholds;
    double major_cap = 55;     // the most that a line with a major finding scores
    double critical_cap = 25;  // and with a critical one
  };

  // `view` must outlive the reviewer.
  Reviewer(Options options, const CastView& view) : options_(options), view_(view) {}

  // A rejected draft is an assessment, not an error. NotFound for a character that is not in the
  // cast; Unavailable as long as the cast has never been read.
  Result<contracts::Assessment> assess(const contracts::AssessRequest& request) const;

  // Whose voice a line is in; probabilities by character id.
  Result<contracts::VoiceScores> voice(const contracts::VoiceRequest& request) const;

  const Options& options() const { return options_; }

  // What the request's line must score.
  double threshold(const contracts::AssessRequest& request) const;

 private:
  Options options_;
  const CastView& view_;
};

}  // namespace quality
