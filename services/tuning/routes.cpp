#include "tuning/routes.h"

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "json/codec.h"

namespace tuning {
namespace {

using contracts::ExportRequest;
using contracts::FeedbackReply;
using contracts::FeedbackRequest;
using contracts::ForgetOutcomes;
using contracts::ForgottenOutcomes;
using contracts::Hints;
using contracts::HintsRequest;
using contracts::Opinion;
using contracts::OutcomesReply;
using contracts::OutcomesRequest;
using contracts::ReportRequest;
using contracts::TuningReport;

constexpr const char* kNdjson = "application/x-ndjson";
constexpr std::size_t kExportBytes = 4 * 1024 * 1024;

// What comes in, by fixed words.
class Arrivals {
 public:
  explicit Arrivals(telemetry::Metrics& metrics)
      : accepted_(outcomes(metrics, "accepted")), repeated_(outcomes(metrics, "repeated")) {
    for (const auto& [opinion, name] : enum_names(Opinion{})) {
      opinions_.emplace(opinion,
                        metrics.counter("troupe_tuning_feedback_total", "Opinions, by kind",
                                        {{"kind", std::string(name)}}));
    }
  }
  void count(const OutcomesReply& reply) const {
    accepted_.add(static_cast<double>(reply.accepted));
    repeated_.add(static_cast<double>(reply.repeated));
  }
  void count(Opinion opinion) const { opinions_.at(opinion).add(); }

 private:
  static telemetry::Counter outcomes(telemetry::Metrics& metrics, const std::string& result) {
    return metrics.counter("troupe_tuning_outcomes_total", "Outcomes of turns, by result",
                           {{"result", result}});
  }

  telemetry::Counter accepted_;
  telemetry::Counter repeated_;
  std::map<Opinion, telemetry::Counter> opinions_;
};

void install_gauges(const Learner& learner, telemetry::Metrics& metrics) {
  const auto generation =
      metrics.gauge("troupe_tuning_hints_generation", "How often the hints have changed");
  const auto guarded =
      metrics.gauge("troupe_tuning_guarded_variants", "Variants held back, over all characters");
  metrics.before_text([=, &learner] {
    generation.set(static_cast<double>(learner.generation()));
    guarded.set(static_cast<double>(learner.guarded()));
  });
}

// The chosen lines as one body; it ends early when it is large enough.
http::Response exported(const Learner& learner, const http::Request& request) {
  const auto wanted = json::decode_texts<ExportRequest>(request.query);
  if (!wanted) return http::Response::error(wanted.error());
  http::Response response;
  response.headers.set("Content-Type", kNdjson);
  const auto done = learner.each_chosen(wanted.value(), [&](const auto& rows) {
    for (const ExportedRow& row : rows) response.body += json::encode(row.turn) + "\n";
    return response.body.size() < kExportBytes;
  });
  return done ? response : http::Response::error(done.error());
}

}  // namespace

void install_routes(runtime::Doors& doors, Learner& learner, telemetry::Metrics& metrics) {
  const auto arrivals = std::make_shared<const Arrivals>(metrics);
  install_gauges(learner, metrics);

  doors.quick_method<HintsRequest, Hints>(
      "tuning.hints", runtime::Post("/hints", "How a character's next turns should be drafted"),
      [&learner](const HintsRequest& request) -> Result<Hints> {
        return learner.hints(request.character);
      });
  doors.method<OutcomesRequest, OutcomesReply>(
      "tuning.outcomes", runtime::Post("/outcomes", "What became of turns: keep it, learn from it"),
      [&learner, arrivals](const OutcomesRequest& request) {
        auto reply = learner.take(request.outcomes);
        if (reply) arrivals->count(reply.value());
        return reply;
      });
  doors.method<FeedbackRequest, FeedbackReply>(
      "tuning.feedback", runtime::Post("/feedback", "What a person thinks of a turn's line"),
      [&learner, arrivals](const FeedbackRequest& request) {
        auto reply = learner.feedback(request);
        if (reply) arrivals->count(request.kind);
        return reply;
      });
  doors.method<ForgetOutcomes, ForgottenOutcomes>(
      "tuning.forget",
      runtime::Post("/forget-outcomes", "Erases what is known of turns; sums of counts stay"),
      [&learner](const ForgetOutcomes& request) { return learner.forget_turns(request.turn_ids); });
  doors.method<ReportRequest, TuningReport>(
      "tuning.report", runtime::Get("/report", "Which variant does better, and what went wrong"),
      [&learner](const ReportRequest& request) { return learner.report(request); });
  doors.http(runtime::Get("/export", "Chosen lines, one JSON object a line, to train a model on"),
             {"tuning.export", runtime::schema_of<ExportRequest>(), {}, {{200, {{kNdjson}}}}},
             [&learner](const http::Request& request, const std::shared_ptr<http::Reply>& reply) {
               reply->respond(exported(learner, request));
             });
}

}  // namespace tuning
