#pragma once

#include "retriever/index.h"
#include "retriever/knowledge.h"
#include "retriever/settings.h"
#include "runtime/doors.h"
#include "telemetry/metrics.h"

namespace retriever {

// All must outlive the doors.
void install_routes(runtime::Doors& doors, Knowledge& knowledge, const Index& index,
                    telemetry::Metrics& metrics);
void install_settings(runtime::Doors& doors, Settings& settings, const Knowledge& knowledge);

}  // namespace retriever
