#pragma once

#include <functional>
#include <string>

#include "bot/config.h"
#include "bot/ports.h"
#include "bot/session.h"

namespace bot {

// The variable that holds a character's Discord token: "peter" -> "DISCORD_TOKEN_PETER".
std::string token_variable(const std::string& character);

// Whether a character's bot may go by this name: it names files, and is no other service's.
Result<void> check_name(const std::string& character);

// Where the bot has its account: with a token at Discord, else at the hub, which is asked until it
// answers. `discord_api` stands above what either says. On the loop's thread.
void find_account(const Config& config, Peers& peers, Timers& timers,
                  std::function<void(const Account&)> done);

}  // namespace bot
