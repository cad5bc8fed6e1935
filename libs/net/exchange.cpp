#include "net/exchange.h"

namespace net {
namespace {

constexpr Milliseconds kLateReads{2};

}  // namespace

Link::Link(Loop::Impl& loop)
    : stream(loop.context.get_executor()),
      inlet(loop, stream),
      watchdog(loop.context.get_executor(), [this] {
        if (exchange != nullptr) exchange->expired();
      }) {}

bool Link::stale() {
  if (stream.tls() != nullptr && stream.tls()->pending()) return true;
  char byte = 0;
  const auto got = ::recv(stream.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

void Link::heed(const http::Headers& headers) {
  constexpr std::string_view kTimeout = "timeout=";
  const auto told = headers.get("Keep-Alive");
  const std::size_t at = told ? told->find(kTimeout) : std::string_view::npos;
  if (at == std::string_view::npos) return;
  const std::string_view digits = told->substr(at + kTimeout.size());
  int seconds = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), seconds).ec == std::errc()) {
    keep = std::chrono::seconds(std::clamp(seconds - 1, 0, 3600));
  }
}

void Exchange::cancel() {
  const std::lock_guard lock(mutex_);
  if (loop_ == nullptr) return;
  loop_->dispatch([self = shared_from_this()] { self->stop({Code::Cancelled, "cancelled"}); });
}

void Exchange::allow(std::string_view phase, Milliseconds delay) {
  const SteadyTime at = std::chrono::steady_clock::now() + delay;
  phase_ = at < total_at ? phase : "total";
  delay_ = at < total_at ? delay : request.total_timeout;
  late_ = false;
  if (link != nullptr) {
    waiting_.reset();
    return link->watchdog.set(std::min(at, total_at));
  }
  if (!waiting_) {
    const std::lock_guard lock(mutex_);
    waiting_.emplace(loop_->context.get_executor(), [this] { expired(); });
  }
  waiting_->set(std::min(at, total_at));
}

void Exchange::expired() {
  // The loop may have been held up: what has come meanwhile is read first.
  if (!std::exchange(late_, true)) {
    const SteadyTime soon = std::chrono::steady_clock::now() + kLateReads;
    return link != nullptr ? link->watchdog.set(soon) : waiting_->set(soon);
  }
  stop({Code::DeadlineExceeded,
        fmt::format("{} {}: {} time-out of {} ms passed", http::name(request.method), where(),
                    phase_, delay_.count())});
}

Error Exchange::failure(Code code, std::string_view what) const {
  if (stopped) return *stopped;
  return Error{code, fmt::format("{} {}: {}", http::name(request.method), where(), what)};
}

std::string Exchange::where() const {
  const Url& url = site->url;
  return fmt::format("{}://{}{}", url.tls ? "https" : "http", url.authority,
                     url.target.substr(0, url.target.find('?')));
}

}  // namespace net
