#pragma once

#include <map>
#include <string>

#include "contracts/hub.h"
#include "hub/rest.h"
#include "runtime/runtime.h"

namespace hub {

// What people may see behind the scenes: the record of a line's turn, and how the cast feels in a
// channel, told whenever a turn begins to draft or is over. Lives on the loop's thread; the router
// and the coordinator are asked on the node's.
class StageNews {
 public:
  StageNews(const Stage& stage, runtime::Process& process);

  void install(Rest& rest);

 private:
  using Answer = std::function<void(const contracts::HubStage&)>;
  // `done` on the loop, with what is known when the coordinator is away.
  void look(const std::string& channel, Answer done);
  void announce(const std::string& channel);
  contracts::HubStage& last(const std::string& channel);
  void answer_turn(const Call& call);

  const Stage& stage_;
  messaging::Node& node_;
  messaging::Client router_;
  messaging::Client coordinator_;
  std::map<std::string, contracts::HubStage> last_;  // by channel
};

}  // namespace hub
