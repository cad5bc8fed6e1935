#pragma once

#include <string>

#include "contracts/router.h"

namespace bot {

// A turn told in plain words, as one message of Discord: who was considered, what was read, every
// draft and what was found fault with, and how long it took. Pure.
std::string why(const contracts::TurnRecord& turn);

}  // namespace bot
