#include "runtime/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace runtime::testing {
namespace {

TEST(WorkerPool, RefusesWhatDoesNotFitItsQueue) {
  WorkerPool pool(1, 2);
  std::promise<void> release;
  std::promise<void> busy;
  ASSERT_TRUE(pool.post([&, gate = release.get_future().share()] {
    busy.set_value();
    gate.wait();
  }));
  busy.get_future().wait();
  EXPECT_TRUE(pool.post([] {}));
  EXPECT_TRUE(pool.post([] {}));
  EXPECT_FALSE(pool.post([] {}));
  EXPECT_EQ(pool.queued(), 2U);
  release.set_value();
}

TEST(WorkerPool, RunsAsManyTasksAtOnceAsItHasThreads) {
  WorkerPool pool(3, 10);
  std::promise<void> all;
  const auto met = all.get_future().share();
  std::atomic<int> inside{0};
  std::promise<void> done;
  std::atomic<int> left{3};
  for (int i = 0; i < 3; ++i) {
    pool.post([&] {
      if (++inside == 3) all.set_value();
      met.wait();  // passes only if all three are here
      if (--left == 0) done.set_value();
    });
  }
  done.get_future().wait();
}

TEST(WorkerPool, FinishesItsQueueBeforeItEnds) {
  std::atomic<int> ran{0};
  {
    WorkerPool pool(2, 100);
    for (int i = 0; i < 100; ++i) {
      while (!pool.post([&] { ++ran; })) {
      }
    }
  }
  EXPECT_EQ(ran, 100);
}

}  // namespace
}  // namespace runtime::testing
