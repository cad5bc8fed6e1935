#pragma once

#include "base/ids.h"
#include "contracts/router.h"

namespace contracts {

// A way of drafting that is tried against the others: an instruction for the system prompt and
// sampling parameters of its own.
struct Variant {
  static constexpr std::string_view kName = "variant";
  std::string id;
  std::string text;  // added to the system prompt; may be empty
  std::optional<double> temperature;
  std::optional<double> top_p;
  double weight = 0;  // the share of turns that it should get now; all sum to 1
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("text", self.text, Field{.bytes_max = 1000, .defaulted = true});
    visit("temperature", self.temperature, Field{.min = 0, .max = 2});
    visit("top_p", self.top_p, Field{.min = 0, .max = 1});
    visit("weight", self.weight, Field{.min = 0, .max = 1, .defaulted = true});
  }
};

struct RetryHint {
  static constexpr std::string_view kName = "retry_hint";
  std::string id;    // "repetition.5f3a": what an outcome names it by
  std::string text;  // an instruction for the next draft
  static void fields(auto& self, auto&& visit) {
    visit("id", self.id, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("text", self.text, Field{.bytes_max = 1000});
  }
};

struct RetryHints {
  static constexpr std::string_view kName = "retry_hints";
  FindingCode code = FindingCode::Empty;
  std::vector<RetryHint> hints;  // what has helped before stands first
  static void fields(auto& self, auto&& visit) {
    visit("code", self.code);
    visit("hints", self.hints, Field{.items_max = 16});
  }
};

// tuning.hints, POST /hints: how should this character's next turns be drafted?
struct HintsRequest {
  static constexpr std::string_view kName = "hints_request";
  std::string character;
  static void fields(auto& self, auto&& visit) {
    visit("character", self.character, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
  }
};

// The caller keeps the reply (a quarter of an hour, or until an OutcomesReply tells a higher
// `generation`) and draws a variant for each turn by weight from a hash of the turn's id, see
// draw(): a turn then costs no call.
struct Hints {
  static constexpr std::string_view kName = "hints";
  std::int64_t generation = 0;
  std::vector<Variant> variants;
  std::vector<RetryHints> retry;      // for attempts from 4
  std::vector<std::string> guidance;  // this character's, for attempts from 7
  static void fields(auto& self, auto&& visit) {
    visit("generation", self.generation, Field{.min = 0});
    visit("variants", self.variants, Field{.items_max = 16});
    visit("retry", self.retry, Field{.items_max = 32});
    visit("guidance", self.guidance, Field{.bytes_max = 1000, .items_max = 16});
  }
};

// The variant that the turn with this hash of its id gets; nullptr when there is none. The same
// hash and weights give the same variant.
inline const Variant* draw(const std::vector<Variant>& variants, std::uint64_t hash) {
  double left = Random(hash).uniform();
  for (const Variant& variant : variants) {
    left -= variant.weight;
    if (left < 0) return &variant;
  }
  return variants.empty() ? nullptr : &variants.front();
}

// What became of one draft.
struct OutcomeAttempt {
  static constexpr std::string_view kName = "outcome_attempt";
  int number = 1;
  Band band = Band::Standard;
  bool passed = false;
  double score = 0;
  std::vector<FindingCode> codes;
  std::vector<std::string> hints;    // ids of the retry hints that this draft was given
  std::optional<std::string> fault;  // there was no draft or no verdict
  static void fields(auto& self, auto&& visit) {
    visit("number", self.number, Field{.min = 1, .max = 100});
    visit("band", self.band, Field{.defaulted = true});
    visit("passed", self.passed, Field{.defaulted = true});
    visit("score", self.score, Field{.min = 0, .max = 100, .defaulted = true});
    visit("codes", self.codes, Field{.items_max = 64, .defaulted = true});
    visit("hints", self.hints,
          Field{.bytes_min = 1, .bytes_max = limits::kIdBytes, .items_max = 16, .defaulted = true});
    visit("fault", self.fault, Field{.bytes_max = 1000});
  }
};

// What became of a turn; of a silent one `line` is empty and `attempts` may be.
struct Outcome {
  static constexpr std::string_view kName = "outcome";
  std::string turn_id;
  std::string channel;
  std::string character;
  std::optional<std::string> variant;  // absent: the turn was drafted without tuning
  std::string model;
  TurnKind kind = TurnKind::Direct;
  TurnStatus status = TurnStatus::Said;
  std::string message;  // that was answered
  std::string line;
  bool passed = false;
  double score = 0;
  bool degraded = false;
  std::vector<OutcomeAttempt> attempts;
  double ms = 0;
  std::int64_t at_ms = 0;  // wall time; 0: now
  static void fields(auto& self, auto&& visit) {
    visit("turn_id", self.turn_id, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("channel", self.channel, Field{.bytes_max = limits::kIdBytes, .defaulted = true});
    visit("character", self.character, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("variant", self.variant, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("model", self.model, Field{.bytes_max = 256, .defaulted = true});
    visit("kind", self.kind, Field{.defaulted = true});
    visit("status", self.status, Field{.defaulted = true});
    visit("message", self.message, Field{.bytes_max = limits::kMessageBytes, .defaulted = true});
    visit("line", self.line, Field{.bytes_max = 16 * 1024, .defaulted = true});
    visit("passed", self.passed, Field{.defaulted = true});
    visit("score", self.score, Field{.min = 0, .max = 100, .defaulted = true});
    visit("degraded", self.degraded, Field{.defaulted = true});
    visit("attempts", self.attempts, Field{.items_max = 16, .defaulted = true});
    visit("ms", self.ms, Field{.min = 0, .max = 86'400'000, .defaulted = true});
    visit("at_ms", self.at_ms, Field{.min = 0, .max = 4e12, .defaulted = true});
  }
};

// tuning.outcomes, POST /outcomes: what became of turns. Idempotent by turn_id; on disk
// (crash-safe) before the reply.
struct OutcomesRequest {
  static constexpr std::string_view kName = "outcomes_request";
  std::vector<Outcome> outcomes;
  static void fields(auto& self, auto&& visit) {
    visit("outcomes", self.outcomes, Field{.items_max = 128});
  }
};

struct OutcomesReply {
  static constexpr std::string_view kName = "outcomes_reply";
  std::int64_t accepted = 0;
  std::int64_t repeated = 0;    // were known already
  std::int64_t generation = 0;  // hints of an older one should be asked for again
  static void fields(auto& self, auto&& visit) {
    visit("accepted", self.accepted);
    visit("repeated", self.repeated);
    visit("generation", self.generation);
  }
};

enum class Opinion { None, ThumbsUp, ThumbsDown, Regenerate };  // None withdraws
constexpr auto enum_names(Opinion) {
  return EnumNames<Opinion, 4>{{{Opinion::None, "none"},
                                {Opinion::ThumbsUp, "thumbs_up"},
                                {Opinion::ThumbsDown, "thumbs_down"},
                                {Opinion::Regenerate, "regenerate"}}};
}

// tuning.feedback, POST /feedback: what a person thinks of a turn's line; a person's latest opinion
// stands. Kept also when the turn's outcome is still to come.
struct FeedbackRequest {
  static constexpr std::string_view kName = "feedback_request";
  std::string turn_id;
  std::string author;
  Opinion kind = Opinion::None;
  static void fields(auto& self, auto&& visit) {
    visit("turn_id", self.turn_id, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("author", self.author, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("kind", self.kind);
  }
};

struct FeedbackReply {
  static constexpr std::string_view kName = "feedback_reply";
  bool accepted = false;  // false: that was the person's opinion already
  bool known = false;     // whether the turn's outcome is here
  static void fields(auto& self, auto&& visit) {
    visit("accepted", self.accepted);
    visit("known", self.known);
  }
};

// tuning.forget, POST /forget-outcomes: erases outcomes and what people thought of them.
struct ForgetOutcomes {
  static constexpr std::string_view kName = "forget_outcomes";
  std::vector<std::string> turn_ids;
  static void fields(auto& self, auto&& visit) {
    visit("turn_ids", self.turn_ids,
          Field{.bytes_min = 1, .bytes_max = limits::kIdBytes, .items_max = 512});
  }
};

struct ForgottenOutcomes {
  static constexpr std::string_view kName = "forgotten_outcomes";
  std::int64_t outcomes = 0;
  static void fields(auto& self, auto&& visit) { visit("outcomes", self.outcomes); }
};

// tuning.report, GET /report?character=&days=. Weights, guards, verdicts and evidence are of all
// that is kept, whatever `days` says, which counts whole days of UTC beside today's.
struct ReportRequest {
  static constexpr std::string_view kName = "report_request";
  std::optional<std::string> character;  // absent: all
  std::optional<int> days;               // absent: all that is kept
  static void fields(auto& self, auto&& visit) {
    visit("character", self.character, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("days", self.days, Field{.min = 1, .max = 3650});
  }
};

// Against the baseline, by a test that may be looked at after every outcome.
enum class Verdict { Baseline, Better, Worse, NoDifferenceShown };
constexpr auto enum_names(Verdict) {
  return EnumNames<Verdict, 4>{{{Verdict::Baseline, "baseline"},
                                {Verdict::Better, "better"},
                                {Verdict::Worse, "worse"},
                                {Verdict::NoDifferenceShown, "no difference shown"}}};
}

struct VariantReport {
  static constexpr std::string_view kName = "variant_report";
  std::string variant;
  bool configured = true;  // false: it is in no rotation, only in the outcomes
  std::int64_t turns = 0;
  double pass_rate = 0;  // of first attempts
  double pass_low = 0;   // 95 % interval of one look (Wilson)
  double pass_high = 1;
  double reward_rate = 0;  // what is learned from: the first verdict, unless people say otherwise
  double mean_score = 0;
  double degraded_share = 0;
  double median_ms = 0;  // to a twentieth
  std::int64_t thumbs_up = 0;
  std::int64_t thumbs_down = 0;  // and wishes for another line
  double weight = 0;
  std::vector<std::string> guards;  // what it is held back for: degraded, thumbs_down, slow
  Verdict verdict = Verdict::NoDifferenceShown;
  double evidence = 1;  // against "as good as the baseline": an e-value; see tuning/verdict.h
  static void fields(auto& self, auto&& visit) {
    visit("variant", self.variant);
    visit("configured", self.configured);
    visit("turns", self.turns);
    visit("pass_rate", self.pass_rate);
    visit("pass_low", self.pass_low);
    visit("pass_high", self.pass_high);
    visit("reward_rate", self.reward_rate);
    visit("mean_score", self.mean_score);
    visit("degraded_share", self.degraded_share);
    visit("median_ms", self.median_ms);
    visit("thumbs_up", self.thumbs_up);
    visit("thumbs_down", self.thumbs_down);
    visit("weight", self.weight);
    visit("guards", self.guards);
    visit("verdict", self.verdict);
    visit("evidence", self.evidence);
  }
};

struct FindingCount {
  static constexpr std::string_view kName = "finding_count";
  FindingCode code = FindingCode::Empty;
  std::int64_t drafts = 0;  // that had it
  static void fields(auto& self, auto&& visit) {
    visit("code", self.code);
    visit("drafts", self.drafts);
  }
};

struct HintReport {
  static constexpr std::string_view kName = "hint_report";
  std::string hint;
  std::int64_t used = 0;
  std::int64_t helped = 0;  // the draft that was given it no longer had the fault
  static void fields(auto& self, auto&& visit) {
    visit("hint", self.hint);
    visit("used", self.used);
    visit("helped", self.helped);
  }
};

struct CharacterReport {
  static constexpr std::string_view kName = "character_report";
  std::string character;
  std::int64_t turns = 0;
  std::vector<VariantReport> variants;  // the baseline first
  std::vector<FindingCount> findings;   // the most frequent first
  std::vector<HintReport> hints;        // that were used, best share first
  static void fields(auto& self, auto&& visit) {
    visit("character", self.character);
    visit("turns", self.turns);
    visit("variants", self.variants);
    visit("findings", self.findings);
    visit("hints", self.hints);
  }
};

struct TuningReport {
  static constexpr std::string_view kName = "tuning_report";
  std::int64_t generation = 0;
  std::vector<CharacterReport> characters;
  static void fields(auto& self, auto&& visit) {
    visit("generation", self.generation);
    visit("characters", self.characters);
  }
};

// GET /export?character=&min_score=&days=&limit=&after=: chosen lines, oldest first, as JSON lines
// for the training of a model. A page ends after `limit` lines or some 4 MiB; `after`, the turn_id
// of its last line, gives the next. The page after the last is empty.
struct ExportRequest {
  static constexpr std::string_view kName = "export_request";
  std::optional<std::string> character;
  double min_score = 0;
  std::optional<int> days;
  int limit = 1000;
  std::optional<std::string> after;
  static void fields(auto& self, auto&& visit) {
    visit("character", self.character, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("min_score", self.min_score, Field{.min = 0, .max = 100, .defaulted = true});
    visit("days", self.days, Field{.min = 1, .max = 3650});
    visit("limit", self.limit, Field{.min = 1, .max = 10'000, .defaulted = true});
    visit("after", self.after, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
  }
};

// One line of an export.
struct ExportedMessage {
  static constexpr std::string_view kName = "exported_message";
  std::string role;
  std::string content;
  static void fields(auto& self, auto&& visit) {
    visit("role", self.role);
    visit("content", self.content);
  }
};

struct ExportedTurn {
  static constexpr std::string_view kName = "exported_turn";
  std::vector<ExportedMessage> messages;
  std::string character;
  std::string turn_id;
  double score = 0;
  static void fields(auto& self, auto&& visit) {
    visit("messages", self.messages);
    visit("character", self.character);
    visit("turn_id", self.turn_id);
    visit("score", self.score);
  }
};

}  // namespace contracts
