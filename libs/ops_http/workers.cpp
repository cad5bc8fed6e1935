#include "ops_http/workers.h"

#include <chrono>
#include <system_error>
#include <utility>

namespace ops_http {
namespace {

constexpr std::chrono::seconds kIdleLife{10};
constexpr std::size_t kReservedQueue = 64;

thread_local Role role = Role::Full;

}  // namespace

Role current_role() { return role; }

Workers::Workers(std::size_t threads_max)
    : threads_max_(threads_max), reserved_([this] { serve_reserved(); }) {}

Workers::~Workers() { stop(); }

void Workers::run(std::function<void()> job) {
  Threads ended;
  {
    const std::lock_guard lock(mutex_);
    ended.swap(ended_);
    if (idle_ > jobs_.size()) {
      jobs_.push_back(std::exchange(job, nullptr));
      job_queued_.notify_one();
    } else if (!start_thread(job) && reserved_jobs_.size() < kReservedQueue) {
      reserved_jobs_.push_back(std::exchange(job, nullptr));
      reserved_queued_.notify_one();
    }
  }
  for (std::thread& thread : ended) thread.join();
  if (!job) return;
  role = Role::Refusing;
  job();
  role = Role::Full;
}

// Takes the job if there may be one thread more, and if the system gives one.
bool Workers::start_thread(std::function<void()>& job) {
  if (threads_.size() >= threads_max_) return false;
  const auto self = threads_.emplace(threads_.end());
  try {
    *self = std::thread([this, self, first = job]() mutable { serve(std::move(first), self); });
  } catch (const std::system_error&) {
    threads_.erase(self);
    return false;
  }
  job = nullptr;
  return true;
}

void Workers::serve(std::function<void()> job, Threads::iterator self) {
  std::unique_lock lock(mutex_);
  while (job) {
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
    ++idle_;
    job_queued_.wait_for(lock, kIdleLife, [&] { return stopping_ || !jobs_.empty(); });
    --idle_;
    if (jobs_.empty()) break;
    job = std::move(jobs_.front());
    jobs_.pop_front();
  }
  ended_.splice(ended_.end(), threads_, self);
  all_ended_.notify_one();
}

void Workers::serve_reserved() {
  role = Role::Reserved;
  std::unique_lock lock(mutex_);
  while (true) {
    reserved_queued_.wait(lock, [&] { return stopping_ || !reserved_jobs_.empty(); });
    if (reserved_jobs_.empty()) return;
    const std::function<void()> job = std::move(reserved_jobs_.front());
    reserved_jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

void Workers::stop() {
  Threads all;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  job_queued_.notify_all();
  reserved_queued_.notify_all();
  if (reserved_.joinable()) reserved_.join();
  std::unique_lock lock(mutex_);
  all_ended_.wait(lock, [&] { return threads_.empty(); });
  all.swap(ended_);
  lock.unlock();
  for (std::thread& thread : all) thread.join();
}

}  // namespace ops_http
