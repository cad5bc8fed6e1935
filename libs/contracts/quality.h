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

}  // namespace contracts
