#include "ops_http/exchange.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace ops_http {
namespace {

constexpr short kGoneEvents = POLLRDHUP | POLLHUP | POLLERR;

int make_eventfd() {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  return fd;
}

}  // namespace

// The handler's end; its destructor is how an unanswered request is noticed.
class Exchange::Answer final : public http::Reply {
 public:
  explicit Answer(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  ~Answer() override {
    exchange_->abandon(http::Response::error({Code::Internal, "the request was not answered"}));
  }

  void respond(http::Response response) override { exchange_->respond(std::move(response)); }
  void begin(int status, http::Headers headers) override {
    exchange_->begin(status, std::move(headers));
  }
  bool write(std::string chunk) override { return exchange_->write(std::move(chunk)); }
  void end(Ending ending) override { exchange_->end(ending); }
  bool gone() const override { return exchange_->gone(); }
  void on_gone(std::function<void()> callback) override { exchange_->on_gone(std::move(callback)); }

 private:
  const std::shared_ptr<Exchange> exchange_;
};

Exchange::Exchange(int fd, std::size_t queue_bytes_max)
    : queue_bytes_max_(queue_bytes_max), wake_fd_(make_eventfd()), fd_(fd) {}

Exchange::~Exchange() { ::close(wake_fd_); }

std::shared_ptr<http::Reply> Exchange::reply_to(std::shared_ptr<Exchange> exchange) {
  return std::make_shared<Answer>(std::move(exchange));
}

void Exchange::wake() const {
  // Fails only when the counter is full, and then the waiter is awake already.
  [[maybe_unused]] const int failed = ::eventfd_write(wake_fd_, 1);
}

template <class Ready>
void Exchange::wait_until(std::unique_lock<std::mutex>& lock, Ready ready) {
  while (!ready()) {
    // The socket is closed by this thread alone, so it is open here.
    std::array<pollfd, 2> waiting{{{wake_fd_, POLLIN, 0}, {gone_ ? -1 : fd_, kGoneEvents, 0}}};
    lock.unlock();
    ::poll(waiting.data(), waiting.size(), -1);
    eventfd_t count = 0;
    ::eventfd_read(wake_fd_, &count);
    lock.lock();
    if (waiting[1].revents == 0 || gone_) continue;
    gone_ = true;
    const auto callbacks = std::exchange(on_gone_, {});
    lock.unlock();
    for (const auto& callback : callbacks) callback();
    lock.lock();
  }
}

std::optional<http::Response> Exchange::wait() {
  std::unique_lock lock(mutex_);
  wait_until(lock, [&] { return state_ != State::Waiting; });
  if (state_ == State::Answered) return std::move(head_);
  return std::nullopt;
}

std::optional<std::string> Exchange::next_chunk() {
  std::unique_lock lock(mutex_);
  wait_until(lock, [&] { return !queue_.empty() || state_ != State::Streaming || gone_; });
  if (gone_ && state_ == State::Streaming) state_ = State::Cut;
  if (queue_.empty()) return std::nullopt;
  return std::exchange(queue_, {});
}

bool Exchange::complete() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::Complete;
}

void Exchange::close() {
  std::vector<std::function<void()>> callbacks;
  {
    const std::lock_guard lock(mutex_);
    fd_ = -1;
    gone_ = true;
    queue_.clear();
    callbacks = std::exchange(on_gone_, {});
    if (state_ == State::Streaming) {
      state_ = State::Cut;  // the reader was lost while the handler still produces
    } else {
      callbacks.clear();
    }
  }
  for (const auto& callback : callbacks) callback();
}

void Exchange::abandon(http::Response response) {
  const std::lock_guard lock(mutex_);
  if (state_ == State::Waiting) {
    head_ = std::move(response);
    state_ = State::Answered;
  } else if (state_ == State::Streaming) {
    state_ = State::Cut;
  }
  wake();
}

void Exchange::respond(http::Response response) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::Waiting) return;
  head_ = std::move(response);
  state_ = State::Answered;
  wake();
}

void Exchange::begin(int status, http::Headers headers) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::Waiting) return;
  head_ = {status, std::move(headers), {}};
  state_ = State::Streaming;
  wake();
}

bool Exchange::write(std::string chunk) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::Streaming || gone_) return false;
  if (!queue_.empty() && queue_.size() + chunk.size() > queue_bytes_max_) {
    state_ = State::Cut;  // the reader would miss a part: better no end than a wrong one
    wake();
    return false;
  }
  queue_ += chunk;
  wake();
  return true;
}

void Exchange::end(http::Reply::Ending ending) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::Streaming) return;
  state_ = ending == http::Reply::Ending::Complete ? State::Complete : State::Cut;
  wake();
}

bool Exchange::gone() const {
  const std::lock_guard lock(mutex_);
  if (gone_) return true;
  // A handler that blocks the connection's own thread still learns the truth here.
  pollfd socket{fd_, kGoneEvents, 0};
  return ::poll(&socket, 1, 0) > 0;
}

void Exchange::on_gone(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (!gone_) {
      on_gone_.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

}  // namespace ops_http
