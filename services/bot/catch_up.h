#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bot/intake.h"
#include "bot/ledger.h"
#include "bot/listener.h"
#include "bot/ports.h"
#include "discord/types.h"

namespace bot {

// Finds what people wrote while the bot had no session, before a new one or while it was down, and
// has it answered as if it had just been heard: a resumed session misses nothing. It reads one
// channel after the other, the latest messages of each, and hands over, the oldest first, what is
// young enough and has no line of this bot in the ledger; the listener and the router know the
// rest. Owned and used by the loop's thread.
class CatchUp {
 public:
  CatchUp(IntakeOptions options, Channels& channels, Ledger& ledger, Timers& timers,
          const Clock& clock, Listener& listener);

  // A session has begun that is not the one before.
  void new_session();
  // A guild as it is now: its channels tell of their last messages.
  void guild(const discord::Guild& guild);
  // A message came from this direct channel: none is told of when a session begins.
  void direct(const std::string& channel);

 private:
  struct Place {
    std::string channel;
    std::optional<std::string> guild;
    int tries = 0;
  };
  using Messages = std::vector<discord::Message>;
  static constexpr std::size_t kPlacesMax = 1000;
  static constexpr std::size_t kDirectMax = 32;

  bool young(std::string_view message_id) const;
  void add(Place place);
  void go_on();
  void go_on_after(Milliseconds pause);
  void read(const Place& place);
  void failed(Place place, const Error& error);
  void keep(const Place& place, Messages page, const std::set<std::string>& answered);

  const IntakeOptions options_;
  Channels& channels_;
  Ledger& ledger_;
  Timers& timers_;
  const Clock& clock_;
  Listener& listener_;
  std::deque<std::string> direct_;  // the latest last
  std::deque<Place> places_;        // still to be read
  std::deque<discord::Message> found_;
  bool begun_ = false;
  bool busy_ = false;  // something is under way that goes on by itself
};

}  // namespace bot
