#include <atomic>
#include <cassert>

#include "base/loop_thread.h"
#include "net/loop_impl.h"

namespace net {
namespace {

class TimerHandle final : public Loop::Timer {
 public:
  TimerHandle(Loop::Impl& loop, Milliseconds delay, std::function<void()> task)
      : loop_(loop), state_(std::make_shared<State>(loop.context.get_executor(), std::move(task))) {
    loop_.dispatch([state = state_, at = std::chrono::steady_clock::now() + delay] {
      if (state->forgotten) return;
      state->timer.expires_at(at);
      state->timer.async_wait([state](error_code failed) {
        if (failed || state->forgotten) return;
        // Moved out first: the task may drop the handle, and what it holds is freed here.
        const std::function<void()> due = std::move(state->task);
        due();
      });
    });
  }

  ~TimerHandle() override {
    state_->forgotten = true;
    loop_.dispatch([state = std::move(state_)] {
      state->timer.cancel();
      state->task = nullptr;
    });
  }

 private:
  struct State {
    State(Executor executor, std::function<void()> task_in)
        : timer(executor), task(std::move(task_in)) {}
    SteadyTimer timer;
    std::function<void()> task;
    std::atomic<bool> forgotten = false;
  };

  Loop::Impl& loop_;
  std::shared_ptr<State> state_;
};

}  // namespace

Loop::Loop() : impl_(std::make_unique<Impl>()) {
  impl_->thread = std::thread([this] {
    const LoopThread mark;
    impl_->context.run();
  });
}

Loop::~Loop() {
  assert(!on_loop_thread());
  impl_->context.stop();
  impl_->thread.join();
}

void Loop::post(std::function<void()> task) { asio::post(impl_->context, std::move(task)); }

std::unique_ptr<Loop::Timer> Loop::after(Milliseconds delay, std::function<void()> task) {
  return std::make_unique<TimerHandle>(*impl_, delay, std::move(task));
}

bool Loop::on_loop_thread() const { return impl_->on_thread(); }

}  // namespace net
