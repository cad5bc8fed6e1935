#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/cache.h"
#include "messaging/client.h"
#include "messaging/follower.h"
#include "router/bots.h"
#include "router/prompts.h"
#include "router/tuner.h"
#include "router/turn.h"
#include "router/turn_store.h"
#include "runtime/doors.h"
#include "telemetry/metrics.h"

namespace router {

// Carries out what turns ask for: calls, timers, records, events. All turns live on the node's
// thread and suspend as values: a thousand in flight cost no thread. Belongs to the node's thread;
// construct it before bind() and destroy it after the node has stopped serving.
class Executor {
 public:
  struct Options {
    TurnOptions turn;
    std::size_t turns_max = 1000;       // beyond: Overloaded
    Milliseconds stage_timeout{3000};   // for a call that a turn can do without
    Milliseconds open_after{50};        // a turn that lasts twice that is on disk as open
    Milliseconds typing_after{150};     // of a draft, before a bot is seen typing a direct answer
    Milliseconds follow_up_after{250};  // of silence, before the coordinator is asked who goes on
    Milliseconds recover_timeout{30'000};  // for asking what a crash has left unknown
    Milliseconds recover_again{500};       // after it could not be asked
    Milliseconds repeat_ttl{3'600'000};
    Milliseconds forget_every{3'600'000};
    int retention_days = 30;
  };
  struct Peers {
    messaging::Client characters;
    messaging::Client retriever;
    messaging::Client llm;
    messaging::Client quality;
    messaging::Client coordinator;
  };
  // `repeats` holds the replies to messages, for those that come again; all must outlive this.
  Executor(Options options, Peers peers, TurnStore& store, Tuner& tuner, Bots& bots,
           cache::Cache& repeats, telemetry::Metrics& metrics);

  void orchestrate(const contracts::OrchestrateRequest& request, const runtime::Call& call,
                   runtime::Answer<contracts::TurnReply> answer);
  void organic_notification(const contracts::OrganicNotification& request,
                            const runtime::Call& call,
                            runtime::Answer<contracts::OrganicReply> answer);
  // Another line to the message of an earlier turn.
  void regenerate(const contracts::RegenerateRequest& request, const runtime::Call& call,
                  runtime::Answer<contracts::TurnReply> answer);

  // Ends the turns that answer this person, but those whose line is being said; whether one of them
  // is not over yet.
  bool silence(const std::string& author_id);
  // Lets go of what is kept of turns that are erased.
  void forget(const std::vector<contracts::TurnRecord>& records);

  // Remembers the lines of turns that an earlier process has closed, and the replies, but where a
  // cache outside this process has them already.
  void recall(const contracts::TurnRecord& record);
  // After a crash: asks the coordinator, until it answers, whether the lines of the turns that were
  // left open were said, and for lines of turns that were too quick to be on disk as open; corrects
  // the records.
  void settle_recovered(std::vector<contracts::TurnRecord> records);
  // Begins what goes on by itself: the cast's display names are read, now and whenever it changes,
  // and old records are forgotten.
  void begin();

 private:
  void begin_turn(const contracts::OrchestrateRequest& request, const runtime::Call& call,
                  std::string repeat_key, runtime::Answer<contracts::TurnReply> answer);
  bool answered_before(const std::string& repeat_key, const cache::Value& known,
                       const runtime::Answer<contracts::TurnReply>& answer);
  void settle_next();
  void ask_what_was_said(int lines);
  void take_back(const contracts::SaidLine& line);
  void settle(contracts::TurnRecord record, const std::vector<contracts::Answered>& answered);
  void close_as_said(contracts::TurnRecord record, const std::string& character,
                     const std::string& text);
  void adopt(const std::string& turn_id, const std::vector<contracts::Answered>& answered);
  void remember_said(const contracts::TurnRecord& record);
  void remember_reply(const contracts::TurnRecord& record);

