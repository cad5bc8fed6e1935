#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "telemetry/log.h"

namespace messaging {

using TimerId = std::uint64_t;

// Runs a callback of somebody else; what it throws is logged and ends nothing but itself.
template <class Callback>
void guarded(const Callback& callback) {
  try {
    callback();
  } catch (const std::exception& error) {
    telemetry::error("callback failed", {{"why", error.what()}});
  }
}

// The tasks and timers of one thread that waits elsewhere (on sockets): others post tasks, which
// wakes the thread through an eventfd. post() is thread-safe; the rest belongs to the owning
// thread.
class TaskLoop {
 public:
  TaskLoop();
  ~TaskLoop();
  TaskLoop(const TaskLoop&) = delete;
  TaskLoop& operator=(const TaskLoop&) = delete;

  // Runs `task` on the owning thread, in order; false, and `task` is dropped, after close().
  bool post(std::function<void()> task);
  // The descriptor to wait on for readability.
  int wake_fd() const { return wake_fd_; }
  // The calling thread becomes the owner.
  void adopt_thread() { owner_ = std::this_thread::get_id(); }
  // Runs what is posted, for the last time, and drops the timers. Afterwards nobody owns the loop.
  void close();
  bool on_thread() const { return owner_ == std::this_thread::get_id(); }

  TimerId after(Milliseconds delay, std::function<void()> task);
  void cancel(TimerId id);

  // Milliseconds until the next timer, 0 when tasks wait, at most `max`.
  Milliseconds wait(Milliseconds max);
  // When wake_fd() is readable, before run_due(): it is not until something is posted anew.
  void clear_wake();
  // Runs the posted tasks and the timers that are due.
  void run_due();

 private:
  int wake_fd_;
  std::atomic<std::thread::id> owner_{};
  std::multimap<SteadyTime, std::pair<TimerId, std::function<void()>>> timers_;
  std::unordered_map<TimerId, decltype(timers_)::iterator> timer_of_;
  TimerId next_timer_ = 1;

  std::mutex mutex_;
  std::vector<std::function<void()>> tasks_;
  bool closed_ = false;
};

}  // namespace messaging
