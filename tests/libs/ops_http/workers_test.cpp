#include "ops_http/workers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <set>
#include <thread>

namespace ops_http {
namespace {

TEST(Workers, StartsAThreadForEachJobThatBlocksAndReusesTheIdleOnes) {
  Workers workers(4);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  for (int i = 0; i < 20; ++i) {
    std::promise<void> done;
    workers.run([&] {
      const std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
      done.set_value();
    });
    done.get_future().wait();
  }
  workers.stop();
  EXPECT_LE(threads.size(), 4U);
}

TEST(Workers, GivesAJobToTheReservedThreadWhenAllAreBusyAndThenRefuses) {
  Workers workers(1);
  std::promise<void> release;
  const auto released = release.get_future().share();
  workers.run([released] { released.wait(); });

  std::promise<Role> reserved;
  workers.run([&] {
    reserved.set_value(current_role());
    released.wait();
  });
  EXPECT_EQ(reserved.get_future().get(), Role::Reserved);

  int refused = 0;
  for (int i = 0; i < 100; ++i) {
    workers.run([&refused] { refused += current_role() == Role::Refusing ? 1 : 0; });
  }
  EXPECT_EQ(refused, 100 - 64);
  EXPECT_EQ(current_role(), Role::Full);
  release.set_value();
  workers.stop();
}

TEST(Workers, RunsWhatIsQueuedBeforeItStops) {
  std::atomic<int> ran{0};
  {
    Workers workers(2);
    for (int i = 0; i < 50; ++i) workers.run([&] { ++ran; });
  }
  EXPECT_EQ(ran, 50);
}

}  // namespace
}  // namespace ops_http
