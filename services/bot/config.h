#pragma once

#include <string>
#include <vector>

#include "base/fields.h"

namespace bot {

struct Config {
  static constexpr int kPort = -1;  // that of the character, see contracts/services.h

  std::string character;
  std::string token;
  std::string discord_api;
  std::vector<std::string> channels;
  bool register_commands = true;
  int typing_after_ms = 150;
  int answer_within_ms = 120'000;
  int messages_max = 64;
  int ledger_days = 30;

  static void fields(auto& self, auto&& visit) {
    visit("character", self.character,
          Field{.bytes_max = 64,
                .help = "whose bot this is; also the name of the process and of its section",
                .variable = "TROUPE_BOT_CHARACTER"});
    visit(
        "token", self.token,
        Field{.bytes_max = 200,
              .secret = true,
              .help = "of a Discord bot, also as DISCORD_TOKEN_<CHARACTER>; without one: the hub"});
    visit(
        "discord_api", self.discord_api,
        Field{.bytes_max = 300, .help = "base URL of the REST API; empty: Discord's or the hub's"});
    visit("channels", self.channels,
          Field{.bytes_max = 64,
                .items_max = 500,
                .help = "ids of the channels it speaks in, as a list; empty: all"});
    visit("register_commands", self.register_commands,
          Field{.help = "whether servers are given its application commands"});
    visit("typing_after_ms", self.typing_after_ms,
          Field{.min = 0, .max = 60'000, .help = "drafting shorter than this shows no typing"});
    visit("answer_within_ms", self.answer_within_ms,
          Field{.min = 100, .max = 600'000, .help = "a message older than this gets no answer"});
    visit("messages_max", self.messages_max,
          Field{.min = 1, .max = 10'000, .help = "messages and lines in the works at one time"});
    visit("ledger_days", self.ledger_days,
          Field{.min = 1, .max = 3650, .help = "how long it is known which line a message holds"});
  }
};

}  // namespace bot
