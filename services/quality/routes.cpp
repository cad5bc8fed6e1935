#include "quality/routes.h"

#include <map>
#include <memory>
#include <string>

namespace quality {
namespace {

using contracts::Assessment;
using contracts::AssessRequest;
using contracts::FindingCode;
using contracts::VoiceRequest;
using contracts::VoiceScores;

// Verdicts and findings; the labels are the codes.
class Verdicts {
 public:
  explicit Verdicts(telemetry::Metrics& metrics)
      : passed_(verdict(metrics, "passed")), rejected_(verdict(metrics, "rejected")) {
    for (const auto& [code, name] : enum_names(FindingCode{})) {
      findings_.emplace(
          code, metrics.counter("troupe_quality_findings_total", "Faults found in drafts, by code",
                                {{"code", std::string(name)}}));
    }
  }
  void count(const Assessment& assessment) const {
    (assessment.passed ? passed_ : rejected_).add();
    for (const auto& finding : assessment.findings) findings_.at(finding.code).add();
  }

 private:
  static telemetry::Counter verdict(telemetry::Metrics& metrics, const std::string& name) {
    return metrics.counter("troupe_quality_assessments_total", "Drafts judged, by verdict",
                           {{"verdict", name}});
  }

  telemetry::Counter passed_;
  telemetry::Counter rejected_;
  std::map<FindingCode, telemetry::Counter> findings_;
};

void install_cache_gauges(const cache::Cache& cache, telemetry::Metrics& metrics) {
  const auto gauge = [&](const std::string& what, const std::string& help) {
    return metrics.gauge("troupe_quality_cache_" + what, help);
  };
  const auto hits = gauge("hits", "Assessments found in the cache since the start");
  const auto misses = gauge("misses", "Assessments not found in the cache since the start");
  const auto evictions = gauge("evictions", "Assessments dropped for room since the start");
  const auto bytes = gauge("bytes", "Memory of cached assessments");
  const auto entries = gauge("entries", "Assessments in the cache");
  metrics.before_text([=, &cache] {
    const cache::Stats stats = cache.stats();
    hits.set(static_cast<double>(stats.hits));
    misses.set(static_cast<double>(stats.misses));
    evictions.set(static_cast<double>(stats.evictions));
    bytes.set(static_cast<double>(stats.bytes));
    entries.set(static_cast<double>(stats.entries));
  });
}

}  // namespace

void install_routes(runtime::Doors& doors, const CachedReviewer& cached, const Reviewer& reviewer,
                    const cache::Cache& cache, telemetry::Metrics& metrics) {
  const auto verdicts = std::make_shared<const Verdicts>(metrics);
  install_cache_gauges(cache, metrics);

  doors.quick_method<AssessRequest, Assessment>("quality.assess", runtime::Post("/assess"),
                                                [&cached, verdicts](const AssessRequest& request) {
                                                  auto assessment = cached.assess(request);
                                                  if (assessment)
                                                    verdicts->count(assessment.value());
                                                  return assessment;
                                                });
  doors.quick_method<VoiceRequest, VoiceScores>(
      "quality.voice", runtime::Post("/voice"),
      [&reviewer](const VoiceRequest& request) { return reviewer.voice(request); });
}

}  // namespace quality
