#pragma once

#include "bot/bot.h"
#include "bot/ports.h"
#include "bot/silences.h"
#include "runtime/doors.h"

namespace bot {

// `bot` lives on the loop, where `home` leads. All must outlive the doors' last call.
void install_routes(runtime::Doors& doors, Bot& bot, const Home& home, const Silences& silences);

}  // namespace bot
