#pragma once

#include "contracts/conversation.h"

namespace contracts {

// Who speaks, and why. `reason` when nobody does: no_participants, below_threshold, out_of_energy,
// not_addressed, quiet (asked for), at_rest (nobody felt like going on).
struct Selection {
  static constexpr std::string_view kName = "selection";
  std::vector<std::string> speakers;  // best first
  bool nobody = false;
  std::string reason;
  ScoreTable scores;
  static void fields(auto& self, auto&& visit) {
    visit("speakers", self.speakers);
    visit("nobody", self.nobody);
    visit("reason", self.reason);
    visit("scores", self.scores);
  }
};

// coordinator.select, POST /select: what the coordinator would decide. Stateless. Without `energy`
// it is the budget less the bot lines since the last human line.
struct SelectRequest {
  static constexpr std::string_view kName = "select_request";
  std::vector<std::string> participants;
  std::vector<Line> history;         // oldest first; the last line is the one to react to
  std::vector<std::string> pending;  // characters that owe an answer
  std::optional<double> energy;
  std::optional<std::int64_t> seed;
  std::optional<std::int64_t> now_ms;

  static void fields(auto& self, auto&& visit) {
    visit("participants", self.participants, Field{.bytes_max = limits::kIdBytes, .items_max = 64});
    visit("history", self.history, Field{.items_max = 256});
    visit("pending", self.pending,
          Field{.bytes_max = limits::kIdBytes, .items_max = 64, .defaulted = true});
    visit("energy", self.energy, Field{.min = 0, .max = 1000});
    visit("seed", self.seed);
    visit("now_ms", self.now_ms);
  }
};

// coordinator.observe: a line was said. Idempotent by (channel, message_id): a repeat is not stored
// again and says so. Stored crash-safe before the reply.
struct ObserveRequest {
  static constexpr std::string_view kName = "observe_request";
  std::string channel;
  std::string message_id;
  Line line;
  std::optional<std::string> turn_id;      // of a bot line: the turn that said it
  std::optional<std::string> answers{};    // of a bot line: the message_id that it answers
  std::optional<std::string> author_id{};  // of a person, where names are not unique
  // Of a human line: the characters that are in the channel; absent: the whole cast.
  std::optional<std::vector<std::string>> participants{};

