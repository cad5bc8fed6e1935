#include "hub/event_log.h"

#include <utility>

#include "base/utf8.h"

namespace hub {
namespace {

std::size_t cost(const EventLog::Entry& entry) {
  const Event& event = entry.event;
  // What is redacted counts as if it were there: an entry's cost does not change while it is kept.
  return sizeof(entry) + entry.data->size() * (event.redact == nullptr ? 1 : 2) +
         (event.only.size() + event.readers.size()) * sizeof(Snowflake);
}

}  // namespace

Tail make_tail(std::string data) {
  if (!utf8_valid(data)) data = utf8_repaired(data);
  data += '}';
  return std::make_shared<const std::string>(std::move(data));
}

const Tail& EventLog::Entry::redacted() const {
  if (event.redact == nullptr) return data;
  if (!redacted_) {
    redacted_ = make_tail(event.redact(std::string_view(*data).substr(0, data->size() - 1)));
  }
  return redacted_;
}

std::uint64_t EventLog::add(Event event) {
  Entry entry;
  entry.data = make_tail(std::exchange(event.data, {}));
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
