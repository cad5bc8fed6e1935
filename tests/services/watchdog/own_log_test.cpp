#include "watchdog/own_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "services/watchdog/temp_folder.h"
#include "support/fake_clock.h"

namespace watchdog {
namespace {

// An output that leads to a file, as `troupe up --detach` gives it to the watchdog.
struct OwnLogTest : testing::Test {
  TempFolder folder;
  std::filesystem::path file = folder.path / "watchdog.log";
  Descriptor output{::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600)};
  support::FakeClock clock{SystemClock::instance().wall_ms()};

  void say(std::string_view text) const {
    EXPECT_EQ(::write(output.number(), text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
  }
};

TEST_F(OwnLogTest, GoesOnInANewFileWhenTheOldOneIsFull) {
  auto log = OwnLog::adopt(file, {.bytes_max = 6}, clock, {output.number()});
  ASSERT_TRUE(log);
  say("before\n");
  log->check();
  say("after\n");
  log->check();
  EXPECT_EQ(text_of(file), "after\n");
  EXPECT_EQ(text_of(file.string() + ".1"), "before\n");
}

TEST_F(OwnLogTest, GoesOnInANewFileWhenTheOldOneIsOldButNotWhenItIsEmpty) {
  auto log = OwnLog::adopt(file, {.age_max = std::chrono::hours(1)}, clock, {output.number()});
  ASSERT_TRUE(log);
  clock.advance(std::chrono::hours(2));
  log->check();
  EXPECT_FALSE(std::filesystem::exists(file.string() + ".1"));
  say("old\n");
  log->check();
  EXPECT_EQ(text_of(file), "");
  EXPECT_EQ(text_of(file.string() + ".1"), "old\n");
}

TEST_F(OwnLogTest, IsNobodysWhenTheOutputGoesElsewhere) {
  EXPECT_FALSE(OwnLog::adopt(folder.path / "other.log", {}, clock, {output.number()}));
  const auto other = folder.path / "other.log";
  std::ofstream(other) << "x";
  EXPECT_FALSE(OwnLog::adopt(other, {}, clock, {output.number()}));
}

TEST_F(OwnLogTest, WritesOnWhenNoNewFileCanBeMade) {
  auto log = OwnLog::adopt(file, {.bytes_max = 1}, clock, {output.number()});
  ASSERT_TRUE(log);
  say("one\n");
  std::filesystem::rename(folder.path, folder.path.string() + "-moved");
  log->check();
  say("two\n");
  std::filesystem::rename(folder.path.string() + "-moved", folder.path);
  EXPECT_EQ(text_of(file), "one\ntwo\n");
}

}  // namespace
}  // namespace watchdog
