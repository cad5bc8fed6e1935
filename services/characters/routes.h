#pragma once

#include <string>

#include "characters/card.h"
#include "characters/library.h"
#include "contracts/characters.h"
#include "runtime/doors.h"

namespace characters {

// What other services need to know of a card.
contracts::Character profile(const Card& card);

// `library` must outlive the doors.
void install_routes(runtime::Doors& doors, const Library& library);

}  // namespace characters
