#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "hub/events.h"

namespace hub {

// The end of a dispatch, which all its payloads share: JSON of `d`, then the brace that closes the
// payload. UTF-8.
using Tail = std::shared_ptr<const std::string>;
Tail make_tail(std::string data);

// The latest events, each under a number that grows by one: what sessions are sent and, after a
// Resume, sent again. One copy for all sessions; the oldest go when there are too many or too much.
// Not thread-safe.
class EventLog {
 public:
  EventLog(std::size_t events_max, std::size_t bytes_max)
      : events_max_(events_max), bytes_max_(bytes_max) {}

  // An event as it is kept: what its `data` was has become the end of a payload.
  struct Entry {
    Event event;
    Tail data;

    // The same for who may not read what people write.
    const Tail& redacted() const;

   private:
    mutable Tail redacted_;  // made once it is asked for
  };

  // Keeps the event, whatever its size, until others need the room. Its number is above 0.
  std::uint64_t add(Event event);
  // Null when it is not kept any more, or never was.
  const Entry* find(std::uint64_t number) const;

  std::size_t size() const { return events_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  const std::size_t events_max_;
  const std::size_t bytes_max_;
  std::deque<Entry> events_;
  std::uint64_t first_ = 1;  // the number of the oldest
  std::size_t bytes_ = 0;
};

}  // namespace hub
