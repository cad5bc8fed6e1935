#include "net/mailbox.h"

#include <utility>

#include "base/utf8.h"

namespace net {
namespace {

constexpr std::size_t kReasonBytesMax = 123;  // a control frame's 125 without the code
constexpr std::size_t kMessageOverhead = 64;  // an empty message is not free either

// Whether an endpoint may put it into a close frame (RFC 6455 section 7.4).
bool sendable(std::uint16_t code) {
  return (code >= 1000 && code <= 1013 && code != 1004 && code != 1005 && code != 1006) ||
         (code >= 3000 && code <= 4999);
}

}  // namespace

bool Mailbox::send(Kind kind, std::string message) {
  if (kind == Kind::Text && !utf8_valid(message)) message = utf8_repaired(message);
  return send(kind, std::move(message), nullptr);
}

bool Mailbox::send(Kind kind, std::string head, std::shared_ptr<const std::string> rest) {
  Message message{kind, std::move(head), std::move(rest)};
  const std::lock_guard lock(mutex_);
  if (carrier_ == nullptr || closing_ || overflowed_) return false;
  const std::size_t cost = message.size() + kMessageOverhead;
  // Into an empty queue anything goes: the sender holds those bytes anyway.
  if (bytes_ > 0 && bytes_ + cost > queue_bytes_max_) {
    overflowed_ = true;
    queue_.clear();
  } else {
    bytes_ += cost;
    queue_.push_back(std::move(message));
    if (queue_.size() > 1) return true;  // woken already
  }
  carrier_->wake();
  return !overflowed_;
}

void Mailbox::close(std::uint16_t code, std::string reason) {
  const std::lock_guard lock(mutex_);
  if (carrier_ == nullptr || closing_ || overflowed_) return;
  const std::string repaired = utf8_repaired(reason);
  closing_ = {sendable(code) ? code : std::uint16_t{1000},
              std::string(utf8_prefix(repaired, kReasonBytesMax))};
  carrier_->wake();
}

std::size_t Mailbox::queued_bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

Mailbox::Next Mailbox::take() {
  const std::lock_guard lock(mutex_);
  bytes_ -= std::exchange(taken_bytes_, 0);
  Next next;
  next.overflowed = overflowed_;
  if (overflowed_) return next;
  if (queue_.empty()) {
    next.closing = closing_;
    return next;
  }
  next.message = std::move(queue_.front());
  queue_.pop_front();
  next.more = !queue_.empty();
  taken_bytes_ = next.message->size() + kMessageOverhead;
  return next;
}

bool Mailbox::closing() const {
  const std::lock_guard lock(mutex_);
  return closing_.has_value();
}

void Mailbox::detach() {
  const std::lock_guard lock(mutex_);
  carrier_ = nullptr;
  queue_.clear();
  bytes_ = taken_bytes_ = 0;
}

}  // namespace net
