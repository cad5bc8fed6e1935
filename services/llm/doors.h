#pragma once

#include <memory>
#include <string>
#include <vector>

#include "llm/chain.h"
#include "llm/gatekeeper.h"
#include "runtime/doors.h"

namespace llm {

// What a reload changes; of the loop's thread.
struct Terms {
  Milliseconds request_timeout{120'000};
  std::int64_t usual_answer_tokens = 1024;  // set aside where a request names no limit
  std::vector<Price> prices = {};
};

// What the doors stand before.
struct Proxy {
  Chain& chain;
  Gatekeeper& gate;
  std::shared_ptr<Terms> terms = std::make_shared<Terms>();
  std::string version = "0.5.0";  // of Ollama, whose clients ask for it
};

// The doors for clients of OpenAI, Ollama and Anthropic. Errors are told in the
// asker's dialect. `proxy` is copied; what it refers to must outlive the doors.
void install_dialects(runtime::Doors& doors, const Proxy& proxy);

// `inner` behind the gate, but for the doors of the dialects, which see to it
// themselves, and for what a stack asks about every process. All else is for
// admins: what shows the service, and POST /chat, which is our own services'
// and knows neither budgets nor the models of a key.
http::Handler behind_gate(Gatekeeper& gate, http::Handler inner);

}  // namespace llm
