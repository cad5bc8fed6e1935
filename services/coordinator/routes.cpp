#include "coordinator/routes.h"

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "contracts/coordinator.h"
#include "json/codec.h"

namespace coordinator {
namespace {

using contracts::FollowUp;
using contracts::FollowUpRequest;
using contracts::ForgetLines;
using contracts::ForgottenLines;
using contracts::History;
using contracts::HistoryRequest;
using contracts::ObserveReply;
using contracts::ObserveRequest;
using contracts::QuietReply;
using contracts::QuietRequest;
using contracts::Selection;
using contracts::SelectRequest;

// Decisions by reason; the labels are this fixed set.
class Decisions {
 public:
  explicit Decisions(telemetry::Metrics& metrics) {
    for (const std::string_view reason :
         {"addressed", "topic", "pending", "open_question", "best_score", "no_participants",
          "empty_history", "out_of_energy", "below_threshold", "not_addressed", "quiet", "at_rest",
          "superseded"}) {
      counters_.emplace(reason, metrics.counter("troupe_coordinator_decisions_total",
                                                "Who speaks, and why, or why nobody does",
                                                {{"reason", std::string(reason)}}));
    }
  }
  void count(const std::string& reason) const {
    if (const auto found = counters_.find(reason); found != counters_.end()) found->second.add();
  }

 private:
  std::map<std::string, telemetry::Counter, std::less<>> counters_;
};

void install_cache_gauges(const Conversations& conversations, telemetry::Metrics& metrics) {
  const auto gauge = [&](const std::string& what, const std::string& help) {
    return metrics.gauge("troupe_coordinator_conversation_cache_" + what, help);
  };
  const auto hits = gauge("hits", "Conversations found in memory since the start");
  const auto misses = gauge("misses", "Conversations read from disk since the start");
  const auto evictions = gauge("evictions", "Conversations dropped from memory since the start");
  const auto bytes = gauge("bytes", "Memory of conversations");
  const auto channels = gauge("channels", "Conversations in memory");
  metrics.before_text([=, &conversations] {
    const ConversationStats stats = conversations.stats();
    hits.set(static_cast<double>(stats.hits));
    misses.set(static_cast<double>(stats.misses));
    evictions.set(static_cast<double>(stats.evictions));
    bytes.set(static_cast<double>(stats.bytes));
    channels.set(static_cast<double>(stats.channels));
  });
}

}  // namespace

void install_routes(runtime::Doors& doors, Stage& stage, const Conversations& conversations,
                    telemetry::Metrics& metrics) {
  const auto decisions = std::make_shared<const Decisions>(metrics);
  install_cache_gauges(conversations, metrics);

  doors.async_method<ObserveRequest, ObserveReply>(
      "coordinator.observe",
      runtime::Post("/observe", "A line was said: keep it, and say who answers"),
      [&stage, decisions](ObserveRequest request, const runtime::Call&,
                          const runtime::Answer<ObserveReply>& answer) {
        stage.observe(std::move(request), [decisions, answer](Result<ObserveReply> reply) {
          if (reply && !reply.value().repeated) decisions->count(reply.value().selection.reason);
          answer(std::move(reply));
        });
      });
  doors.quick_method<SelectRequest, Selection>(
      "coordinator.select",
      runtime::Post("/select", "Who would answer in a scene that is given whole"),
      [&stage](const SelectRequest& request) -> Result<Selection> {
        return stage.select(request);
      });
  doors.method<FollowUpRequest, FollowUp>(
      "coordinator.follow_up",
      runtime::Post("/follow-up", "Whether another character goes on, and when"),
      [&stage, decisions](const FollowUpRequest& request) {
        auto reply = stage.follow_up(request);
        if (reply) decisions->count(reply.value().reason);
        return reply;
      });
  doors.method<QuietRequest, QuietReply>(
      "coordinator.quiet",
      runtime::Post("/quiet", "For some minutes only who is spoken to by name answers"),
      [&stage](const QuietRequest& request) { return stage.quiet(request); });
  doors.method<ForgetLines, ForgottenLines>(
      "coordinator.forget",
      runtime::Post("/forget-lines", "Erases a person's lines and those that answered them"),
      [&stage](const ForgetLines& request) { return stage.forget(request); });
  doors.method<contracts::SaidRequest, contracts::Said>(
      "coordinator.said",
      runtime::Get("/said", "The latest lines that turns have said, of all channels"),
      [&stage](const contracts::SaidRequest& request) { return stage.said(request); });
  // One method, two URLs; registering it again replaces its RPC door by the same.
  for (const auto& route : {runtime::Get("/history", "The last lines of a conversation"),
                            runtime::Post("/history", "The same, asked for with a body")}) {
    doors.method<HistoryRequest, History>(
        "coordinator.history", route,
        [&stage](const HistoryRequest& request) { return stage.history(request); });
  }
}

}  // namespace coordinator
