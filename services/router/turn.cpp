#include "router/turn.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/ids.h"
#include "base/utf8.h"
#include "lexical/analyser.h"
#include "retry/policy.h"
#include "router/drafting.h"

namespace router {
namespace {

// Few enough that a character's prompts can be kept (char_config in DESIGN section 2).
constexpr std::uint64_t kPromptVariants = 16;
constexpr std::size_t kShortQuestionStems =
    1;  // content words of a message that needs the talk before it
constexpr std::size_t kQueryBytes = 600;

using contracts::TurnStatus;

void close_stage(TurnState& state, std::string name, double began_ms, double now_ms) {
  state.record.stages.push_back({std::move(name), began_ms, now_ms - began_ms});
}

std::string fault_text(std::string_view what, const Error& error) {
  return fmt::format("{}: {}: {}", what, name(error.code), error.message);
}

Step finish(TurnState state, TurnStatus status, std::string reason, double now_ms) {
  state.phase = Phase::Over;
  state.record.status = status;
  state.record.reason = std::move(reason);
  state.record.ms = now_ms;
  return {std::move(state), {action::Finish{}}};
}

// The turn cannot be played: the asker gets the error, the record says why.
Step fail(TurnState state, Error error, double now_ms) {
  state.record.faults.push_back(fmt::format("{}: {}", name(error.code), error.message));
  state.record.degraded = true;
  std::string reason(name(error.code));
  state.failure = std::move(error);
  return finish(std::move(state), TurnStatus::Interrupted, std::move(reason), now_ms);
}

action::RecordLine record_line(const TurnState& state) {
  contracts::ObserveRequest request;
  request.channel = state.record.channel;
  request.message_id = line_id(state.record);
  request.turn_id = state.record.turn_id;
  request.answers = state.record.message_id;
  request.line = {.author = state.record.character,
                  .text = state.record.text,
                  .kind = contracts::Kind::Bot,
                  .reply_to = state.record.author};
  return {std::move(request)};
}

// The line is decided: it enters the conversation.
Step say(TurnState state, std::string text, std::string reason, double now_ms) {
  state.phase = Phase::Recording;
  state.stage_began_ms = now_ms;
  state.record.text = std::move(text);
  state.record.reason = std::move(reason);
  auto line = record_line(state);
  return {std::move(state), {std::move(line)}};
}

// The judge sees the last lines only; a line that comes back after an hour is stale all the same.
bool said_before(const TurnState& state, std::string_view text) {
  return std::find(state.said.begin(), state.said.end(), said_key(text)) != state.said.end();
}

contracts::Line trigger_line(const TurnState& state) {
  return {.author = state.record.author,
          .text = state.record.message,
          .kind = contracts::Kind::Human,
          .reply_to = std::nullopt};
}

const contracts::Attempt* best_attempt(const TurnState& state) {
  const contracts::Attempt* best = nullptr;
  for (const contracts::Attempt& attempt : state.record.attempts) {
    if (!attempt.assessment || attempt.text.empty()) continue;
    const auto& findings = attempt.assessment->findings;
    const bool critical = std::any_of(findings.begin(), findings.end(), [](const auto& finding) {
      return finding.severity == contracts::Severity::Critical;
    });
    if (critical || attempt.assessment->score < state.options.floor) continue;
    if (said_before(state, attempt.text)) continue;
    if (best == nullptr || attempt.assessment->score > best->assessment->score) best = &attempt;
  }
  return best;
}

// What anybody may say who has no dodge lines of his own.
const std::vector<std::string>& plain_dodges() {
  static const std::vector<std::string> kDodges{"Hm. Let me think about that one.",
                                                "I have no good answer to that right now.",
                                                "Ask me that again in a moment.",
                                                "You have lost me there.",
                                                "I would rather talk about something else.",
                                                "Give me a minute with that."};
  return kDodges;
}

// Neither time nor attempts are left: the best draft over the floor, else an in-character dodge.
Step settle(TurnState state, double now_ms) {
  state.record.degraded = true;
  if (const contracts::Attempt* best = best_attempt(state)) {
    state.record.model = best->model;
    state.record.score = best->assessment->score;
    std::string text = best->text;
    return say(std::move(state), std::move(text), "best_draft", now_ms);
  }
  if (!state.prompt) {
    return fail(std::move(state), {Code::DeadlineExceeded, "no draft was ready in time"}, now_ms);
  }
  const auto& dodges = state.prompt->dodges.empty() ? plain_dodges() : state.prompt->dodges;
  const std::size_t first = hash64(state.record.turn_id) % dodges.size();
  std::string line = dodges[first];
  for (std::size_t i = 0; i < dodges.size(); ++i) {
    const std::string& candidate = dodges[(first + i) % dodges.size()];
    const bool said = std::any_of(state.history.begin(), state.history.end(),
                                  [&](const auto& earlier) { return earlier.text == candidate; });
    if (said || said_before(state, candidate)) continue;
    line = candidate;
    break;
  }
  state.record.model = "card";
  return say(std::move(state), std::move(line), "dodge", now_ms);
}

double median_draft_ms(const TurnState& state) {
  if (state.draft_ms.empty()) return 0;
  std::vector<double> sorted = state.draft_ms;
  std::sort(sorted.begin(), sorted.end());
  return sorted[sorted.size() / 2];
}

Step draft(TurnState state, double now_ms) {
  const int number = static_cast<int>(state.record.attempts.size()) + 1;
  const double needed = median_draft_ms(state) + state.options.draft_reserve_ms;
  if (number > state.options.attempts_max || now_ms + needed > state.options.deadline_ms) {
    return settle(std::move(state), now_ms);
  }
  state.phase = Phase::Drafting;
  state.stage_began_ms = now_ms;
  contracts::ChatRequest request = chat_request(state, number);
  contracts::Attempt attempt;
  attempt.number = number;
  attempt.band = band_of(number);
  attempt.hints = notes_for(state, number).hint_ids;
  state.record.attempts.push_back(std::move(attempt));
  return {std::move(state), {action::Draft{std::move(request)}}};
}

// A fault is not a bad draft: the next attempt waits by the policy, if that still helps.
Step back_off(TurnState state, const Error& error, double now_ms) {
  state.record.attempts.back().fault = fmt::format("{}: {}", name(error.code), error.message);
  state.record.degraded = true;
  Random random(hash64(state.record.turn_id, state.record.attempts.size()));
  const auto failures = static_cast<int>(
      std::count_if(state.record.attempts.begin(), state.record.attempts.end(),
                    [](const contracts::Attempt& attempt) { return attempt.fault.has_value(); }));
  const auto wait =
      static_cast<double>(retry::delay(retry::kDiscordMessage, failures, random).count());
  if (now_ms + wait + state.options.draft_reserve_ms > state.options.deadline_ms ||
      static_cast<int>(state.record.attempts.size()) >= state.options.attempts_max) {
    return settle(std::move(state), now_ms);
  }
  state.phase = Phase::Waiting;
  state.stage_began_ms = now_ms;
  return {std::move(state), {action::Wait{wait}}};
}

// Whether a text speaks of something that was named before it.
bool refers_back(std::string_view text) {
  constexpr std::array<std::string_view, 11> kReferring{
      "it", "its", "he", "him", "she", "her", "they", "them", "that", "this", "there"};
  const auto said = lexical::tokens(text);
  return std::any_of(said.begin(), said.end(), [&](const std::string& word) {
    return std::find(kReferring.begin(), kReferring.end(), word) != kReferring.end();
  });
}

// The message without the character's own name: it stands in every sentence about him, so it finds
// nothing and costs most. The whole message where nothing else is said.
std::string query_text(const TurnState& state, const std::string& character) {
  const auto named = state.names.find(character);
  const auto called = lexical::tokens(named == state.names.end() ? character : named->second);
  std::string text;
  std::size_t done = 0;
  for (const lexical::Word& word : lexical::words(state.record.message)) {
    const bool own = word.text == character || (!called.empty() && word.text == called.front());
    if (!own) continue;
    text.append(state.record.message, done, word.start - done);
    done = word.end;
  }
  text.append(state.record.message, done);
  const auto stems = lexical::content_stems(text);
  // "And what powers it?" says too little by itself: what was said before tells of what.
  const bool unclear = stems.empty() || (stems.size() <= kShortQuestionStems && refers_back(text));
  if (unclear && !state.talk.empty()) {
    return std::string(utf8_prefix(text + " " + state.talk, kQueryBytes));
  }
  return stems.empty() ? state.record.message : text;
}

action::Retrieve retrieve_for(TurnState& state, const std::string& character, double now_ms) {
  state.retrieve_began_ms = now_ms;
  contracts::QueryRequest query;
  query.query = query_text(state, character);
  query.top_k = state.options.knowledge_hits;
  query.context = false;  // the hits are fenced one by one
  query.collections = {contracts::knowledge_collection(character)};
  return {std::move(query), character};
}

action::FetchPrompt fetch_prompt(const TurnState& state) {
  // A new seed each turn: the prompt shows other example lines.
  const auto seed = static_cast<std::int64_t>(hash64(state.record.turn_id) % kPromptVariants);
  contracts::PromptRequest request{state.record.character, seed};
  request.talk = state.history;  // what of the lorebook is in the prompt hangs on it
  if (request.talk.empty()) request.talk.push_back(trigger_line(state));
  return {std::move(request)};
}

// Once everything is there the first draft begins.
Step when_gathered(TurnState state, double now_ms) {
  if (!state.observed || !state.prompted || !state.retrieved) return {std::move(state), {}};
  return draft(std::move(state), now_ms);
}

Step begin(TurnState state, double now_ms) {
  std::vector<Action> actions;
  if (!state.observed) {
    contracts::ObserveRequest request;
    request.channel = state.record.channel;
    request.message_id = state.record.message_id;
    request.line = trigger_line(state);
    request.author_id = state.record.author_id;
    request.participants = state.participants;
    actions.emplace_back(action::Observe{std::move(request)});
  }
  if (!state.record.character.empty()) {
    if (state.observed) state.phase = Phase::Gathering;
    actions.emplace_back(fetch_prompt(state));
    actions.emplace_back(retrieve_for(state, state.record.character, now_ms));
  } else if (!state.guess.empty()) {
    actions.emplace_back(retrieve_for(state, state.guess, now_ms));
  }
  return {std::move(state), std::move(actions)};
}

Step said_before(TurnState state, event::SaidBefore event, double now_ms) {
  state.earlier = std::move(event.reply);
  return finish(std::move(state), TurnStatus::Interrupted, "repeated", now_ms);
}

// What was said to the message already: by this character, or by any if none was asked for.
std::optional<contracts::TurnReply> answered_before(const TurnState& state,
                                                    const contracts::ObserveReply& reply) {
  if (state.record.regenerates) return std::nullopt;
  const std::string wanted = state.asked_for.value_or("");
  for (const contracts::Answered& answer : reply.answered) {
    if (!wanted.empty() && answer.character != wanted) continue;
    contracts::TurnReply earlier;
    earlier.turn_id = answer.turn_id;
    earlier.character = answer.character;
    earlier.text = answer.text;
    earlier.degraded = true;  // its scores are not known any more
    earlier.reason = "recovered";
    return earlier;
  }
  return std::nullopt;
}

Step observed(TurnState state, event::Observed event, double now_ms) {
  close_stage(state, "observe", 0, now_ms);
  if (!event.reply) {
    // Without the coordinator a character that was asked for by name can still answer.
    if (!state.asked_for) return fail(std::move(state), event.reply.error(), now_ms);
    state.record.faults.push_back(fault_text("coordinator.observe", event.reply.error()));
    state.record.degraded = true;
    state.apart = true;
    state.history = {trigger_line(state)};
  } else {
    contracts::ObserveReply reply = std::move(event.reply).value();
    if (auto earlier = answered_before(state, reply)) {
      return said_before(std::move(state), {std::move(*earlier)}, now_ms);
    }
    state.history = std::move(reply.history);
    // Of a line that the coordinator takes for a character's own there is no history.
    if (state.history.empty()) state.history = {trigger_line(state)};
    state.message_count = reply.message_count;
    state.record.scores = std::move(reply.selection.scores);
    if (!state.asked_for && (reply.selection.nobody || reply.selection.speakers.empty())) {
      return finish(std::move(state), TurnStatus::Silent, reply.selection.reason, now_ms);
    }
    if (!state.asked_for) state.record.character = std::move(reply.selection.speakers.front());
  }
  state.observed = true;
  state.phase = Phase::Gathering;
  if (state.asked_for) return when_gathered(std::move(state), now_ms);
  state.stage_began_ms = now_ms;
  std::vector<Action> actions{fetch_prompt(state)};
  if (state.record.character != state.guess) {
    state.retrieved = false;  // what has come was for somebody else
    state.knowledge.reset();
    state.record.sources.clear();
    actions.emplace_back(retrieve_for(state, state.record.character, now_ms));
  }
  return {std::move(state), std::move(actions)};
}

Step prompted(TurnState state, event::Prompted event, double now_ms) {
  close_stage(state, "prompt", state.stage_began_ms, now_ms);
  if (!event.reply) {
    Error error = event.reply.error();
    if (error.code == Code::NotFound) {
      error = {Code::NotFound,
               fmt::format("character: '{}' is not in the cast", state.record.character)};
    }
    return fail(std::move(state), std::move(error), now_ms);
  }
  state.prompt = std::move(event.reply).value();
  state.hints = std::move(event.hints);
  if (const contracts::Variant* variant = variant_of(state)) state.record.variant = variant->id;
  state.prompted = true;
  return when_gathered(std::move(state), now_ms);
}

Step retrieved(TurnState state, event::Retrieved event, double now_ms) {
  close_stage(state, "retrieve", state.retrieve_began_ms, now_ms);
  state.retrieved = true;
  if (event.reply) {
    state.knowledge = std::move(event.reply).value();
    for (const contracts::Hit& hit : state.knowledge->hits) {
      state.record.sources.push_back(
          {hit.title, hit.uri, fmt::format("{}-{}", hit.start, hit.end)});
    }
    if (state.knowledge->degraded) state.record.degraded = true;
  } else {
    state.record.faults.push_back(fault_text("retriever.query", event.reply.error()));
    state.record.degraded = true;
  }
  return when_gathered(std::move(state), now_ms);
}

Step drafted(TurnState state, event::Drafted event, double now_ms) {
  contracts::Attempt& attempt = state.record.attempts.back();
  attempt.draft_ms = now_ms - state.stage_began_ms;
  close_stage(state, fmt::format("draft {}", attempt.number), state.stage_began_ms, now_ms);
  if (!event.reply) return back_off(std::move(state), event.reply.error(), now_ms);
  state.draft_ms.push_back(attempt.draft_ms);
  contracts::ChatReply reply = std::move(event.reply).value();
  attempt.text = tidied_draft(reply.text, state.prompt->name);
  attempt.model = std::move(reply.model);
  attempt.provider = std::move(reply.provider);
  attempt.failovers = std::move(reply.failovers);
  if (!attempt.failovers.empty()) state.record.degraded = true;  // not from whom it was asked of
  state.phase = Phase::Assessing;
  state.stage_began_ms = now_ms;
  auto request = assess_request(state, attempt.text);
  return {std::move(state), {action::Assess{std::move(request)}}};
}

Step assessed(TurnState state, event::Assessed event, double now_ms) {
  contracts::Attempt& attempt = state.record.attempts.back();
  attempt.assess_ms = now_ms - state.stage_began_ms;
  close_stage(state, fmt::format("assess {}", attempt.number), state.stage_began_ms, now_ms);
  if (!event.reply) return back_off(std::move(state), event.reply.error(), now_ms);
  attempt.assessment = std::move(event.reply).value();
  if (attempt.assessment->passed && said_before(state, attempt.text)) {
    attempt.assessment->passed = false;
    attempt.assessment->findings.push_back(
        {contracts::FindingCode::Repetition, contracts::Severity::Major,
         "That very line was said in this channel before. Say something else."});
  }
  if (!attempt.assessment->passed) return draft(std::move(state), now_ms);
  state.record.model = attempt.model;
  state.record.score = attempt.assessment->score;
  state.record.passed = true;
  if (stands_in(state.options, attempt.number)) state.record.degraded = true;
  std::string text = attempt.text;
  return say(std::move(state), std::move(text), "passed", now_ms);
}

// A coordinator that was there when the turn began is on its way back: the line waits for it while
// there is time, as a line that was said must not be missing from the conversation.
std::optional<double> wait_to_record(TurnState& state, const Error& error, double now_ms) {
  if (state.apart || !retryable(error.code)) return std::nullopt;
  const int failures = ++state.record_failures;
  Random random(hash64(state.record.turn_id + ".record", static_cast<std::uint64_t>(failures)));
  const auto wait =
      static_cast<double>(retry::delay(retry::kDiscordMessage, failures, random).count());
  if (now_ms + wait > state.options.deadline_ms) return std::nullopt;
  return wait;
}

Step recorded(TurnState state, event::Recorded event, double now_ms) {
  close_stage(state, "record", state.stage_began_ms, now_ms);
  if (!event.reply) {
    if (const auto wait = wait_to_record(state, event.reply.error(), now_ms)) {
      state.record_waits = true;
      state.stage_began_ms = now_ms;
      return {std::move(state), {action::Wait{*wait}}};
    }
    // The line is said all the same; the conversation lacks it, and the record says so.
    state.record.faults.push_back(fault_text("coordinator.observe", event.reply.error()));
    state.record.degraded = true;
  } else if (event.reply.value().repeated) {
    // Another process was first; its line stands, ours was never said. Unless it is our own, which
    // was told twice because the first answer was lost.
    auto earlier = answered_before(state, event.reply.value());
    if (earlier && earlier->turn_id != state.record.turn_id) {
      state.record.text.clear();
      return said_before(std::move(state), {std::move(*earlier)}, now_ms);
    }
  }
  std::string reason = state.record.reason;
  return finish(std::move(state), TurnStatus::Said, std::move(reason), now_ms);
}

Step deadline_reached(TurnState state, double now_ms) {
  switch (state.phase) {
    case Phase::Drafting:
    case Phase::Assessing:
      state.record.attempts.back().fault = "deadline_exceeded: the turn's time was over";
      return settle(std::move(state), now_ms);
    case Phase::Observing:
    case Phase::Gathering:
    case Phase::Waiting:
      return settle(std::move(state), now_ms);
    case Phase::Recording:
    case Phase::Over:
      break;  // the line is decided
  }
  return {std::move(state), {}};
}

Step interrupted(TurnState state, event::Interrupted event, double now_ms) {
  if (state.phase == Phase::Recording) return {std::move(state), {}};  // it counts as said
  return finish(std::move(state), TurnStatus::Interrupted, event.reason, now_ms);
}

// Hands an event to the phase that waits for it. What comes late, after its phase, is of no use.
struct Stepper {
  TurnState state;
  double now_ms;

