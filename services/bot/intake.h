#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bot/company.h"
#include "contracts/router.h"
#include "discord/types.h"

namespace bot {

struct IntakeOptions {
  std::vector<std::string> channels;  // empty: all
  std::int64_t age_ms_max = 120'000;
};

// When a message was posted, as its id tells; since 1970.
std::int64_t posted_ms(std::string_view message_id);

// What the router is asked about a message, or the reason why it is not asked (see silence::). In a
// direct message nobody else can answer. What mentions or answers a bot of the cast begins with or
// holds "@Name", so that it is seen who is addressed. Pure.
std::variant<contracts::OrchestrateRequest, std::string_view> take_in(
    const discord::Message& message, const Company& company, const IntakeOptions& options,
    std::int64_t now_ms);

}  // namespace bot
