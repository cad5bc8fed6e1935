#pragma once

#include "contracts/quality.h"

namespace contracts {

// Who brings a line to the people. Stage: the event turn.line does. Bots: each character's own bot
// posts it: of a reply to orchestrate whoever asked, of a line that nobody asked for the bot whose
// bot.speak the router calls; and who has posted says so with router.organic_notification.
enum class Delivery { Stage, Bots };
constexpr auto enum_names(Delivery) {
  return EnumNames<Delivery, 2>{{{Delivery::Stage, "stage"}, {Delivery::Bots, "bots"}}};
}

// router.orchestrate, POST /orchestrate: a person said something; who answers what?
struct OrchestrateRequest {
  static constexpr std::string_view kName = "orchestrate_request";
  std::string channel;
  std::string author;
  std::string message;
  std::optional<std::string> character;  // absent: the coordinator chooses
  TurnKind kind = TurnKind::Direct;
  std::optional<std::string> message_id;  // a repeat of the same id gets the same turn
  // Who sent it where names are not unique; what forget() goes by.
  std::optional<std::string> author_id{};
  // The characters that are in this channel; absent: the whole cast.
  std::optional<std::vector<std::string>> participants{};
  Delivery delivery = Delivery::Stage;

  static void fields(auto& self, auto&& visit) {
    visit("channel", self.channel, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("author", self.author, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("message", self.message, Field{.bytes_min = 1, .bytes_max = limits::kMessageBytes});
    visit("character", self.character, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("kind", self.kind, Field{.defaulted = true});
    visit("message_id", self.message_id, Field{.bytes_min = 1, .bytes_max = 100});
    visit("author_id", self.author_id, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("participants", self.participants,
          Field{.bytes_min = 1, .bytes_max = limits::kIdBytes, .items_max = 64});
    visit("delivery", self.delivery, Field{.defaulted = true});
  }
};

// router.regenerate, POST /regenerate: another line to the same message by the same character.
// tuning hears that the first one was not good enough.
struct RegenerateRequest {
  static constexpr std::string_view kName = "regenerate_request";
  std::string turn_id;
  std::string author;                       // who asks
  std::optional<std::string> request_id{};  // a repeat of the same id gets the same line
  static void fields(auto& self, auto&& visit) {
    visit("turn_id", self.turn_id, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("author", self.author, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("request_id", self.request_id, Field{.bytes_min = 1, .bytes_max = 32});
  }
};

struct Source {
  static constexpr std::string_view kName = "source";
  std::string title;
  std::string uri;
  std::string span;  // "start-end", bytes of the document
  static void fields(auto& self, auto&& visit) {
    visit("title", self.title);
    visit("uri", self.uri);
    visit("span", self.span);
  }
  friend bool operator==(const Source&, const Source&) = default;
};

// Reply of router.orchestrate. Without a speaker `character` and `text` are empty and `reason` says
// why nobody spoke.
struct TurnReply {
  static constexpr std::string_view kName = "turn_reply";
  std::string turn_id;
  std::string character;
  std::string text;
  std::string model;
  bool passed = false;
  double score = 0;
  int attempts = 0;
  bool degraded = false;
  std::vector<Source> sources;
  double ms = 0;
  std::string reason;  // passed, best_draft, dodge, or the reason of a silence
  static void fields(auto& self, auto&& visit) {
    visit("turn_id", self.turn_id);
    visit("character", self.character);
    visit("text", self.text);
    visit("model", self.model);
    visit("passed", self.passed);
    visit("score", self.score);
    visit("attempts", self.attempts);
    visit("degraded", self.degraded);
    visit("sources", self.sources);
    visit("ms", self.ms);
    visit("reason", self.reason, Field{.defaulted = true});
  }
};

// router.organic_notification, POST /organic-notification: a character's line was posted by
// somebody else (a bot); may another go on?
struct OrganicNotification {
  static constexpr std::string_view kName = "organic_notification";
  std::string channel;
  std::string character;
  std::string message;
  std::optional<std::string> message_id;  // as it was posted
  // The turn that said it: the conversation has the line already, and the turn's record is told
  // where it stands.
  std::optional<std::string> turn_id{};
  std::optional<std::vector<std::string>> participants{};  // as in OrchestrateRequest
  Delivery delivery = Delivery::Stage;
  static void fields(auto& self, auto&& visit) {
    visit("channel", self.channel, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("character", self.character, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("message", self.message, Field{.bytes_min = 1, .bytes_max = limits::kMessageBytes});
    visit("message_id", self.message_id, Field{.bytes_min = 1, .bytes_max = 100});
    visit("turn_id", self.turn_id, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("participants", self.participants,
          Field{.bytes_min = 1, .bytes_max = limits::kIdBytes, .items_max = 64});
    visit("delivery", self.delivery, Field{.defaulted = true});
  }
};

struct OrganicReply {
  static constexpr std::string_view kName = "organic_reply";
  std::optional<std::string> follow_up_character;
  std::int64_t delay_ms = 0;
  std::string reason;
  static void fields(auto& self, auto&& visit) {
    visit("follow_up_character", self.follow_up_character);
    visit("delay_ms", self.delay_ms);
    visit("reason", self.reason);
  }
};

enum class Band { Standard, Tuned, Guided };
constexpr auto enum_names(Band) {
  return EnumNames<Band, 3>{
      {{Band::Standard, "standard"}, {Band::Tuned, "tuned"}, {Band::Guided, "guided"}}};
}

// One draft of a turn, and what became of it.
struct Attempt {
  static constexpr std::string_view kName = "attempt";
  int number = 0;  // from 1
  Band band = Band::Standard;
  std::string text;
  std::string model;
  std::string provider;
  std::optional<std::string> fault;  // "unavailable: ..." when there was no draft or no verdict
  std::optional<Assessment> assessment;
  std::vector<std::string> failovers;
  std::vector<std::string> hints;  // ids of the tuning hints that it was given
  double draft_ms = 0;
  double assess_ms = 0;
  static void fields(auto& self, auto&& visit) {
    visit("number", self.number);
    visit("band", self.band);
    visit("text", self.text);
    visit("model", self.model);
    visit("provider", self.provider);
    visit("fault", self.fault);
    visit("assessment", self.assessment);
    visit("failovers", self.failovers, Field{.defaulted = true});
    visit("hints", self.hints, Field{.defaulted = true});
    visit("draft_ms", self.draft_ms);
    visit("assess_ms", self.assess_ms);
  }
};

struct Stage {
  static constexpr std::string_view kName = "stage";
  std::string name;     // observe, prompt, retrieve, draft 1, assess 1, record, ...
  double start_ms = 0;  // from the start of the turn
  double ms = 0;
  static void fields(auto& self, auto&& visit) {
    visit("name", self.name);
    visit("start_ms", self.start_ms);
    visit("ms", self.ms);
  }
};

enum class TurnStatus { Open, Said, Silent, Interrupted };
constexpr auto enum_names(TurnStatus) {
  return EnumNames<TurnStatus, 4>{{{TurnStatus::Open, "open"},
                                   {TurnStatus::Said, "said"},
                                   {TurnStatus::Silent, "silent"},
                                   {TurnStatus::Interrupted, "interrupted"}}};
}

// The record of a turn: GET /turns/{turn_id}. It can say why.
struct TurnRecord {
  static constexpr std::string_view kName = "turn_record";
  std::string turn_id;
  std::string channel;
  std::string message_id;
  std::string author;
  std::string message;
  TurnKind kind = TurnKind::Direct;
  TurnStatus status = TurnStatus::Open;
  std::string reason;
  std::int64_t started_ms = 0;  // Unix time
  std::string character;
  std::string text;
  std::string model;
  std::optional<std::string> variant;      // of the drafting, as tuning drew it
  std::optional<std::string> regenerates;  // the turn whose line a person wanted anew
  std::optional<std::string> request_id;   // by which wish
  std::optional<std::string> author_id;
  std::optional<std::string> posted_id;  // the message that a bot has made of the line
  bool passed = false;
  double score = 0;
  bool degraded = false;
  std::vector<Source> sources;
  ScoreTable scores;
  std::vector<Attempt> attempts;
  std::vector<std::string> faults;  // what else went wrong on the way
  std::vector<Stage> stages;
  double ms = 0;
  static void fields(auto& self, auto&& visit) {
    visit("turn_id", self.turn_id);
    visit("channel", self.channel);
    visit("message_id", self.message_id);
    visit("author", self.author);
    visit("message", self.message);
    visit("kind", self.kind);
    visit("status", self.status);
    visit("reason", self.reason);
    visit("started_ms", self.started_ms);
    visit("character", self.character);
    visit("text", self.text);
    visit("model", self.model);
    visit("variant", self.variant);
    visit("regenerates", self.regenerates);
    visit("request_id", self.request_id);
    visit("author_id", self.author_id);
    visit("posted_id", self.posted_id);
    visit("passed", self.passed);
    visit("score", self.score);
    visit("degraded", self.degraded);
    visit("sources", self.sources);
    visit("scores", self.scores);
    visit("attempts", self.attempts);
    visit("faults", self.faults);
    visit("stages", self.stages);
    visit("ms", self.ms);
  }
};

// router.turn, GET /turns/{turn_id}; router.turns, GET /turns?channel=&limit=.
struct TurnQuery {
  static constexpr std::string_view kName = "turn_query";
  std::string turn_id;
  static void fields(auto& self, auto&& visit) {
    visit("turn_id", self.turn_id, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
  }
};

struct TurnsQuery {
  static constexpr std::string_view kName = "turns_query";
  std::optional<std::string> channel;
  int limit = 20;
  std::optional<std::string> posted{};  // only the turn whose line stands under this message id
  static void fields(auto& self, auto&& visit) {
    visit("channel", self.channel, Field{.bytes_max = limits::kIdBytes});
    visit("limit", self.limit, Field{.min = 1, .max = 200, .defaulted = true});
    visit("posted", self.posted, Field{.bytes_min = 1, .bytes_max = 100});
  }
};

struct TurnList {
  static constexpr std::string_view kName = "turn_list";
  std::vector<TurnRecord> turns;  // newest first
  static void fields(auto& self, auto&& visit) { visit("turns", self.turns); }
};

// router.join, POST /join: a bot says that it is there, again and again; who has not done so for
// half a minute is gone. The reply tells who else is there; so does the event bot.company when it
// has changed. A router that has just started has not met all of them yet.
struct BotPresence {
  static constexpr std::string_view kName = "bot_presence";
  std::string character;
  std::string user_id;              // of the bot's account
  std::vector<std::string> guilds;  // that it is a member of
  static void fields(auto& self, auto&& visit) {
    visit("character", self.character, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("user_id", self.user_id, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("guilds", self.guilds, Field{.bytes_max = limits::kIdBytes, .items_max = 2500});
  }
};

struct BotCompany {
  static constexpr std::string_view kName = "bot_company";
  std::vector<BotPresence> bots;
  bool complete = true;  // else there may be others, which have been there before
  static void fields(auto& self, auto&& visit) {
    visit("bots", self.bots);
    visit("complete", self.complete);
  }
};

// router.forget, POST /forget: erases what somebody has said and the turns that answered it, here,
// with the coordinator and with tuning.
struct ForgetRequest {
  static constexpr std::string_view kName = "forget_request";
  std::string author_id;
  static void fields(auto& self, auto&& visit) {
    visit("author_id", self.author_id, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
  }
};

struct ForgetReply {
  static constexpr std::string_view kName = "forget_reply";
  std::int64_t turns = 0;
  std::int64_t lines = 0;
  std::int64_t outcomes = 0;
  static void fields(auto& self, auto&& visit) {
    visit("turns", self.turns);
    visit("lines", self.lines);
    visit("outcomes", self.outcomes);
  }
};

// Event turn.record: a turn is over.
struct TurnEnded {
  static constexpr std::string_view kName = "turn_ended";
  std::string turn_id;
  std::string channel;
  std::string message_id;
  std::string character;
  TurnStatus status = TurnStatus::Said;
  std::string reason;
  static void fields(auto& self, auto&& visit) {
    visit("turn_id", self.turn_id);
    visit("channel", self.channel);
    visit("message_id", self.message_id);
    visit("character", self.character);
    visit("status", self.status);
    visit("reason", self.reason);
  }
};

// Event turn.line: a character has spoken (the router played the turn itself).
struct TurnLine {
  static constexpr std::string_view kName = "turn_line";
  std::string turn_id;
  std::string channel;
  std::string character;
  std::string name;
  std::string text;
  TurnKind kind = TurnKind::Direct;
  static void fields(auto& self, auto&& visit) {
    visit("turn_id", self.turn_id);
    visit("channel", self.channel);
    visit("character", self.character);
    visit("name", self.name);
    visit("text", self.text);
    visit("kind", self.kind);
  }
};

// Event conversation.message: a person has spoken.
struct ConversationMessage {
  static constexpr std::string_view kName = "conversation_message";
  std::string channel;
  std::string message_id;
  std::string author;
  std::string text;
  static void fields(auto& self, auto&& visit) {
    visit("channel", self.channel);
    visit("message_id", self.message_id);
    visit("author", self.author);
    visit("text", self.text);
  }
};

// Event turn.typing: a character is drafting (or has stopped without a line).
struct TurnTyping {
  static constexpr std::string_view kName = "turn_typing";
  std::string channel;
  std::string character;
  bool typing = true;
  static void fields(auto& self, auto&& visit) {
    visit("channel", self.channel);
    visit("character", self.character);
    visit("typing", self.typing);
  }
};

}  // namespace contracts
