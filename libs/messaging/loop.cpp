#include "messaging/loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace messaging {

TaskLoop::TaskLoop() : wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_fd_ < 0) throw std::runtime_error("no eventfd: too many open files");
}

TaskLoop::~TaskLoop() { ::close(wake_fd_); }

bool TaskLoop::post(std::function<void()> task) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    wake = tasks_.empty();
    tasks_.push_back(std::move(task));
  }
  if (wake) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(wake_fd_, &one, sizeof one);
  }
  return true;
}

void TaskLoop::close() {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    tasks.swap(tasks_);
  }
  for (auto& task : tasks) guarded(task);
  // What they hold may hold this loop.
  decltype(timers_) unused;
  unused.swap(timers_);
  timer_of_.clear();
  unused.clear();
  // The system gives the ids of ended threads to new ones.
  owner_ = std::thread::id{};
}

TimerId TaskLoop::after(Milliseconds delay, std::function<void()> task) {
  const TimerId id = next_timer_++;
  const auto at =
      timers_.emplace(SystemClock::instance().now() + delay, std::make_pair(id, std::move(task)));
  timer_of_.emplace(id, at);
  return id;
}

void TaskLoop::cancel(TimerId id) {
  const auto found = timer_of_.find(id);
  if (found == timer_of_.end()) return;
  timers_.erase(found->second);
  timer_of_.erase(found);
}

Milliseconds TaskLoop::wait(Milliseconds max) {
  {
    const std::lock_guard lock(mutex_);
    if (!tasks_.empty()) return Milliseconds(0);
  }
  if (timers_.empty()) return max;
  const auto left =
      std::chrono::ceil<Milliseconds>(timers_.begin()->first - SystemClock::instance().now());
  return std::clamp(left, Milliseconds(0), max);
}

void TaskLoop::clear_wake() {
  std::uint64_t wakes = 0;
  [[maybe_unused]] const auto got = read(wake_fd_, &wakes, sizeof wakes);
}

void TaskLoop::run_due() {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (auto& task : tasks) guarded(task);
  const SteadyTime now = SystemClock::instance().now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    auto timer = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    timer_of_.erase(timer.first);
    guarded(timer.second);
  }
}

}  // namespace messaging
