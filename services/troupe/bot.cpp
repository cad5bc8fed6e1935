#include "troupe/bot.h"

#include <fmt/format.h>

#include "contracts/hub.h"
#include "messaging/client.h"

namespace troupe {
namespace {

constexpr Milliseconds kTimeout{5'000};

}  // namespace

Result<int> bot(const Options& options, messaging::Node& node) {
  if (options.words.size() != 2 || options.words.front() != "add") {
    return Error{Code::InvalidArgument, "bot: say `troupe bot add NAME`"};
  }
  const messaging::Client hub(node, "hub");
  // Asked twice it would make two tokens, of which only the second opens anything.
  const auto added = TRY(hub.call<contracts::AddedBot>(
      "hub.add_bot", contracts::AddBot{options.words[1]},
      {.deadline = SystemClock::instance().now() + kTimeout, .idempotent = false}));
  fmt::print(
      "token    {}\napi      {}\ngateway  {}\n\n"
      "discord.js   new Client({{rest: {{api: '{}'}}, intents: [...]}}).login(token)\n"
      "discord.py   discord.http.Route.BASE = '{}/v10'\n"
      "             discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL('{}')\n"
      "             client.run(token)\n\n"
      "The token is shown once; the same name gets a new one. User {}, guild {}.\n",
      added.token, added.api, added.gateway, added.api, added.api, added.gateway, added.user_id,
      added.guild_id);
  return 0;
}

}  // namespace troupe
