#include "messaging/incoming.h"

#include <fmt/format.h>

#include "base/limits.h"

namespace messaging {

IncomingCall::~IncomingCall() {
  if (!answered_) reply(Error{Code::Internal, "the handler gave no answer"});
}

void IncomingCall::on_gone(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (answered_) return;
    if (!gone_) {
      on_gone_ = std::move(callback);
      return;
    }
  }
  loop_->post(std::move(callback));
}

void IncomingCall::cancel() {
  std::function<void()> callback;
  {
    const std::lock_guard lock(mutex_);
    gone_ = true;
    callback = std::exchange(on_gone_, {});
  }
  if (callback && !answered_) guarded(callback);
}

bool IncomingCall::item(std::string body) {
  const auto bytes = static_cast<std::int64_t>(body.size()) + kItemCost;
  if (gone() || answered_ || too_slow_ || body.size() > limits::kFrameBytes) return false;
  if (untaken_ > 0 && untaken_ + bytes > kItemWindowBytes) {
    too_slow_ = true;
    return false;
  }
  untaken_ += bytes;
  send(Envelope{.type = Type::Item, .id = what_.id}, std::move(body));
  return true;
}

void IncomingCall::reply(Result<std::string> body) {
  if (answered_.exchange(true)) return;
  // What it holds may hold this call, as the last who does: it goes when all is done.
  std::function<void()> unused;
  {
    const std::lock_guard lock(mutex_);
    unused.swap(on_gone_);
  }
  if (too_slow_) {
    body = Error{Code::Overloaded,
                 fmt::format("the caller is too slow: over {} bytes of items wait for it",
                             kItemWindowBytes)};
  } else if (body && body.value().size() > limits::kFrameBytes) {
    body = Error{Code::TooLarge, fmt::format("the reply has {} bytes, at most {} are allowed",
                                             body.value().size(), limits::kFrameBytes)};
  }
  Envelope envelope{.type = Type::Reply, .id = what_.id};
  if (body) {
    send(std::move(envelope), std::move(body).value());
  } else {
    envelope.type = Type::Error;
    envelope.code = name(body.error().code);
    send(std::move(envelope), std::move(body).error().message);
  }
}

void IncomingCall::send(Envelope envelope, std::string body) {
  if (loop_->on_thread()) return answering_.answer(what_.caller, envelope, body);
  loop_->post([&answering = answering_, caller = what_.caller, envelope = std::move(envelope),
               body = std::move(body)] { answering.answer(caller, envelope, body); });
}

}  // namespace messaging
