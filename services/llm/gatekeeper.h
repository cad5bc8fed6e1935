#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

// Who may ask, how often, and for how many tokens. Declared by the exchange, which asks it about
// every request; accounts.h implements it. Of the loop's thread only; no call waits.
namespace llm {

// Who asks, as the rest of the service knows them. Lives as long as somebody holds it, also when
// the key is taken away meanwhile.
struct Account {
  std::string key{};     // its name in the books, never the secret; empty: nobody has to say
  std::string tenant{};  // whose answers it may be served from a cache
  bool admin = false;    // may pull models and read everybody's usage
  std::vector<std::string> models{};  // patterns such as "llama3*"; empty: all
  std::optional<bool> semantic{};     // whether its chats use the semantic cache; not set: as all

  // For whoever chooses a model on behalf of the account.
  bool may_use(std::string_view model) const;
};
using AccountRef = std::shared_ptr<const Account>;

// Why a request does not go on.
struct Rejection {
  Error error;  // Unauthenticated 401, PermissionDenied 403, Overloaded 429
  std::chrono::seconds retry_after{0};
  // Not 0: not refused yet, but a share of what all instances may use is on its way from Redis.
  // Whoever can wait some milliseconds gives it to Gatekeeper::wait and asks again when called.
  std::uint64_t lease = 0;
};

// What a request may come to at most.
struct Demand {
  std::string_view model;   // as asked for; one that the account may not use is a 403
  std::int64_t tokens = 0;  // of the prompt, and the most that may be answered
  double cost = 0;          // of these, at the dearest of the prices that may apply
};

// What was set aside for one request. Null: nothing, and nothing is to be settled. When the last
// copy goes unsettled, all of it is given back.
class Claim {
 public:
  virtual ~Claim() = default;
};
using Reservation = std::shared_ptr<Claim>;

class Gatekeeper {
 public:
  virtual ~Gatekeeper() = default;

  // `secret` is what the request carries as a key, empty for none; `peer` the address it comes
  // from; `path` what is asked for. Counts one request.
  virtual std::variant<AccountRef, Rejection> admit(std::string_view secret, std::string_view peer,
                                                    std::string_view path) = 0;
  // Sets aside what one request may come to.
  virtual std::variant<Reservation, Rejection> reserve(const AccountRef& account,
                                                       const Demand& demand) = 0;
  // Calls `again` once, soon, on the loop: then the call that gave `lease` is worth repeating.
  virtual void wait(std::uint64_t lease, std::function<void()> again) {
    static_cast<void>(lease);
    again();
  }
  // What it came to, the sum over all providers when it failed over. A second call for the same
  // reservation does nothing.
  virtual void settle(const Reservation& reservation, std::int64_t tokens, double cost) = 0;
};

// Lets everybody pass.
class OpenGate final : public Gatekeeper {
 public:
  std::variant<AccountRef, Rejection> admit(std::string_view, std::string_view,
                                            std::string_view) override {
    return account_;
  }
  std::variant<Reservation, Rejection> reserve(const AccountRef&, const Demand&) override {
    return Reservation{};
  }
  void settle(const Reservation&, std::int64_t, double) override {}

 private:
  const AccountRef account_ = std::make_shared<const Account>(Account{.admin = true});
};

}  // namespace llm
