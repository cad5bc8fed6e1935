#include "bot/typist.h"

namespace bot {

void Typist::begin(const std::string& channel) {
  const auto until = clock_.now() + options_.at_most;
  if (const auto found = typing_.find(channel); found != typing_.end()) {
    found->second.until = until;
    return;
  }
  if (typing_.size() >= options_.channels_max) return;
  typing_[channel] = {++last_, until};
  show_after(options_.begin_after, channel, last_);
}

void Typist::show_after(Milliseconds pause, const std::string& channel, std::uint64_t which) {
  timers_.after(pause, [this, channel, which] { show(channel, which); });
}

void Typist::show(const std::string& channel, std::uint64_t which) {
  const auto found = typing_.find(channel);
  if (found == typing_.end() || found->second.which != which) return;
  if (clock_.now() >= found->second.until) return end(channel);
  channels_.typing(channel);
  show_after(options_.again_after, channel, which);
}

}  // namespace bot
