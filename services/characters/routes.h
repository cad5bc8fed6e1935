#pragma once

#include <cstddef>
#include <string>

#include "base/limits.h"
#include "characters/card.h"
#include "characters/keeper.h"
#include "characters/library.h"
#include "characters/lint.h"
#include "characters/prompter.h"
#include "contracts/characters.h"
#include "runtime/doors.h"

namespace characters {

// What other services need to know of a card.
contracts::Character profile(const Card& card, std::size_t bytes_max = limits::kFrameBytes);

// All must outlive the doors.
struct House {
  Library& library;
  Keeper& keeper;
  const Prompter& prompter;
  LintLimits lint{};
};
void install_routes(runtime::Doors& doors, const House& house);

}  // namespace characters