  Step ignored() { return {std::move(state), {}}; }
  bool gathers() const {
    return state.phase == Phase::Observing || state.phase == Phase::Gathering;
  }
  Step operator()(event::Begin&) { return begin(std::move(state), now_ms); }
  Step operator()(event::Observed& event) {
    return state.observed || !gathers() ? ignored()
                                        : observed(std::move(state), std::move(event), now_ms);
  }
  Step operator()(event::Prompted& event) {
    return state.prompted || !gathers() ? ignored()
                                        : prompted(std::move(state), std::move(event), now_ms);
  }
  Step operator()(event::Retrieved& event) {
    const std::string& awaited =
        state.record.character.empty() ? state.guess : state.record.character;
    const bool ours = event.character.empty() || event.character == awaited;
    if (state.retrieved || !gathers() || !ours) return ignored();
    return retrieved(std::move(state), std::move(event), now_ms);
  }
  Step operator()(event::Drafted& event) {
    return state.phase != Phase::Drafting ? ignored()
                                          : drafted(std::move(state), std::move(event), now_ms);
  }
  Step operator()(event::Assessed& event) {
    return state.phase != Phase::Assessing ? ignored()
                                           : assessed(std::move(state), std::move(event), now_ms);
  }
  Step operator()(event::Waited&) {
    if (std::exchange(state.record_waits, false)) {
      auto line = record_line(state);
      return {std::move(state), {std::move(line)}};
    }
    return state.phase != Phase::Waiting ? ignored() : draft(std::move(state), now_ms);
  }
  Step operator()(event::Recorded& event) {
    return state.phase != Phase::Recording ? ignored()
                                           : recorded(std::move(state), std::move(event), now_ms);
  }
  Step operator()(event::DeadlineReached&) { return deadline_reached(std::move(state), now_ms); }
  Step operator()(event::Interrupted& event) {
    return interrupted(std::move(state), std::move(event), now_ms);
  }
  Step operator()(event::SaidBefore& event) {
    return said_before(std::move(state), std::move(event), now_ms);
  }
};

}  // namespace

contracts::Band band_of(int attempt) {
  if (attempt <= 3) return contracts::Band::Standard;
  return attempt <= 6 ? contracts::Band::Tuned : contracts::Band::Guided;
}

std::string line_id(const contracts::TurnRecord& record) {
  if (record.kind != contracts::TurnKind::Direct) return record.turn_id;
  const std::string id = fmt::format("{}~{}", record.message_id, record.character);
  if (!record.regenerates) return id;
  return record.request_id ? fmt::format("{}~{}", id, *record.request_id) : record.turn_id;
}

bool stands_in(const TurnOptions& options, int number) {
  return number > 1 && number == options.attempts_max;
}

std::uint64_t said_key(std::string_view text) { return hash64(ascii_lower(trimmed(text))); }

std::string guessed_speaker(const std::string& message,
                            const std::map<std::string, std::string>& names) {
  const auto said = lexical::tokens(message);
  std::string guess;
  for (const auto& [id, name] : names) {
    const auto called = lexical::tokens(name);
    const bool named = std::any_of(said.begin(), said.end(), [&](const std::string& word) {
      return word == id || (!called.empty() && word == called.front());
    });
    if (!named) continue;
    if (!guess.empty()) return {};
    guess = id;
  }
  return guess;
}

TurnState direct_turn(const std::string& turn_id, const contracts::OrchestrateRequest& request,
                      std::int64_t started_ms, const TurnOptions& options) {
  TurnState state;
  state.options = options;
  state.asked_for = request.character;
  state.record.turn_id = turn_id;
  state.record.channel = request.channel;
  state.record.message_id = request.message_id.value_or(turn_id + ".in");
  state.record.author = request.author;
  state.record.message = request.message;
  state.record.kind = request.kind;
  state.record.started_ms = started_ms;
  state.record.character = request.character.value_or("");
  state.record.author_id = request.author_id;
  state.participants = request.participants;
  return state;
}

TurnState organic_turn(const std::string& turn_id, const std::string& channel,
                       const contracts::FollowUp& follow_up, std::int64_t started_ms,
                       const TurnOptions& options) {
  TurnState state;
  state.options = options;
  state.asked_for = follow_up.character;
  state.record.turn_id = turn_id;
  state.record.channel = channel;
  state.record.message_id = turn_id + ".in";
  state.record.kind = contracts::TurnKind::Organic;
  state.record.started_ms = started_ms;
  state.record.character = follow_up.character.value_or("");
  state.record.scores = follow_up.scores;
  state.history = follow_up.history;
  state.message_count = follow_up.message_count;
  if (!state.history.empty()) {
    state.record.author = state.history.back().author;
    state.record.message = state.history.back().text;
  }
  state.observed = true;
  return state;
}

TurnState regenerating_turn(const std::string& turn_id, const contracts::TurnRecord& earlier,
                            std::int64_t started_ms, const TurnOptions& options) {
  contracts::OrchestrateRequest request;
  request.channel = earlier.channel;
  request.author = earlier.author;
  request.message = earlier.message;
  request.character = earlier.character;
  request.message_id = earlier.message_id;
  request.author_id = earlier.author_id;
  TurnState state = direct_turn(turn_id, request, started_ms, options);
  state.record.regenerates = earlier.turn_id;
  // Who asks puts the new line in the old one's place.
  state.record.posted_id = earlier.posted_id;
  return state;
}

Step step(TurnState state, Event event, double now_ms) {
  if (state.phase == Phase::Over) return {std::move(state), {}};
  return std::visit(Stepper{std::move(state), now_ms}, event);
}

contracts::TurnReply reply_of(const contracts::TurnRecord& record) {
  contracts::TurnReply reply;
  reply.turn_id = record.turn_id;
  reply.character = record.status == TurnStatus::Said ? record.character : "";
  reply.text = record.text;
  reply.model = record.model;
  reply.passed = record.passed;
  reply.score = record.score;
  reply.attempts = static_cast<int>(record.attempts.size());
  reply.degraded = record.degraded;
  reply.sources = record.sources;
  reply.ms = record.ms;
  reply.reason = record.reason;
  return reply;
}

Result<contracts::TurnReply> reply_of(const TurnState& state) {
  if (state.failure) {
    return Error{state.failure->code,
                 fmt::format("turn {}: {}", state.record.turn_id, state.failure->message)};
  }
  return state.earlier ? *state.earlier : reply_of(state.record);
}

}  // namespace router
