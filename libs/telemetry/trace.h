#pragma once

#include <string>
#include <string_view>

namespace telemetry {

// Whether `text` is a traceparent of version 00 (W3C Trace Context, section 3.2) with non-zero ids.
bool valid_traceparent(std::string_view text);

// A new trace's traceparent, sampled.
std::string new_traceparent();

// The traceparent for a call made on behalf of `parent`: the same trace, a new span. An invalid
// parent starts a new trace.
std::string child_traceparent(std::string_view parent);

}  // namespace telemetry
