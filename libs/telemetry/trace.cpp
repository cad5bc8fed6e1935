#include "telemetry/trace.h"

#include <random>

#include "base/ids.h"

namespace telemetry {
namespace {

std::uint64_t draw() {
  thread_local Random random([] {
    std::random_device device;
    return (static_cast<std::uint64_t>(device()) << 32U) | device();
  }());
  const std::uint64_t value = random.next();
  return value == 0 ? 1 : value;
}

bool hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

bool valid_traceparent(std::string_view text) {
  if (text.size() != 55 || !text.starts_with("00-") || text[35] != '-' || text[52] != '-') {
    return false;
  }
  const auto trace = text.substr(3, 32);
  const auto span = text.substr(36, 16);
  return hex(trace) && hex(span) && hex(text.substr(53)) &&
         trace.find_first_not_of('0') != std::string_view::npos &&
         span.find_first_not_of('0') != std::string_view::npos;
}

std::string new_traceparent() {
  return "00-" + hex64(draw()) + hex64(draw()) + "-" + hex64(draw()) + "-01";
}

std::string child_traceparent(std::string_view parent) {
  if (!valid_traceparent(parent)) return new_traceparent();
  return std::string(parent.substr(0, 36)).append(hex64(draw())).append(parent.substr(52));
}

}  // namespace telemetry
