#pragma once

#include "retriever/index.h"
#include "retriever/knowledge.h"
#include "runtime/doors.h"
#include "telemetry/metrics.h"

namespace retriever {

// All must outlive the doors.
void install_routes(runtime::Doors& doors, Knowledge& knowledge, const Index& index,
                    telemetry::Metrics& metrics);

}  // namespace retriever
