#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "contracts/characters.h"
#include "contracts/coordinator.h"
#include "contracts/llm.h"
#include "contracts/quality.h"
#include "contracts/retriever.h"
#include "contracts/router.h"
#include "contracts/tuning.h"

// A turn is a value. step() takes a turn and what happened, and gives the turn that follows and
// what to do next; it does nothing itself. The executor (executor.h) carries the actions out and
// feeds what comes of them back in. All times are milliseconds since the turn began.
namespace router {

struct TurnOptions {
  int attempts_max = 10;         // bands: 1-3 standard, 4-6 tuned, 7-10 guided
  double deadline_ms = 20'000;   // from trigger to line said
  double draft_reserve_ms = 20;  // kept free for assessing and saying the last draft
  double floor = 30;             // the least score of a best draft that is said at the end
  int knowledge_hits = 5;
};

// What to do. Each but Wait and Finish is one call, answered by one event of the same name.
namespace action {
struct Observe {
  contracts::ObserveRequest request;
};
struct FetchPrompt {
  contracts::PromptRequest request;
};
struct Retrieve {
  contracts::QueryRequest request;
  std::string character{};  // whose knowledge
};
struct Draft {
  contracts::ChatRequest request;
};
struct Assess {
  contracts::AssessRequest request;
};
struct Wait {  // then event::Waited
  double ms;
};
struct RecordLine {  // the line enters the conversation: from here on it counts as said
  contracts::ObserveRequest request;
};
struct Finish {  // the turn is over: store its record, answer whoever asked
};
}  // namespace action
using Action = std::variant<action::Observe, action::FetchPrompt, action::Retrieve, action::Draft,
                            action::Assess, action::Wait, action::RecordLine, action::Finish>;

// What happened.
namespace event {
struct Begin {};
struct Observed {
  Result<contracts::ObserveReply> reply;
};
struct Prompted {
  Result<std::shared_ptr<const contracts::Prompt>> reply;
  std::shared_ptr<const contracts::Hints> hints{};  // of tuning; none while that is away
};
struct Retrieved {
  Result<contracts::QueryReply> reply;
  std::string character{};  // for whom; empty: for whoever speaks
};
struct Drafted {
  Result<contracts::ChatReply> reply;
};
struct Assessed {
  Result<contracts::Assessment> reply;
};
struct Waited {};
struct Recorded {
  Result<contracts::ObserveReply> reply;
};
struct DeadlineReached {};
struct Interrupted {  // a person spoke
  std::string reason;
};
struct SaidBefore {  // the message is a repeat, and an earlier turn has answered it
  contracts::TurnReply reply;
};
}  // namespace event
using Event = std::variant<event::Begin, event::Observed, event::Prompted, event::Retrieved,
                           event::Drafted, event::Assessed, event::Waited, event::Recorded,
                           event::DeadlineReached, event::Interrupted, event::SaidBefore>;

enum class Phase { Observing, Gathering, Drafting, Assessing, Waiting, Recording, Over };

// Everything that a turn knows.
struct TurnState {
  contracts::TurnRecord record;
  TurnOptions options;
  std::map<std::string, std::string> names;  // character id -> display name

  Phase phase = Phase::Observing;
  std::optional<std::string> asked_for;  // the character that the request names
  std::vector<contracts::Line> history;  // up to and including the line to answer
  std::vector<std::uint64_t> said;       // said_key of the channel's lines, from further back
  std::int64_t message_count = 0;
  std::shared_ptr<const contracts::Prompt> prompt;
  std::shared_ptr<const contracts::Hints> hints;
  std::optional<contracts::QueryReply> knowledge;
  std::optional<std::vector<std::string>> participants;  // who may speak; absent: all
  std::string talk;   // what was said last in the channel, for a message that goes on with it
  std::string guess;  // who will probably be chosen: his knowledge is fetched meanwhile
  bool observed = false;
  bool prompted = false;
  bool retrieved = false;
  std::optional<Error> failure;                 // why the turn could not be played at all
  std::optional<contracts::TurnReply> earlier;  // what an earlier turn has answered
  bool apart = false;                           // begun without the coordinator
  int record_failures = 0;
  bool record_waits = false;  // until the line is told to the coordinator once more
  double stage_began_ms = 0;
  double retrieve_began_ms = 0;
  std::vector<double> draft_ms;
};

struct Step {
  TurnState state;
  std::vector<Action> actions;
};

// A turn that answers a person's message. Begin it with event::Begin.
TurnState direct_turn(const std::string& turn_id, const contracts::OrchestrateRequest& request,
                      std::int64_t started_ms, const TurnOptions& options);

// A turn that says another line to the message of an earlier one.
TurnState regenerating_turn(const std::string& turn_id, const contracts::TurnRecord& earlier,
                            std::int64_t started_ms, const TurnOptions& options);

// A turn that joins in after another character's line, as the coordinator decided.
TurnState organic_turn(const std::string& turn_id, const std::string& channel,
                       const contracts::FollowUp& follow_up, std::int64_t started_ms,
                       const TurnOptions& options);

// Whoever of the cast is the only one named in the message, by id or by first name; else empty.
std::string guessed_speaker(const std::string& message,
                            const std::map<std::string, std::string>& names);

Step step(TurnState state, Event event, double now_ms);

// What the asker gets of a turn that is over: a reply, or why it could not be played.
Result<contracts::TurnReply> reply_of(const TurnState& state);
contracts::TurnReply reply_of(const contracts::TurnRecord& record);

contracts::Band band_of(int attempt);

// The message_id of a turn's line in the conversation. A message is answered once by a character,
// also by two processes that know nothing of each other; what nobody else can ask for is known by
// its turn.
std::string line_id(const contracts::TurnRecord& record);

// Whether attempt `number` is the last one, which the understudy drafts in the model's place.
bool stands_in(const TurnOptions& options, int number);

// What two lines have in common that people would call the same.
std::uint64_t said_key(std::string_view text);

}  // namespace router
