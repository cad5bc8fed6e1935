#pragma once

#include "runtime/doors.h"
#include "telemetry/metrics.h"
#include "tuning/learner.h"

namespace tuning {

// Every door of tuning. All arguments must outlive the doors.
void install_routes(runtime::Doors& doors, Learner& learner, telemetry::Metrics& metrics);

}  // namespace tuning
