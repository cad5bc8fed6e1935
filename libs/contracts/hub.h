#pragma once

#include "contracts/conversation.h"

namespace contracts {

// hub.add_bot, POST /bots: a member of the hub's guild for somebody's own bot. The same name gets
// the same bot and a new token.
struct AddBot {
  static constexpr std::string_view kName = "add_bot";
  std::string name;
  static void fields(auto& self, auto&& visit) {
    visit("name", self.name, Field{.bytes_min = 1, .bytes_max = 32});
  }
};

struct AddedBot {
  static constexpr std::string_view kName = "added_bot";
  std::string user_id;
  std::string application_id;
  std::string guild_id;
  std::string token;
  std::string api;      // "http://127.0.0.1:6020/api", as a library's option for REST wants it
  std::string gateway;  // "ws://127.0.0.1:6020/gateway"
  static void fields(auto& self, auto&& visit) {
    visit("user_id", self.user_id);
    visit("application_id", self.application_id);
    visit("guild_id", self.guild_id);
    visit("token", self.token);
    visit("api", self.api);
    visit("gateway", self.gateway);
  }
};

// hub.account: the account of a character, for its bot. RPC only.
struct AccountRequest {
  static constexpr std::string_view kName = "account_request";
  std::string character;
  static void fields(auto& self, auto&& visit) {
    visit("character", self.character, Field{.bytes_min = 1, .bytes_max = limits::kIdBytes});
  }
};

struct Account {
  static constexpr std::string_view kName = "account";
  std::string user_id;
  std::string token;
  std::string api;  // "http://127.0.0.1:6020/api/v10"
  static void fields(auto& self, auto&& visit) {
    visit("user_id", self.user_id);
    visit("token", self.token);
    visit("api", self.api);
  }
};

// Reply of GET /api/troupe/stage?channel_id=, and the dispatch TROUPE_STAGE to people: how the cast
// feels in a channel.
struct HubStage {
  static constexpr std::string_view kName = "hub_stage";
  std::string channel_id;
  double energy = 0;
  double energy_max = 0;
  std::int64_t message_count = 0;   // in the last 24 h
  std::int64_t quiet_until_ms = 0;  // since 1970; 0: the characters may speak
  std::string status;               // of the latest turn: open, said, silent, interrupted
  std::string character;            // who speaks or is drafting
  std::string reason;               // why it was said, or why nobody speaks
  std::string turn_id;
  static void fields(auto& self, auto&& visit) {
    visit("channel_id", self.channel_id);
    visit("energy", self.energy);
    visit("energy_max", self.energy_max);
    visit("message_count", self.message_count);
    visit("quiet_until_ms", self.quiet_until_ms);
    visit("status", self.status);
    visit("character", self.character);
    visit("reason", self.reason);
    visit("turn_id", self.turn_id);
  }
};

}  // namespace contracts
