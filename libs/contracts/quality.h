#pragma once

#include "contracts/conversation.h"

namespace contracts {

enum class TurnKind { Direct, Organic };
constexpr auto enum_names(TurnKind) {
  return EnumNames<TurnKind, 2>{{{TurnKind::Direct, "direct"}, {TurnKind::Organic, "organic"}}};
}

enum class Severity { Info, Minor, Major, Critical };
constexpr auto enum_names(Severity) {
  return EnumNames<Severity, 4>{{{Severity::Info, "info"},
                                 {Severity::Minor, "minor"},
                                 {Severity::Major, "major"},
                                 {Severity::Critical, "critical"}}};
}

// What is wrong with a line, by the codes of DESIGN section 10.
enum class FindingCode {
  SpeaksForOthers,
  LeaksPrompt,
  AssistantVoice,
  WrongVoice,
  WrongLanguage,
  Repetition,
  UnsupportedClaim,
  MentionAbuse,
  Toxic,
  OffTopic,
  TooLong,
  Empty,
};
constexpr auto enum_names(FindingCode) {
  return EnumNames<FindingCode, 12>{{{FindingCode::SpeaksForOthers, "speaks_for_others"},
                                     {FindingCode::LeaksPrompt, "leaks_prompt"},
                                     {FindingCode::AssistantVoice, "assistant_voice"},
                                     {FindingCode::WrongVoice, "wrong_voice"},
                                     {FindingCode::WrongLanguage, "wrong_language"},
                                     {FindingCode::Repetition, "repetition"},
                                     {FindingCode::UnsupportedClaim, "unsupported_claim"},
                                     {FindingCode::MentionAbuse, "mention_abuse"},
                                     {FindingCode::Toxic, "toxic"},
                                     {FindingCode::OffTopic, "off_topic"},
                                     {FindingCode::TooLong, "too_long"},
                                     {FindingCode::Empty, "empty"}}};
}

struct Finding {
  static constexpr std::string_view kName = "finding";
  FindingCode code = FindingCode::Empty;
  Severity severity = Severity::Minor;
  std::string hint;  // an instruction for the next draft
  static void fields(auto& self, auto&& visit) {
    visit("code", self.code);
    visit("severity", self.severity);
    visit("hint", self.hint, Field{.bytes_max = 1000});
  }
  friend bool operator==(const Finding&, const Finding&) = default;
};

// A line of the judged line's context; `kind` is optional as curl users leave it out.
struct ContextLine {
  static constexpr std::string_view kName = "context_line";
  std::string author;
  std::string text;
  static void fields(auto& self, auto&& visit) {
    visit("author", self.author, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("text", self.text, Field{.bytes_max = limits::kMessageBytes});
  }
};

// quality.assess, POST /assess: may this drafted line be said?
struct AssessRequest {
  static constexpr std::string_view kName = "assess_request";
  std::string character;
  std::string line;
  std::vector<ContextLine> context;    // oldest first
  std::vector<std::string> knowledge;  // the texts that the draft was given
  TurnKind kind = TurnKind::Direct;
  std::optional<std::int64_t> message_count;  // lines of the last 24 h; absent: the context's lines

