#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "llm/accounts.h"
#include "llm/chain.h"
#include "llm/config.h"
#include "llm/doors.h"
#include "net/net.h"

namespace llm {

// Puts other settings in force while requests go on: keys and limits, providers and their chain,
// tables, prices and time-outs; all of them or none. Belongs to one thread that is not the loop's;
// what it refers to must outlive it.
class Reload {
 public:
  struct What {
    net::Loop& loop;
    Accounts& accounts;
    Chain& chain;
    std::shared_ptr<Terms> terms;
    Variables variables;
  };
  Reload(What what, Config in_force) : what_(std::move(what)), in_force_(std::move(in_force)) {}

  // An Error names the entry that cannot be, and nothing has changed. What only a start changes is
  // put back in `fresh`, and the log names it.
  Result<void> operator()(Config& fresh);

 private:
  const What what_;
  Config in_force_;
};

// What the doors have of the settings.
Terms terms_of(const Config& config);

}  // namespace llm
