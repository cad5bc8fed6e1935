#include "quality/routes.h"

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "json/codec.h"

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

}  // namespace

void install_routes(runtime::Doors& doors, const CachedReviewer& cached, const Reviewer& reviewer,
                    const cache::Cache& cache, telemetry::Metrics& metrics) {
  const auto verdicts = std::make_shared<const Verdicts>(metrics);

  const auto route =
      runtime::Post("/assess", "Scores a drafted line, and says what is wrong with it");
  const auto assess = [&cached, verdicts](const AssessRequest& request) {
    auto assessment = cached.assess(request);
    if (assessment) verdicts->count(assessment.value());
    return assessment;
  };
  // Whoever may wait for Redis does so on a worker, not on the node's thread.
  if (cache.remote()) {
    doors.method<AssessRequest, Assessment>("quality.assess", route, assess);
  } else {
    doors.quick_method<AssessRequest, Assessment>("quality.assess", route, assess);
  }
  doors.quick_method<VoiceRequest, VoiceScores>(
      "quality.voice", runtime::Post("/voice", "How much a line sounds like each character"),
      [&reviewer](const VoiceRequest& request) { return reviewer.voice(request); });
}

void install_settings(runtime::Doors& doors, Settings& settings) {
  const auto mutex = std::make_shared<std::mutex>();
  doors.http(
      runtime::Put("/config", "Changes how lines are judged, from the next one on"),
      {"quality.configure",
       {},
       {runtime::json_of<contracts::ReviewSettings>()},
       {{200, {runtime::json_of<contracts::ReviewSettings>()}}}},
      [&settings, mutex](const http::Request& request, const std::shared_ptr<http::Reply>& reply) {
        // Held across the write on purpose: operators take turns, and no assessment waits.
        const std::lock_guard lock(*mutex);
        const auto changed = settings.change(request.body);
        reply->respond(changed ? http::Response::json(json::encode(changed.value()))
                               : http::Response::error(changed.error()));
      });
}

}  // namespace quality
