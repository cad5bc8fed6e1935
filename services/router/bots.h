#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "contracts/bot.h"
#include "contracts/router.h"
#include "messaging/node.h"

namespace router {

// The bots that bring the characters' lines to the people: which there are, and their posting of
// lines that nobody has asked for. What is known of them is in memory alone: they say it again and
// again. Belongs to the node's thread.
class Bots {
 public:
  struct Options {
    Milliseconds gone_after{30'000};  // without a word of theirs
    std::size_t bots_max = 64;        // beyond: Overloaded
    Milliseconds speak_within{30'000};
    Milliseconds call_timeout{10'000};  // of one try; a bot that died in it does not answer
    Milliseconds speak_again{500};      // after a try that failed
  };
  // `node` must outlive this.
  Bots(Options options, messaging::Node& node, const Clock& clock = SystemClock::instance())
      : options_(options), node_(node), clock_(clock), began_(clock.now()) {}

  Result<contracts::BotCompany> join(const contracts::BotPresence& presence);

  // Has the character's bot post a line, which knows a line that comes again by its turn. Tries
  // until it has, `wanted` says that it would come too late, or the time is over; `done` is called
  // once, on the node's thread.
  void speak(const std::string& character, const contracts::SpeakRequest& line,
             std::function<bool()> wanted,
             std::function<void(const Result<contracts::SpeakReply>&)> done);

 private:
  struct Present {
    contracts::BotPresence presence;
    SteadyTime until{};
  };
  struct Speech;
  void try_to_speak(const std::shared_ptr<const Speech>& speech);

  Options options_;
  messaging::Node& node_;
  const Clock& clock_;
  const SteadyTime began_;
  std::map<std::string, Present> present_;  // by user id
};

}  // namespace router
