#pragma once

#include <array>
#include <string_view>

// The services of a stack and the ports of their HTTP doors (DESIGN section 1). Over tcp a
// service's RPC listens one thousand above, its events two thousand above.
namespace contracts {

struct Service {
  std::string_view name;
  int port;
};

inline constexpr int kRpcAbove = 1000;
inline constexpr int kEventsAbove = 2000;

inline constexpr std::array<Service, 20> kServices{{
    {"gateway", 8080},   {"llm", 6001},     {"coordinator", 6002}, {"quality", 6003},
    {"tuning", 6004},    {"router", 6005},  {"characters", 6006},  {"retriever", 6007},
    {"memory", 6008},    {"crawler", 6009}, {"tools", 6010},       {"peter", 6011},
    {"brian", 6012},     {"stewie", 6013},  {"agents", 6014},      {"collab", 6015},
    {"analytics", 6016}, {"media", 6017},   {"watchdog", 6018},    {"hub", 6020},
}};

constexpr int port_of(std::string_view name) {
  for (const Service& service : kServices) {
    if (service.name == name) return service.port;
  }
  return 0;
}

}  // namespace contracts
