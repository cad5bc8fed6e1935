#pragma once

#include <string>

#include "base/fields.h"

namespace hub {

struct Config {
  static constexpr int kPort = 6020;

  std::string url;
  std::string page;
  std::string person = "You";
  bool open_session = false;
  bool privileged_intents = true;
  int heartbeat_ms = 41'250;
  int resume_window_ms = 120'000;
  int connections = 4096;
  int attachment_kib = 8192;
  int attachments_mib = 1024;
  int nonce_ms = 300'000;
  int interaction_ms = 3'000;
  int message_limit = 5;
  int message_window_ms = 5'000;
  int route_limit = 50;
  int route_window_ms = 5'000;
  int global_per_second = 50;
  int people_factor = 10;

  static void fields(auto& self, auto&& visit) {
    visit(
        "url", self.url,
        Field{.bytes_max = 200,
              .help = "where others reach the hub, as http://hub:6020; empty: at its own address"});
    visit("page", self.page,
          Field{.bytes_max = 1000,
                .help = "directory of the page's files; empty: beside the program"});
    visit(
        "person", self.person,
        Field{.bytes_min = 1, .bytes_max = 32, .help = "name of the local person at first start"});
    visit("open_session", self.open_session,
          Field{.help = "whoever reaches the hub may be the local person, not only this machine"});
    visit("privileged_intents", self.privileged_intents,
          Field{.help = "bots may ask for members, presences and message content"});
    visit("heartbeat_ms", self.heartbeat_ms,
          Field{.min = 100, .max = 600'000, .help = "between heartbeats of the Gateway's clients"});
    visit("resume_window_ms", self.resume_window_ms,
          Field{.min = 0, .max = 3'600'000, .help = "how long a lost session may be resumed"});
    visit("connections", self.connections,
          Field{.min = 16, .max = 65'536, .help = "of requests and WebSockets together"});
    visit("attachment_kib", self.attachment_kib,
          Field{.min = 1, .max = 65'536, .help = "of all files of one message"});
    visit("attachments_mib", self.attachments_mib,
          Field{.min = 1, .max = 1'000'000, .help = "of all files there are"});
    visit("nonce_ms", self.nonce_ms,
          Field{.min = 1'000, .max = 3'600'000, .help = "how long a repeated nonce is recognised"});
    visit("interaction_ms", self.interaction_ms,
          Field{.min = 50, .max = 60'000, .help = "in which a bot must respond to a command"});
    visit("message_limit", self.message_limit,
          Field{.min = 1, .max = 10'000'000, .help = "messages of a bot in a channel and window"});
    visit("message_window_ms", self.message_window_ms, Field{.min = 1, .max = 3'600'000});
    visit("route_limit", self.route_limit,
          Field{.min = 1, .max = 10'000'000, .help = "requests of a bot to any other route"});
    visit("route_window_ms", self.route_window_ms, Field{.min = 1, .max = 3'600'000});
    visit("global_per_second", self.global_per_second,
          Field{.min = 1, .max = 10'000'000, .help = "requests of a bot in all"});
    visit("people_factor", self.people_factor,
          Field{.min = 1, .max = 10'000, .help = "people may do that many times as much"});
  }
};

}  // namespace hub
