#pragma once

#include "cache/cache.h"
#include "quality/cached_reviewer.h"
#include "quality/reviewer.h"
#include "quality/settings.h"
#include "runtime/doors.h"
#include "telemetry/metrics.h"

namespace quality {

// Every RPC method and URL of the service. All must outlive the doors.
void install_routes(runtime::Doors& doors, const CachedReviewer& cached, const Reviewer& reviewer,
                    const cache::Cache& cache, telemetry::Metrics& metrics);

// PUT /config. `settings` must outlive the doors.
void install_settings(runtime::Doors& doors, Settings& settings);

}  // namespace quality
