#include "watchdog/log_file.h"

#include <gtest/gtest.h>

#include "services/watchdog/temp_folder.h"
#include "support/fake_clock.h"

namespace watchdog {
namespace {

struct LogFileTest : testing::Test {
  TempFolder folder;
  std::filesystem::path file = folder.path / "logs" / "a.log";
  support::FakeClock clock;

  LogFile open(LogFile::Options options = {}) {
    return LogFile::open(file, options, clock).value();
  }
  std::string old(int number) const {
    return text_of(file.string() + "." + std::to_string(number));
  }
};

TEST_F(LogFileTest, WritesWholeLinesHoweverTheyArrive) {
  auto log = open();
  log.write("one\ntw");
  EXPECT_EQ(text_of(file), "one\n");
  log.write("o\n\nthree");
  EXPECT_EQ(text_of(file), "one\ntwo\n\n");
  log.finish();
  log.finish();
  EXPECT_EQ(text_of(file), "one\ntwo\n\nthree\n");
  EXPECT_EQ(log.last_line(), "three");
}

TEST_F(LogFileTest, CutsALineAtTheLimit) {
  auto log = open({.line_bytes_max = 4});
  log.write("abcd\nabcdef");
  log.write("ghi\njk\n");
  EXPECT_EQ(text_of(file), "abcd\nabcd [cut]\njk\n");
}

TEST_F(LogFileTest, GoesOnAtTheEndOfAnExistingFile) {
  open().write("before\n");
  open().write("after\n");
  EXPECT_EQ(text_of(file), "before\nafter\n");
}

TEST_F(LogFileTest, RotatesByBytesAndKeepsTheNewest) {
  auto log = open({.bytes_max = 8, .kept = 2});
  for (const auto* line : {"aaa\n", "bbb\n", "ccc\n", "ddd\n", "eee\n", "fff\n", "ggg\n"}) {
    log.write(line);
  }
  EXPECT_EQ(text_of(file), "ggg\n");
  EXPECT_EQ(old(1), "eee\nfff\n");
  EXPECT_EQ(old(2), "ccc\nddd\n");
  EXPECT_FALSE(std::filesystem::exists(file.string() + ".3"));
}

TEST_F(LogFileTest, RotatesByAgeAtTheNextLine) {
  auto log = open({.age_max = Milliseconds(1000)});
  log.write("young\n");
  clock.advance(1000);
  log.write("still\n");
  clock.advance(1);
  log.write("new\n");
  EXPECT_EQ(text_of(file), "new\n");
  EXPECT_EQ(old(1), "young\nstill\n");
}

TEST_F(LogFileTest, RemovesRotatedLogsBeyondTheirNumberAndTheOldestBeyondTheBytes) {
  const auto old_log = [&](const std::string& name, int hour) {
    const auto path = folder.path / name;
    std::ofstream(path) << "0123456789";
    std::filesystem::last_write_time(
        path, std::filesystem::file_time_type::clock::now() - std::chrono::hours(hour));
    return path;
  };
  const auto excess = old_log("gone.log.4", 0);  // of a service that is no more
  const auto oldest = old_log("a.log.2", 9);
  const auto older = old_log("b.log.1", 8);
  const auto young = old_log("a.log.1", 1);
  const auto current = old_log("a.log", 99);
  const auto foreign = old_log("notes.1", 99);
  prune_logs(folder.path, 3, 20);
  EXPECT_FALSE(std::filesystem::exists(excess));
  EXPECT_FALSE(std::filesystem::exists(oldest));
  EXPECT_TRUE(std::filesystem::exists(older));
  EXPECT_TRUE(std::filesystem::exists(young));
  EXPECT_TRUE(std::filesystem::exists(current));
  EXPECT_TRUE(std::filesystem::exists(foreign));
}

TEST_F(LogFileTest, KeepsRotatedLogsWithinTheirBytesByItself) {
  auto log = open({.bytes_max = 8, .kept = 5, .kept_bytes_max = 16});
  for (int i = 0; i < 12; ++i) log.write("abc\n");
  EXPECT_TRUE(std::filesystem::exists(file.string() + ".2"));
  EXPECT_FALSE(std::filesystem::exists(file.string() + ".3"));
}

TEST_F(LogFileTest, CountsWhatTheDiskDoesNotTake) {
  std::filesystem::create_directories(file.parent_path());
  std::filesystem::create_symlink("/dev/full", file);
  auto log = open();
  log.write("lost\n");
  EXPECT_EQ(log.bytes_lost(), 5U);
}

TEST_F(LogFileTest, SaysWhichFileItCannotOpen) {
  std::filesystem::create_directories(file);
  const auto log = LogFile::open(file, {}, clock);
  ASSERT_FALSE(log.ok());
  EXPECT_EQ(log.error().message, "cannot open " + file.string() + ": Is a directory");
}

}  // namespace
}  // namespace watchdog
