#pragma once

#include "llm/chain.h"
#include "runtime/doors.h"

namespace llm {

void install_routes(runtime::Doors& doors, Chain& chain, Milliseconds request_timeout);

}  // namespace llm
