#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

namespace ops_http {

// What the current thread may do with a connection.
enum class Role {
  Full,      // serve it as long as it lives
  Reserved,  // every worker is busy: answer one request, and only about health
  Refusing,  // even the reserved worker is: say so and close
};
Role current_role();

// Threads for blocking jobs: started when needed, up to a limit, ended when idle. One more is kept
// for when all are busy; beyond its queue, jobs run on the caller's thread as Role::Refusing.
// run() and stop() are for one thread, the one that accepts connections.
class Workers {
 public:
  explicit Workers(std::size_t threads_max);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  void run(std::function<void()> job);
  // Runs what is queued, then returns when all threads have ended.
  void stop();

 private:
  using Threads = std::list<std::thread>;

  bool start_thread(std::function<void()>& job);
  void serve(std::function<void()> job, Threads::iterator self);
  void serve_reserved();

  const std::size_t threads_max_;

  std::mutex mutex_;
  std::condition_variable job_queued_;
  std::condition_variable reserved_queued_;
  std::condition_variable all_ended_;
  std::deque<std::function<void()>> jobs_;  // never more than there are idle threads
  std::deque<std::function<void()>> reserved_jobs_;
  Threads threads_;
  Threads ended_;  // to be joined
  std::size_t idle_ = 0;
  bool stopping_ = false;
  std::thread reserved_;
};

}  // namespace ops_http
