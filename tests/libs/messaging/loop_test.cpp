#include "messaging/loop.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <memory>
#include <string>

namespace messaging::testing {
namespace {

TEST(TaskLoop, RunsWhatIsPostedInOrder) {
  TaskLoop loop;
  std::string ran;
  loop.post([&] {
    ran += 'a';
    loop.post([&] { ran += 'c'; });
  });
  loop.post([&] { ran += 'b'; });
  EXPECT_EQ(loop.wait(Milliseconds(1000)).count(), 0);
  loop.run_due();
  EXPECT_EQ(ran, "ab");
  loop.run_due();
  EXPECT_EQ(ran, "abc");
}

TEST(TaskLoop, IsAwakeFromTheFirstTaskUntilThatIsNoted) {
  TaskLoop loop;
  const auto awake = [&] {
    pollfd entry{loop.wake_fd(), POLLIN, 0};
    return poll(&entry, 1, 0) == 1;
  };
  EXPECT_FALSE(awake());
  loop.post([] {});
  loop.post([] {});
  EXPECT_TRUE(awake());
  loop.clear_wake();
  EXPECT_FALSE(awake());
  loop.run_due();
  loop.post([] {});
  EXPECT_TRUE(awake());
}

TEST(TaskLoop, RunsTimersThatAreDueAndKeepsTheOthers) {
  TaskLoop loop;
  std::string ran;
  loop.after(Milliseconds(0), [&] { ran += 'a'; });
  loop.after(Milliseconds(-5), [&] { ran += 'b'; });
  loop.after(std::chrono::hours(1), [&] { ran += 'c'; });
  loop.run_due();
  EXPECT_EQ(ran, "ba");
  EXPECT_EQ(loop.wait(Milliseconds(1000)).count(), 1000);
}

TEST(TaskLoop, ForgetsACancelledTimerAlsoOneThatIsDueInTheSameTurn) {
  TaskLoop loop;
  std::string ran;
  TimerId second = 0;
  loop.after(Milliseconds(-2), [&] {
    ran += 'a';
    loop.cancel(second);
  });
  second = loop.after(Milliseconds(-1), [&] { ran += 'b'; });
  loop.run_due();
  EXPECT_EQ(ran, "a");
  loop.cancel(second);
  loop.cancel(4711);
}

TEST(TaskLoop, RunsTheLastTasksWhenItClosesAndTakesNoMore) {
  TaskLoop loop;
  loop.adopt_thread();
  EXPECT_TRUE(loop.on_thread());
  std::string ran;
  EXPECT_TRUE(loop.post([&] { ran += 'a'; }));
  loop.close();
  EXPECT_EQ(ran, "a");
  EXPECT_FALSE(loop.post([&] { ran += 'b'; }));
  EXPECT_FALSE(loop.on_thread());
}

TEST(TaskLoop, DropsTheTimersWhenItCloses) {
  TaskLoop loop;
  auto held = std::make_shared<int>();
  const std::weak_ptr<int> watched = held;
  loop.after(std::chrono::hours(1), [held = std::move(held)] {});
  loop.close();
  EXPECT_TRUE(watched.expired());
}

}  // namespace
}  // namespace messaging::testing