  using Answers = std::vector<runtime::Answer<contracts::TurnReply>>;
  struct Running {
    TurnState state;
    SteadyTime began{};
    SteadyTime deadline{};
    std::string traceparent;
    std::string repeat_key;
    Answers answers;
    messaging::TimerId deadline_timer = 0;
    messaging::TimerId wait_timer = 0;
    messaging::TimerId typing_timer = 0;
    contracts::Delivery delivery = contracts::Delivery::Stage;
    std::set<messaging::CallId> calls;  // under way; ended with the turn
    bool typing = false;
    bool on_disk = false;  // as open
  };
  // What is about to happen in a channel by itself.
  struct Scene {
    messaging::TimerId timer = 0;
    messaging::TimerId typing_timer = 0;
    std::string typing;       // who is shown as typing before the line is drafted
    std::uint64_t epoch = 0;  // new with every person's line; older plans are void
    std::set<std::string> organic;
    std::deque<std::uint64_t> said;  // said_key of the latest lines
    std::string talk;                // the latest message and line
    // As the latest message or notice has told.
    contracts::Delivery delivery = contracts::Delivery::Stage;
    std::optional<std::vector<std::string>> participants;  // absent: the whole cast
  };

  void start(TurnState state, std::string traceparent, std::string repeat_key, Answers answers);
  void apply(const std::string& turn_id, Event event);
  void perform(const std::string& turn_id, const Action& action);
  bool answer_from_store(const std::string& turn_id);
  void finish(const std::string& turn_id);
  void count(const contracts::TurnRecord& record);
  void deliver(const Running& running);
  void hand_to_bot(const contracts::TurnRecord& record);
  void ended(const contracts::TurnRecord& record);
  void conclude(Running running, const Result<void>& written);

  // Calls `method` of a peer; the reply comes back to the turn as event E.
  template <class E, class Reply, class Request>
  void ask(const std::string& turn_id, const messaging::Client& peer, std::string method,
           const Request& request, const std::string& whom = {});

  Scene& scene_of(const std::string& channel);
  void drop_plan(const std::string& channel, Scene& scene);
  void interrupt(const std::string& channel, const std::string& reason);
  // `after`: the message_id of the line that it would follow.
  void plan_follow_up(const std::string& channel, const std::string& after);
  void ask_follow_up(const std::string& channel, const std::string& after, std::uint64_t epoch);
  void answer_follow_up(const std::string& channel, const std::string& after, std::uint64_t epoch,
                        const messaging::CallOptions& options,
                        const runtime::Answer<contracts::OrganicReply>& answer);
  void line_posted(const contracts::OrganicNotification& request, const runtime::Call& call,
                   const runtime::Answer<contracts::OrganicReply>& answer);
  void play_later(const std::string& channel, const contracts::FollowUp& follow_up,
                  Milliseconds delay);
  void type(Running& running);
  void type_soon(const std::string& turn_id);
  void publish_typing(const std::string& channel, const std::string& character, bool typing);
  void cast_told(const Result<std::string>& body);
  void forget_old();
  void plan_flush();
  void flush();
  void fetch_prompt(const std::string& turn_id, const contracts::PromptRequest& request);
  Milliseconds draft_estimate() const { return Milliseconds(static_cast<std::int64_t>(draft_ms_)); }

  Options options_;
  Peers peers_;
  TurnStore& store_;
  Tuner& tuner_;
  Bots& bots_;
  messaging::Node& node_;
  std::unordered_map<std::string, Running> turns_;
  std::unordered_map<std::string, std::string> in_flight_;  // repeat key -> turn id
  std::unordered_map<std::string, Scene> scenes_;
  std::map<std::string, std::string> names_;
  std::deque<contracts::TurnRecord> unsettled_;  // left open by a crash
  Prompts prompts_{{}};
  cache::Cache& repeats_;
  const std::string born_;  // ids of this process's turns are later ones
  bool flush_planned_ = false;
  std::uint64_t epochs_ = 0;
  double draft_ms_ = 0;  // moving average, subtracted from human delays

  std::optional<messaging::Follower> cast_;  // ends before what it tells

  telemetry::Counter turns_said_;
  telemetry::Counter turns_silent_;
  telemetry::Counter turns_interrupted_;
  telemetry::Counter attempts_;
  telemetry::Counter degraded_;
  telemetry::Counter repeats_answered_;
  telemetry::Gauge open_;
  telemetry::Histogram seconds_;
};

}  // namespace router
