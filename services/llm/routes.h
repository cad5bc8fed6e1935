#pragma once

#include "llm/chain.h"
#include "llm/ledger.h"
#include "runtime/doors.h"

namespace llm {

// What our own services and operators ask: chats and vectors by RPC, the
// providers and, with a ledger, what was used.
void install_routes(runtime::Doors& doors, Chain& chain, Ledger* ledger);

}  // namespace llm
