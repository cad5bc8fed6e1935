#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "bot/company.h"
#include "bot/intake.h"
#include "bot/ports.h"
#include "bot/silences.h"
#include "contracts/router.h"
#include "discord/types.h"

namespace bot {

// Hears the messages of people and asks the router who answers, until it says so or the message is
// too old: asking again is harmless. What this character is to say goes to `speak`; all else is a
// silence. What comes once more is passed over. Owned and used by the loop's thread.
class Listener {
 public:
  struct Options {
    IntakeOptions intake;
    std::size_t messages_max = 64;  // in the works; beyond: "overloaded"
    Milliseconds call_within{30'000};
  };
  Listener(Options options, const Company& company, Peers& peers, Timers& timers,
           const Clock& clock, Silences& silences,
           std::function<void(const contracts::SpeakRequest&)> speak);

  // A message that comes before the company is known waits for it.
  void heard(discord::Message message);
  void company_known();
  // Whether there is room for one that is not new: half of it is kept for what is.
  bool has_room() const { return 2 * (asked_.size() + early_.size()) < options_.messages_max; }

 private:
  struct Asked {
    contracts::OrchestrateRequest request;
    SteadyTime give_up{};
    int tries = 0;
  };
  static constexpr std::size_t kTakenMax = 10'000;
  void take(const discord::Message& message);
  bool taken_before(const discord::Message& message);
  void ask(const std::string& message_id);
  void answered(const std::string& message_id, const Result<contracts::TurnReply>& reply);
  void end(const std::string& message_id, std::string_view reason);

  const Options options_;
  const Company& company_;
  Peers& peers_;
  Timers& timers_;
  const Clock& clock_;
  Silences& silences_;
  const std::function<void(const contracts::SpeakRequest&)> speak_;
  std::deque<discord::Message> early_;
  std::map<std::string, Asked> asked_;  // by message id
  // What may come again: when it was posted, and its id.
  std::set<std::pair<std::int64_t, std::string>> taken_;
};

}  // namespace bot
