#include "quality/reviewer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/utf8.h"
#include "lexical/sentences.h"
#include "quality/components.h"
#include "quality/draft.h"
#include "quality/rules.h"

namespace quality {
namespace {

using contracts::Assessment;
using contracts::Components;
using contracts::Severity;

double rounded(double score) { return std::round(score * 100) / 100; }

double weighted(const Components& scores, const contracts::QualityWeights& weights) {
  const double all =
      weights.authenticity + weights.flow + weights.engagement + weights.grounding + weights.safety;
  if (all <= 0) return 0;
  return (scores.authenticity * weights.authenticity + scores.flow * weights.flow +
          scores.engagement * weights.engagement + scores.grounding * weights.grounding +
          scores.safety * weights.safety) /
         all;
}

Components scaled(const Components& scores, double factor) {
  return {.authenticity = rounded(scores.authenticity * factor),
          .flow = rounded(scores.flow * factor),
          .engagement = rounded(scores.engagement * factor),
          .grounding = rounded(scores.grounding * factor),
          .safety = rounded(scores.safety * factor)};
}

Error never_read() { return {Code::Unavailable, "characters: the cast has not been read yet"}; }

}  // namespace

double threshold(const contracts::AssessRequest& request,
                 const contracts::QualityThresholds& thresholds) {
  const std::int64_t lines =
      request.message_count.value_or(static_cast<std::int64_t>(request.context.size()));
  const double base = lines >= thresholds.hot_from    ? thresholds.hot
                      : lines >= thresholds.warm_from ? thresholds.warm
                                                      : thresholds.cold;
  return request.kind == contracts::TurnKind::Organic ? base + thresholds.organic_extra : base;
}

std::shared_ptr<const Reviewer::Options> Reviewer::options() const {
  const std::lock_guard lock(mutex_);
  return options_;
}

void Reviewer::set_options(const Options& options) {
  auto fresh = std::make_shared<const Options>(options);
  const std::lock_guard lock(mutex_);
  options_ = std::move(fresh);
}

Result<Assessment> Reviewer::assess(const contracts::AssessRequest& request,
                                    const Options& options) const {
  const std::shared_ptr<const Cast> cast = view_.cast();
  if (cast == nullptr) return never_read();
  const Profile* speaker = cast->find(request.character);
  if (speaker == nullptr) {
    return Error{Code::NotFound,
                 fmt::format("character: '{}' is unknown", utf8_repaired(request.character))};
  }
  const Draft draft(request, *cast, *speaker, readings_);
  Assessment assessment;
  assessment.findings = find_faults(draft);
  const Components scores = score_components(draft, assessment.findings, options.parts);
  const Severity worst =
      assessment.findings.empty() ? Severity::Info : assessment.findings.front().severity;
  assessment.threshold = threshold(request, options.thresholds);
  // A low threshold is for lines that are yet a little off, not for a serious fault: its score
  // stays below any threshold.
  const double major_cap = std::clamp(assessment.threshold - 1, 0.0, options.major_cap);
  const double cap = worst == Severity::Critical ? options.critical_cap
                     : worst == Severity::Major  ? major_cap
                                                 : 100.0;
  const double score = weighted(scores, options.weights);
  assessment.components = scaled(scores, score > cap ? cap / score : 1.0);
  assessment.score = rounded(weighted(assessment.components, options.weights));
  assessment.passed = worst < Severity::Major && assessment.score >= assessment.threshold;
  return assessment;
}

Result<contracts::VoiceScores> Reviewer::voice(const contracts::VoiceRequest& request) const {
  const std::shared_ptr<const Cast> cast = view_.cast();
  if (cast == nullptr) return never_read();
  const std::string line = utf8_repaired(request.line);
  const Voice voice = cast->voices().listen(read_text(line), lexical::sentences(line));
  contracts::VoiceScores scores;
  for (const Profile& profile : cast->profiles()) {
    scores.scores.emplace(profile.character.id, voice.scores[profile.index]);
  }
  return scores;
}

}  // namespace quality
