#pragma once

#include "base/result.h"
#include "messaging/node.h"
#include "troupe/options.h"

namespace troupe {

// `troupe bot add NAME`: an account at the hub for somebody's own bot, and the three settings with
// which a Discord library finds it. The exit status.
Result<int> bot(const Options& options, messaging::Node& node);

}  // namespace troupe