  static void fields(auto& self, auto&& visit) {
    visit("character", self.character, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("line", self.line, Field{.bytes_max = 16 * 1024});
    visit("context", self.context, Field{.items_max = limits::kHistoryLines, .defaulted = true});
    visit("knowledge", self.knowledge,
          Field{.bytes_max = 16 * 1024, .items_max = 64, .defaulted = true});
    visit("kind", self.kind, Field{.defaulted = true});
    visit("message_count", self.message_count, Field{.min = 0, .max = 1e9});
  }
};

struct Components {
  static constexpr std::string_view kName = "components";
  double authenticity = 0;
  double flow = 0;
  double engagement = 0;
  double grounding = 0;
  double safety = 0;
  static void fields(auto& self, auto&& visit) {
    const Field score{.min = 0, .max = 100};
    visit("authenticity", self.authenticity, score);
    visit("flow", self.flow, score);
    visit("engagement", self.engagement, score);
    visit("grounding", self.grounding, score);
    visit("safety", self.safety, score);
  }
};

struct Assessment {
  static constexpr std::string_view kName = "assessment";
  double score = 0;
  double threshold = 0;
  bool passed = false;
  Components components;
  std::vector<Finding> findings;
  static void fields(auto& self, auto&& visit) {
    visit("score", self.score, Field{.min = 0, .max = 100});
    visit("threshold", self.threshold);
    visit("passed", self.passed);
    visit("components", self.components);
    visit("findings", self.findings, Field{.items_max = 64});
  }
};

// quality.voice, POST /voice: whose voice is this line in? Scores sum to 1.
struct VoiceRequest {
  static constexpr std::string_view kName = "voice_request";
  std::string line;
  static void fields(auto& self, auto&& visit) {
    visit("line", self.line, Field{.bytes_min = 1, .bytes_max = limits::kMessageBytes});
  }
};

struct VoiceScores {
  static constexpr std::string_view kName = "voice_scores";
  std::map<std::string, double> scores;
  static void fields(auto& self, auto&& visit) { visit("scores", self.scores); }
};

// By what a line is judged: shares of 100, of the five components in the score and of its parts in
// each component.
struct QualityWeights {
  double authenticity = 25;
  double flow = 30;
  double engagement = 20;
  double grounding = 20;
  double safety = 5;
  static void fields(auto& self, auto&& visit) {
    const Field part{.min = 0, .max = 100, .defaulted = true};
    visit("authenticity", self.authenticity, part);
    visit("flow", self.flow, part);
    visit("engagement", self.engagement, part);
    visit("grounding", self.grounding, part);
    visit("safety", self.safety, part);
  }
  friend bool operator==(const QualityWeights&, const QualityWeights&) = default;
};

struct AuthenticityParts {
  double consistency = 40;  // nobody else of the cast sounds like this, and a person speaks
  double markers = 40;      // phrases, words and vocabulary of the card
  double style = 20;        // length and shape of sentences
  static void fields(auto& self, auto&& visit) {
    const Field part{.min = 0, .max = 100, .defaulted = true};
    visit("consistency", self.consistency, part);
    visit("markers", self.markers, part);
    visit("style", self.style, part);
  }
  friend bool operator==(const AuthenticityParts&, const AuthenticityParts&) = default;
};

struct FlowParts {
  double awareness = 50;  // it takes up what was said, or asked for
  double follow_up = 40;  // it reads as a turn of a talk
  double organic = 10;    // unasked, it joins what is talked about
  static void fields(auto& self, auto&& visit) {
    const Field part{.min = 0, .max = 100, .defaulted = true};
    visit("awareness", self.awareness, part);
    visit("follow_up", self.follow_up, part);
    visit("organic", self.organic, part);
  }
  friend bool operator==(const FlowParts&, const FlowParts&) = default;
};

struct EngagementParts {
  double length = 40;
  double questions = 30;  // it turns to somebody
  double humour = 30;     // it has colour
  static void fields(auto& self, auto&& visit) {
    const Field part{.min = 0, .max = 100, .defaulted = true};
    visit("length", self.length, part);
    visit("questions", self.questions, part);
    visit("humour", self.humour, part);
  }
  friend bool operator==(const EngagementParts&, const EngagementParts&) = default;
};

struct GroundingParts {
  double facts = 60;       // what it says was known
  double confidence = 25;  // it is no surer than what it knows
  double risk = 15;        // the character's own habit of inventing
  static void fields(auto& self, auto&& visit) {
    const Field part{.min = 0, .max = 100, .defaulted = true};
    visit("facts", self.facts, part);
    visit("confidence", self.confidence, part);
    visit("risk", self.risk, part);
  }
  friend bool operator==(const GroundingParts&, const GroundingParts&) = default;
};

struct SafetyParts {
  double content = 60;
  double language = 25;
  double community = 15;
  static void fields(auto& self, auto&& visit) {
    const Field part{.min = 0, .max = 100, .defaulted = true};
    visit("content", self.content, part);
    visit("language", self.language, part);
    visit("community", self.community, part);
  }
  friend bool operator==(const SafetyParts&, const SafetyParts&) = default;
};

struct QualityParts {
  AuthenticityParts authenticity;
  FlowParts flow;
  EngagementParts engagement;
  GroundingParts grounding;
  SafetyParts safety;
  static void fields(auto& self, auto&& visit) {
    const Field parts{.defaulted = true};
    visit("authenticity", self.authenticity, parts);
    visit("flow", self.flow, parts);
    visit("engagement", self.engagement, parts);
    visit("grounding", self.grounding, parts);
    visit("safety", self.safety, parts);
  }
  friend bool operator==(const QualityParts&, const QualityParts&) = default;
};

// The score that a line needs, by lines said in the channel in the last 24 h.
struct QualityThresholds {
  double cold = 30;  // 0 to 6 lines
  double warm = 60;  // 7 to 20 lines
  double hot = 75;   // 21 lines and more
  double organic_extra = 2;
  std::int64_t warm_from = 7;
  std::int64_t hot_from = 21;
  static void fields(auto& self, auto&& visit) {
    const Field score{.min = 0, .max = 100, .defaulted = true};
    const Field lines{.min = 0, .max = 1e9, .defaulted = true};
    visit("cold", self.cold, score);
    visit("warm", self.warm, score);
    visit("hot", self.hot, score);
    visit("organic_extra", self.organic_extra, score);
    visit("warm_from", self.warm_from, lines);
    visit("hot_from", self.hot_from, lines);
  }
  friend bool operator==(const QualityThresholds&, const QualityThresholds&) = default;
};

// PUT /config of quality: what changes how lines are judged, from the next one on. What is left out
// stays as it is, of what is null the configuration decides again. The answer is all of it.
struct ReviewSettings {
  static constexpr std::string_view kName = "review_settings";
  QualityWeights weights;
  QualityParts parts;
  QualityThresholds thresholds;
  double major_cap = 55;     // the most that a line with a major finding scores
  double critical_cap = 25;  // and with a critical one
  static void fields(auto& self, auto&& visit) {
    const Field score{.min = 0, .max = 100, .defaulted = true};
    visit("weights", self.weights, Field{.defaulted = true});
    visit("parts", self.parts, Field{.defaulted = true});
    visit("thresholds", self.thresholds, Field{.defaulted = true});
    visit("major_cap", self.major_cap, score);
    visit("critical_cap", self.critical_cap, score);
  }
  friend bool operator==(const ReviewSettings&, const ReviewSettings&) = default;
};

}  // namespace contracts
