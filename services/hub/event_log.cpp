#include "hub/event_log.h"

#include <utility>

#include "base/utf8.h"

namespace hub {
namespace {

std::size_t cost(const EventLog::Entry& entry) {
  const Event& event = entry.event;
  return sizeof(entry) + entry.data->size() + (entry.redacted ? entry.redacted->size() : 0) +
         (event.only.size() + event.readers.size()) * sizeof(Snowflake);
}

}  // namespace

Tail make_tail(std::string data) {
  if (!utf8_valid(data)) data = utf8_repaired(data);
  data += '}';
  return std::make_shared<const std::string>(std::move(data));
}

std::uint64_t EventLog::add(Event event) {
  Entry entry;
  entry.data = make_tail(std::exchange(event.data, {}));
  if (!event.redacted.empty()) entry.redacted = make_tail(std::exchange(event.redacted, {}));
  entry.event = std::move(event);
  bytes_ += cost(entry);
  events_.push_back(std::move(entry));
  while (events_.size() > 1 && (events_.size() > events_max_ || bytes_ > bytes_max_)) {
    bytes_ -= cost(events_.front());
    events_.pop_front();
    ++first_;
  }
  return first_ + events_.size() - 1;
}

const EventLog::Entry* EventLog::find(std::uint64_t number) const {
  if (number < first_ || number - first_ >= events_.size()) return nullptr;
  return &events_[number - first_];
}

}  // namespace hub
