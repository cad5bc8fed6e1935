#pragma once

#include <memory>

#include "llm/accounts.h"
#include "llm/ledger.h"
#include "net/net.h"
#include "runtime/runtime.h"

namespace llm {

// The accounts of a process: what was used is read from `ledger`, the limits are shared through the
// Redis of the process when it has one, and `limits` in /health says whether they are. `ledger` and
// `loop` outlive them. The data directory keeps the instance's name.
Result<std::shared_ptr<Accounts>> open_accounts(
    runtime::Process& process, const Accounts::Settings& settings,
    std::function<std::string(const std::string& name)> variable, Ledger& ledger, net::Loop& loop);

}  // namespace llm
