#pragma once

#include "integration/tiny_service/counter.h"
#include "runtime/doors.h"

namespace tiny {

// `counter` must outlive the doors.
void install_routes(runtime::Doors& doors, Counter& counter);

}  // namespace tiny
