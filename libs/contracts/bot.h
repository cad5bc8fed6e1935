#pragma once

#include "contracts/router.h"

namespace contracts {

// bot.speak, POST /organic-message: the router has a line for this bot's character to post. The
// same turn_id is posted once, however often it comes.
struct SpeakRequest {
  static constexpr std::string_view kName = "speak_request";
  std::string channel;
  std::string turn_id;
  std::string text;
  std::optional<std::string> reply_to;  // a message id
  static void fields(auto& self, auto&& visit) {
    visit("channel", self.channel, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("turn_id", self.turn_id, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
    visit("text", self.text, Field{.bytes_min = 1, .bytes_max = 16 * 1024});
    visit("reply_to", self.reply_to, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
  }
};

struct SpeakReply {
  static constexpr std::string_view kName = "speak_reply";
  std::vector<std::string> message_ids;  // one for each part of a long line
  bool unsure = false;                   // it may have been posted: not posted again
  static void fields(auto& self, auto&& visit) {
    visit("message_ids", self.message_ids);
    visit("unsure", self.unsure);
  }
};

// bot.silences, GET /silences: why the character did not speak, the latest first.
struct Silence {
  static constexpr std::string_view kName = "silence";
  std::string channel;
  std::string message_id;
  std::string reason;
  std::int64_t at_ms = 0;  // since 1970
  static void fields(auto& self, auto&& visit) {
    visit("channel", self.channel);
    visit("message_id", self.message_id);
    visit("reason", self.reason);
    visit("at_ms", self.at_ms);
  }
};

struct Silences {
  static constexpr std::string_view kName = "silences";
  std::vector<Silence> silences;
  static void fields(auto& self, auto&& visit) { visit("silences", self.silences); }
};

}  // namespace contracts
