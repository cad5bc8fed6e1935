#include "hub/stage_news.h"

#include "contracts/coordinator.h"
#include "contracts/router.h"

namespace hub {
namespace {

constexpr Milliseconds kAskTimeout{2'000};
constexpr std::size_t kChannelsMax = 1000;

messaging::CallOptions soon() {
  // A page asks again by itself: who is away is not waited for.
  return {.deadline = SystemClock::instance().now() + kAskTimeout, .idempotent = false};
}

}  // namespace

StageNews::StageNews(const Stage& stage, runtime::Process& process)
    : stage_(stage),
      node_(process.node()),
      router_(process.client("router", runtime::Process::Need::Optional)),
      coordinator_(process.client("coordinator", runtime::Process::Need::Optional)) {
  node_.subscribe("turn.typing", [this](std::string_view, const std::string& body) {
    const auto event = json::decode<contracts::TurnTyping>(std::string_view(body));
    if (!event || !event.value().typing) return;
    stage_.loop.post([this, turn = event.value()] {
      if (!stage_.world.channel(snowflake_of(turn.channel).value_or(0))) return;
      contracts::HubStage& its = last(turn.channel);
      its.status = "open";
      its.character = turn.character;
      its.reason.clear();
      announce(turn.channel);
    });
  });
  node_.subscribe("turn.record", [this](std::string_view, const std::string& body) {
    const auto event = json::decode<contracts::TurnEnded>(std::string_view(body));
    if (!event) return;
    stage_.loop.post([this, turn = event.value()] {
      if (!stage_.world.channel(snowflake_of(turn.channel).value_or(0))) return;
      contracts::HubStage& its = last(turn.channel);
      its.status = enum_name(turn.status);
      its.character = turn.character;
      its.reason = turn.reason;
      its.turn_id = turn.turn_id;
      announce(turn.channel);
    });
  });
}

contracts::HubStage& StageNews::last(const std::string& channel) {
  if (last_.size() >= kChannelsMax && !last_.contains(channel)) last_.clear();
  contracts::HubStage& its = last_[channel];
  its.channel_id = channel;
  return its;
}

void StageNews::look(const std::string& channel, Answer done) {
  contracts::HistoryRequest question;
  question.channel = channel;
  question.limit = 1;
  node_.post([this, question, channel, done = std::move(done)] {
    coordinator_.call<contracts::History>(
        "coordinator.history", question, soon(),
        [this, channel, done](const Result<contracts::History>& history) {
          stage_.loop.post([this, channel, done, history] {
            contracts::HubStage& its = last(channel);
            if (history) {
              its.energy = history.value().energy;
              its.energy_max = history.value().energy_max;
              its.message_count = history.value().message_count;
              its.quiet_until_ms = history.value().quiet_until_ms;
            }
            done(its);
          });
        });
  });
}

void StageNews::announce(const std::string& channel) {
  look(channel, [this](const contracts::HubStage& now) {
    const Channel* const its = stage_.world.channel(snowflake_of(now.channel_id).value_or(0));
    if (its == nullptr) return;
    Event event{"TROUPE_STAGE", json::encode(now)};
    event.guild = its->guild;
    event.channel = its->id;
    event.people_only = true;
    stage_.announcer.announce(std::move(event));
  });
}

void StageNews::answer_turn(const Call& call) {
  contracts::TurnsQuery question;
  question.posted = call->text("message");
  question.limit = 1;
  node_.post([this, call, question] {
    router_.call<contracts::TurnList>(
        "router.turns", question, soon(), [this, call](Result<contracts::TurnList> list) {
          stage_.loop.post([this, call, list = std::move(list)] {
            if (!list) return call->refuse({503, 0, "The router is away"});
            if (list.value().turns.empty()) {
              return call->refuse({404, 0, "No turn has said this message"});
            }
            const contracts::TurnRecord& record = list.value().turns.front();
            if (!stage_.world.may_view(call->user->id, snowflake_of(record.channel).value_or(0))) {
              return call->refuse(discord::error_code::kMissingAccess);
            }
            call->answer(json::encode(record));
          });
        });
  });
}

void StageNews::install(Rest& rest) {
  rest.get(
      "/troupe/turns/{message}", [this](const Call& call) { answer_turn(call); }, Who::Person);
  rest.get(
      "/troupe/stage",
      [this](const Call& call) {
        const std::string channel = call->query("channel_id");
        const Snowflake id = snowflake_of(channel).value_or(0);
        if (stage_.world.channel(id) == nullptr) {
          return call->refuse(discord::error_code::kUnknownChannel);
        }
        if (!stage_.world.may_view(call->user->id, id)) {
          return call->refuse(discord::error_code::kMissingAccess);
        }
        look(channel, [call](const contracts::HubStage& now) { call->answer(json::encode(now)); });
      },
      Who::Person);
}

}  // namespace hub
