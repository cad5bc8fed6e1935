#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "router/turn.h"

namespace router::testing {

inline contracts::Line human(std::string text) {
  return {"sam", std::move(text), contracts::Kind::Human, std::nullopt};
}
inline contracts::Line bot(std::string who, std::string text) {
  return {std::move(who), std::move(text), contracts::Kind::Bot, std::nullopt};
}

inline contracts::OrchestrateRequest a_message() {
  contracts::OrchestrateRequest request;
  request.channel = "griffin-house";
  request.author = "sam";
  request.message = "What is a tesseract?";
  request.message_id = "m1";
  return request;
}

inline contracts::ObserveReply seen(std::vector<std::string> speakers) {
  contracts::ObserveReply reply;
  reply.history = {bot("brian", "Evening."), human("What is a tesseract?")};
  reply.message_count = 9;
  reply.selection.nobody = speakers.empty();
  reply.selection.reason = speakers.empty() ? "below_threshold" : "addressed";
  reply.selection.speakers = std::move(speakers);
  reply.selection.scores = {{"stewie", {{"total", 100.0}}}};
  return reply;
}

inline contracts::Prompt a_prompt() {
  contracts::Prompt prompt;
  prompt.character = "stewie";
  prompt.name = "Stewie";
  prompt.system = "You are Stewie.";
  prompt.collection = "character_stewie";
  prompt.dodges = {"Blast! Ask me later.", "I am busy with a ray gun."};
  prompt.temperature = 0.7;
  prompt.max_tokens = 150;
  return prompt;
}

inline event::Prompted prompted(contracts::Prompt prompt) {
  return {std::make_shared<const contracts::Prompt>(std::move(prompt)), nullptr};
}

inline contracts::QueryReply some_knowledge() {
  contracts::Hit hit;
  hit.title = "Geometry";
  hit.uri = "file:geometry.md";
  hit.text = "A tesseract is a cube in four dimensions.";
  hit.start = 10;
  hit.end = 51;
  contracts::QueryReply reply;
  reply.hits = {std::move(hit)};
  return reply;
}

inline contracts::ChatReply a_draft(std::string text) {
  contracts::ChatReply reply;
  reply.text = std::move(text);
  reply.model = "phi3:3.8b";
  reply.provider = "local";
  return reply;
}

inline contracts::Finding finding(std::string hint,
                                  contracts::Severity severity = contracts::Severity::Major) {
  return {contracts::FindingCode::WrongVoice, severity, std::move(hint)};
}

inline contracts::Assessment passed(double score) {
  contracts::Assessment verdict;
  verdict.score = score;
  verdict.threshold = 60;
  verdict.passed = true;
  return verdict;
}
inline contracts::Assessment rejected(double score, std::vector<contracts::Finding> findings = {}) {
  contracts::Assessment verdict = passed(score);
  verdict.passed = false;
  verdict.findings = std::move(findings);
  return verdict;
}

inline Error fault(std::string why = "connection refused") {
  return {Code::Unavailable, std::move(why)};
}

// A turn, what it asked for last, and the time of its last event.
class Play {
 public:
  explicit Play(TurnState begun) : state(std::move(begun)) {}

  Play& feed(const Event& event, double after_ms = 100) {
    now_ms += after_ms;
    Step next = step(std::move(state), event, now_ms);
    state = std::move(next.state);
    actions = std::move(next.actions);
    return *this;
  }
  // The one action that the last event led to.
  template <class A>
  const A& only() const {
    if (actions.size() != 1 || !std::holds_alternative<A>(actions.front())) {
      throw std::logic_error("not the action that was expected, in phase " +
                             std::to_string(static_cast<int>(state.phase)));
    }
    return std::get<A>(actions.front());
  }
  bool silent() const { return actions.empty(); }

  TurnState state;
  std::vector<Action> actions{};
  double now_ms = 0;
};

// Turns that have come to a phase, in the fewest events.
inline Play observing() {
  return Play(direct_turn("turn_1", a_message(), 1'700'000'000'000, {})).feed(event::Begin{}, 0);
}
inline Play gathering() { return observing().feed(event::Observed{seen({"stewie"})}); }
inline Play drafting() {
  return gathering().feed(prompted(a_prompt())).feed(event::Retrieved{some_knowledge()});
}
inline Play assessing() { return drafting().feed(event::Drafted{a_draft("A cube, you fool.")}); }
inline Play waiting() { return drafting().feed(event::Drafted{fault()}); }
inline Play recording() { return assessing().feed(event::Assessed{passed(88)}); }
inline Play over() { return recording().feed(event::Recorded{seen({})}); }

}  // namespace router::testing
