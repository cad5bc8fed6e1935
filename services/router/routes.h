#pragma once

#include "router/executor.h"
#include "router/turn_store.h"
#include "runtime/runtime.h"

namespace router {

void install_routes(runtime::Process& process, Executor& executor, const TurnStore& store);

}  // namespace router
