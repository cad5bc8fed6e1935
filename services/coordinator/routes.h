#pragma once

#include "coordinator/conversations.h"
#include "coordinator/stage.h"
#include "runtime/doors.h"
#include "telemetry/metrics.h"

namespace coordinator {

// Every door of the coordinator. All arguments must outlive the doors.
void install_routes(runtime::Doors& doors, Stage& stage, const Conversations& conversations,
                    telemetry::Metrics& metrics);

}  // namespace coordinator
