#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace runtime {

// A fixed number of threads behind a bounded queue. Thread-safe. The destructor finishes what is
// queued.
class WorkerPool {
 public:
  WorkerPool(std::size_t threads, std::size_t queue_max);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False when the queue is full.
  bool post(std::function<void()> task);
  std::size_t queued() const;

 private:
  void work(const std::stop_token& stop);

  std::size_t queue_max_;
  std::vector<std::jthread> threads_;

  mutable std::mutex mutex_;
  std::condition_variable_any arrived_;
  std::deque<std::function<void()>> tasks_;
};

}  // namespace runtime
