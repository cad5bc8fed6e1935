#pragma once

// Marks the calling thread as an event loop while it lives: one wait there is everybody's wait.
// What may wait asserts that it is not on such a thread.
class LoopThread {
 public:
  LoopThread() { here_ = true; }
  ~LoopThread() { here_ = false; }
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  static bool here() { return here_; }

 private:
  static inline thread_local bool here_ = false;
};
