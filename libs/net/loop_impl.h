#pragma once

#include <array>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>

#include "net/net.h"

// What the .cpp files of net share. Not for other libraries: it shows Asio.
namespace net {

namespace asio = boost::asio;
using boost::system::error_code;

// Every object names the io_context's own executor: the default one is type-erased, and slower.
using Executor = asio::io_context::executor_type;
template <class T>
using Awaitable = asio::awaitable<T, Executor>;
inline constexpr asio::use_awaitable_t<Executor> kAwait;
using Tcp = asio::ip::tcp;
using Socket = asio::basic_stream_socket<Tcp, Executor>;
using SteadyTimer =
    asio::basic_waitable_timer<std::chrono::steady_clock,
                               asio::wait_traits<std::chrono::steady_clock>, Executor>;

class TlsContext;

// Has bytes to send that should not wait for others to be read.
class Hasty {
 public:
  virtual ~Hasty() = default;
  virtual void send_first() noexcept = 0;
};

struct Loop::Impl {
  // Of clients, by CA file: made on first use. Loop thread only.
  std::unordered_map<std::string, std::shared_ptr<TlsContext>> tls_contexts;
  // Where plain sockets are read into: what came is dealt with before the next read.
  std::array<char, 64 * 1024> scratch;
  asio::io_context context{1};
  asio::executor_work_guard<Executor> work{context.get_executor()};
  std::thread thread;

  // While a client hands on what it has read: what that began to stream, which is sent when it is
  // all handed on and before more is read.
  bool handing_on = false;
  std::shared_ptr<Hasty> hasty;

  bool on_thread() { return context.get_executor().running_in_this_thread(); }

  // Runs `task` now when on the loop's thread, else soon.
  template <class Task>
  void dispatch(Task task) {
    if (on_thread()) {
      task();
    } else {
      asio::post(context, std::move(task));
    }
  }
};

// Wakes the one coroutine that waits for it. A signal without a waiter is kept for the next wait,
// so the waiter checks its condition in a loop. Loop thread only.
class Event {
 public:
  explicit Event(Executor executor) : executor_(executor) {}

  // Resumes the waiter from the loop, never from inside this call: the caller is often a callback
  // that the waiter would call again.
  void signal() {
    set_ = true;
    if (!waiter_) return;
    asio::post(executor_, [waiter = std::move(*waiter_)]() mutable { std::move(waiter)(); });
    waiter_.reset();
  }

  Awaitable<void> wait() {
    if (!set_) {
      co_await asio::async_initiate<const asio::use_awaitable_t<Executor>&, void()>(Suspend{this},
                                                                                    kAwait);
    }
    set_ = false;
  }

 private:
  using Waiter = asio::async_result<asio::use_awaitable_t<Executor>, void()>::handler_type;
  struct Suspend {
    Event* event;
    void operator()(Waiter waiter) const { event->waiter_.emplace(std::move(waiter)); }
  };

  Executor executor_;
  bool set_ = false;
  std::optional<Waiter> waiter_;
};

// A deadline that is moved far more often than it passes: moving it later is one store, because the
// timer under it is armed lazily and looks again when it fires. Loop thread only.
class Watchdog {
 public:
  Watchdog(Executor executor, std::function<void()> expired)
      : state_(std::make_shared<State>(executor, std::move(expired))) {}
  ~Watchdog() {
    state_->expired = nullptr;
    state_->timer.cancel();
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  void set(SteadyTime at) {
    state_->at = at;
    if (at < state_->armed) arm(state_);
  }
  void set_after(Milliseconds delay) { set(std::chrono::steady_clock::now() + delay); }
  void clear() { state_->at = SteadyTime::max(); }

 private:
  struct State {
    State(Executor executor, std::function<void()> expired_in)
        : timer(executor), expired(std::move(expired_in)) {}
    SteadyTimer timer;
    std::function<void()> expired;
    SteadyTime at = SteadyTime::max();
    SteadyTime armed = SteadyTime::max();
  };

  static void arm(const std::shared_ptr<State>& state) {
    state->armed = state->at;
    state->timer.expires_at(state->at);
    state->timer.async_wait([state](error_code failed) {
      if (failed) return;
      state->armed = SteadyTime::max();
      if (state->at == SteadyTime::max()) return;
      if (std::chrono::steady_clock::now() < state->at) return arm(state);
      state->at = SteadyTime::max();
      if (state->expired) state->expired();
    });
  }

  std::shared_ptr<State> state_;
};

}  // namespace net
