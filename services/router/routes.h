#pragma once

#include "router/bots.h"
#include "router/executor.h"
#include "router/forgetter.h"
#include "router/turn_store.h"
#include "runtime/runtime.h"

namespace router {

void install_routes(runtime::Process& process, Executor& executor, Bots& bots, Forgetter& forgetter,
                    const TurnStore& store);

}  // namespace router
