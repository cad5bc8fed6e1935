#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "base/clock.h"
#include "contracts/characters.h"

namespace router {

// Prompts that `characters` has made, kept for turns that would get the same: of one character, one
// seed, and with the same of the lorebook's cues in the talk. A prompt that hangs on more of the
// talk than its cues is not kept. One thread's.
class Prompts {
 public:
  struct Options {
    Milliseconds ttl{30'000};  // covers a lost event
    std::size_t prompts_max = 1024;
  };
  explicit Prompts(Options options, const Clock& clock = SystemClock::instance())
      : options_(options), clock_(clock) {}

  // nullptr: it has to be asked for.
  std::shared_ptr<const contracts::Prompt> find(const contracts::PromptRequest& request) const;
  void keep(const contracts::PromptRequest& request,
            std::shared_ptr<const contracts::Prompt> prompt);
  void clear();  // a card has changed

 private:
  struct Kept {
    std::shared_ptr<const contracts::Prompt> prompt;
    SteadyTime until{};
  };
  using Key = std::tuple<std::string, std::int64_t, std::string>;  // character, seed, cues

  const Options options_;
  const Clock& clock_;
  std::map<std::string, std::shared_ptr<const contracts::Prompt>> latest_;  // tells the cues
  std::map<Key, Kept> kept_;
};

// One character for each cue of the prompt: whether it stands in the talk's last lines.
std::string cues_in(const contracts::Prompt& prompt, const std::vector<contracts::Line>& talk);

}  // namespace router
