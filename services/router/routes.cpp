#include "router/routes.h"

namespace router {

using runtime::Get;
using runtime::Post;

void install_routes(runtime::Process& process, Executor& executor, Bots& bots, Forgetter& forgetter,
                    const TurnStore& store) {
  runtime::Doors& doors = process.doors();
  doors.async_method<contracts::OrchestrateRequest, contracts::TurnReply>(
      "router.orchestrate",
      Post("/orchestrate", "A person said something: plays the turn that answers"),
      [&executor](const contracts::OrchestrateRequest& request, const runtime::Call& call,
                  runtime::Answer<contracts::TurnReply> answer) {
        executor.orchestrate(request, call, std::move(answer));
      });
  doors.async_method<contracts::OrganicNotification, contracts::OrganicReply>(
      "router.organic_notification",
      Post("/organic-notification", "A character's line was posted: may another go on?"),
      [&executor](const contracts::OrganicNotification& request, const runtime::Call& call,
                  runtime::Answer<contracts::OrganicReply> answer) {
        executor.organic_notification(request, call, std::move(answer));
      });
  doors.async_method<contracts::RegenerateRequest, contracts::TurnReply>(
      "router.regenerate",
      Post("/regenerate", "Another line to the same message by the same character"),
      [&executor](const contracts::RegenerateRequest& request, const runtime::Call& call,
                  runtime::Answer<contracts::TurnReply> answer) {
        executor.regenerate(request, call, std::move(answer));
      });
  doors.async_method<contracts::BotPresence, contracts::BotCompany>(
      "router.join", Post("/join", "A bot is there; who else is?"),
      [&bots](const contracts::BotPresence& presence, const runtime::Call&,
              const runtime::Answer<contracts::BotCompany>& answer) {
        answer(bots.join(presence));
      });
  doors.async_method<contracts::ForgetRequest, contracts::ForgetReply>(
      "router.forget",
      Post("/forget", "Erases what somebody has said, and the turns that answered"),
      [&forgetter](const contracts::ForgetRequest& request, const runtime::Call& call,
                   runtime::Answer<contracts::ForgetReply> answer) {
        forgetter.forget(request, call, std::move(answer));
      });
  doors.method<contracts::TurnQuery, contracts::TurnRecord>(
      "router.turn", Get("/turns/{turn_id}", "The record of one turn"),
      [&store](const contracts::TurnQuery& query) { return store.find(query.turn_id); });
  doors.method<contracts::TurnsQuery, contracts::TurnList>(
      "router.turns", Get("/turns", "Records of turns, newest first"),
      [&store](const contracts::TurnsQuery& query) -> Result<contracts::TurnList> {
        return contracts::TurnList{TRY(store.list(query))};
      });
  doors.http(Get("/services/health", "The health of the router and what it needs"),
             {"router.services_health", {}, {}, {{200, {runtime::json_of<runtime::Health>()}}}},
             [&process](const http::Request&, const std::shared_ptr<http::Reply>& reply) {
               bool ready = false;
               reply->respond(http::Response::json(process.health_json(ready)));
             });
}

}  // namespace router
