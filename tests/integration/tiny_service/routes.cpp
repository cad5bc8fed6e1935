#include "integration/tiny_service/routes.h"

namespace tiny {

void install_routes(runtime::Doors& doors, Counter& counter) {
  doors.quick_method<CountRequest, Counted>(
      "tiny.count", runtime::Post("/count", "Counts on, for somebody"),
      [&counter](const CountRequest& request) { return counter.count(request.name); });
}

}  // namespace tiny
