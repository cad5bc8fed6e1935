#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "bot/ports.h"

namespace bot {

// Shows in a channel that the character is typing, while it is. Discord shows it for ten seconds,
// so it is said again every eight. Owned and used by the loop's thread.
class Typist {
 public:
  struct Options {
    Milliseconds begin_after{150};  // what is over sooner shows nothing
    Milliseconds again_after{8'000};
    Milliseconds at_most{120'000};  // whoever forgets to say that it is over
    std::size_t channels_max = 256;
  };
  Typist(Options options, Channels& channels, Timers& timers, const Clock& clock)
      : options_(options), channels_(channels), timers_(timers), clock_(clock) {}

  void begin(const std::string& channel);
  void end(const std::string& channel) { typing_.erase(channel); }

 private:
  struct Typing {
    std::uint64_t which = 0;  // a timer of an earlier one does nothing
    SteadyTime until{};
  };
  void show(const std::string& channel, std::uint64_t which);
  void show_after(Milliseconds pause, const std::string& channel, std::uint64_t which);

  const Options options_;
  Channels& channels_;
  Timers& timers_;
  const Clock& clock_;
  std::uint64_t last_ = 0;
  std::map<std::string, Typing> typing_;  // by channel
};

}  // namespace bot