  static void fields(auto& self, auto&& visit) {
    visit("channel", self.channel, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("message_id", self.message_id, Field{.bytes_min = 1, .bytes_max = 200});
    visit("line", self.line);
    visit("turn_id", self.turn_id, Field{.bytes_max = limits::kIdBytes});
    visit("answers", self.answers, Field{.bytes_max = 128});
    visit("author_id", self.author_id, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("participants", self.participants,
          Field{.bytes_min = 1, .bytes_max = limits::kIdBytes, .items_max = 64});
  }
};

// The line that answered a message.
struct Answered {
  static constexpr std::string_view kName = "answered";
  std::string turn_id;
  std::string character;
  std::string text;
  static void fields(auto& self, auto&& visit) {
    visit("turn_id", self.turn_id);
    visit("character", self.character);
    visit("text", self.text);
  }
};

struct ObserveReply {
  static constexpr std::string_view kName = "observe_reply";
  bool repeated = false;
  // Of a repeated human line: what was said to it already; of a bot's: the line that stands.
  std::vector<Answered> answered;
  std::vector<Line> history;       // of a human line: up to it, oldest first, at most 20
  std::int64_t message_count = 0;  // lines in the channel in the last 24 h, this one excluded
  double energy = 0;
  Selection selection;  // who should answer; of a bot line: empty (ask coordinator.follow_up)
  static void fields(auto& self, auto&& visit) {
    visit("repeated", self.repeated);
    visit("answered", self.answered, Field{.defaulted = true});
    visit("history", self.history);
    visit("message_count", self.message_count);
    visit("energy", self.energy);
    visit("selection", self.selection);
  }
};

// coordinator.follow_up: after a bot's line, does another character go on, and when? Spends the
// channel's energy when somebody does.
struct FollowUpRequest {
  static constexpr std::string_view kName = "follow_up_request";
  std::string channel;
  // The message_id of the line that it follows: a call that comes late, or once more after others
  // have gone on, is superseded and spends nothing. Absent: the last line, whichever it is.
  std::optional<std::string> after{};
  std::optional<std::vector<std::string>> participants{};  // as in ObserveRequest
  static void fields(auto& self, auto&& visit) {
    visit("channel", self.channel, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("after", self.after, Field{.bytes_min = 1, .bytes_max = 200});
    visit("participants", self.participants,
          Field{.bytes_min = 1, .bytes_max = limits::kIdBytes, .items_max = 64});
  }
};

struct FollowUp {
  static constexpr std::string_view kName = "follow_up";
  std::optional<std::string> character;  // absent: silence, see reason
  std::int64_t delay_ms = 0;             // reading and typing, scaled
  std::string reason;                    // of the choice or of the silence
  double energy = 0;                     // left
  std::vector<Line> history;             // as in ObserveReply
  std::int64_t message_count = 0;
  ScoreTable scores;
  static void fields(auto& self, auto&& visit) {
    visit("character", self.character, Field{.bytes_max = limits::kIdBytes});
    visit("delay_ms", self.delay_ms);
    visit("reason", self.reason);
    visit("energy", self.energy);
    visit("history", self.history, Field{.defaulted = true});
    visit("message_count", self.message_count, Field{.defaulted = true});
    visit("scores", self.scores, Field{.defaulted = true});
  }
};

// coordinator.history, GET /history?channel=&limit=.
struct HistoryRequest {
  static constexpr std::string_view kName = "history_request";
  std::string channel;
  int limit = 20;
  std::optional<std::string> answers{};  // a message_id: `answered` tells what was said to it
  static void fields(auto& self, auto&& visit) {
    visit("channel", self.channel, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("limit", self.limit, Field{.min = 1, .max = 200, .defaulted = true});
    visit("answers", self.answers, Field{.bytes_max = 128});
  }
};

struct History {
  static constexpr std::string_view kName = "history";
  std::vector<Line> lines;
  std::vector<Answered> answered;
  double energy = 0;
  double energy_max = 0;  // what a person's line refills it to
  std::int64_t message_count = 0;
  std::int64_t quiet_until_ms = 0;  // since 1970; 0: the characters may speak
  static void fields(auto& self, auto&& visit) {
    visit("lines", self.lines);
    visit("answered", self.answered, Field{.defaulted = true});
    visit("energy", self.energy);
    visit("energy_max", self.energy_max, Field{.defaulted = true});
    visit("message_count", self.message_count);
    visit("quiet_until_ms", self.quiet_until_ms, Field{.defaulted = true});
  }
};

// coordinator.said, GET /said?limit=: the latest lines that turns have said, of all channels,
// newest first. For a router that a crash has made forget them.
struct SaidRequest {
  static constexpr std::string_view kName = "said_request";
  int limit = 64;
  static void fields(auto& self, auto&& visit) {
    visit("limit", self.limit, Field{.min = 1, .max = 256, .defaulted = true});
  }
};

struct SaidLine {
  static constexpr std::string_view kName = "said_line";
  std::string turn_id;
  std::string channel;
  std::string character;
  std::string text;
  std::int64_t at_ms = 0;  // since 1970
  // What it answers: empty, where nobody asked.
  std::string message_id;
  std::string author;
  std::string message;
  std::optional<std::string> author_id{};
  static void fields(auto& self, auto&& visit) {
    visit("turn_id", self.turn_id);
    visit("channel", self.channel);
    visit("character", self.character);
    visit("text", self.text);
    visit("at_ms", self.at_ms);
    visit("message_id", self.message_id, Field{.defaulted = true});
    visit("author", self.author, Field{.defaulted = true});
    visit("message", self.message, Field{.defaulted = true});
    visit("author_id", self.author_id);
  }
};

struct Said {
  static constexpr std::string_view kName = "said";
  std::vector<SaidLine> lines;
  static void fields(auto& self, auto&& visit) { visit("lines", self.lines); }
};

// coordinator.forget, POST /forget-lines: erases a person's lines and the lines that answered them.
struct ForgetLines {
  static constexpr std::string_view kName = "forget_lines";
  std::string author_id;
  static void fields(auto& self, auto&& visit) {
    visit("author_id", self.author_id, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
  }
};

struct ForgottenLines {
  static constexpr std::string_view kName = "forgotten_lines";
  std::int64_t lines = 0;
  static void fields(auto& self, auto&& visit) { visit("lines", self.lines); }
};

// coordinator.quiet: for some minutes only who is spoken to by name answers, and nobody goes on.
struct QuietRequest {
  static constexpr std::string_view kName = "quiet_request";
  std::string channel;
  int minutes = 10;  // 0: speak again
  static void fields(auto& self, auto&& visit) {
    visit("channel", self.channel, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("minutes", self.minutes, Field{.min = 0, .max = 1440, .defaulted = true});
  }
};

struct QuietReply {
  static constexpr std::string_view kName = "quiet_reply";
  std::int64_t until_ms = 0;  // since 1970; 0: not quiet
  static void fields(auto& self, auto&& visit) { visit("until_ms", self.until_ms); }
};

}  // namespace contracts
