#include "watchdog/attendance.h"

#include <gtest/gtest.h>

#include "support/fake_clock.h"

namespace watchdog {
namespace {

struct AttendanceTest : testing::Test {
  support::FakeClock clock;
  Attendance attendance{{.patience = Milliseconds(10'000), .start_patience = Milliseconds(60'000)}};

  bool ready(pid_t pid) { return attendance.ready("llm", pid, clock.now()); }
  void answer(pid_t pid, bool is_ready = true) {
    attendance.answered("llm", pid, is_ready, clock.now());
  }
  // "pid after ms" of those that are silent for too long while `pid` runs.
  std::string silent(pid_t pid) {
    contracts::ServiceStatus status;
    status.name = "llm";
    status.pid = pid;
    status.state = contracts::ProcessState::Running;
    std::string text;
    for (const auto& one : attendance.silent({status}, clock.now())) {
      text += std::to_string(one.pid) + " after " + std::to_string(one.silence.count());
    }
    return text;
  }
};

TEST_F(AttendanceTest, TakesTheAnswerOfAnOldProcessForThatProcessAlone) {
  answer(1);
  EXPECT_TRUE(ready(1));
  EXPECT_FALSE(ready(2));
  answer(2, false);
  EXPECT_FALSE(ready(2));
  answer(2);
  EXPECT_TRUE(ready(2));
}

TEST_F(AttendanceTest, LetsNoAnswerStandForLong) {
  answer(1);
  clock.advance(2000);
  EXPECT_TRUE(ready(1));
  clock.advance(1);
  EXPECT_FALSE(ready(1));
}

TEST_F(AttendanceTest, BelievesAMissedAnswerAtOnceUntilTheNext) {
  answer(1);
  attendance.missed("llm");
  EXPECT_FALSE(ready(1));
  EXPECT_FALSE(attendance.present("llm", clock.now()));
  answer(1);
  EXPECT_TRUE(ready(1));
  attendance.missed("nobody");
}

TEST_F(AttendanceTest, TellsASilenceOnceAfterThePatience) {
  answer(1);
  clock.advance(10'000);
  EXPECT_EQ(silent(1), "");
  clock.advance(1);
  EXPECT_EQ(silent(1), "1 after 10001");
  clock.advance(5000);
  EXPECT_EQ(silent(1), "");
  answer(1);
  clock.advance(10'001);
  EXPECT_EQ(silent(1), "1 after 10001");
}

TEST_F(AttendanceTest, HasMorePatienceWithAProcessThatIsStillLoading) {
  EXPECT_EQ(silent(1), "");
  clock.advance(60'000);
  EXPECT_EQ(silent(1), "");
  clock.advance(1);
  EXPECT_EQ(silent(1), "1 after 60001");
}

TEST_F(AttendanceTest, BeginsAnewWithANewProcess) {
  answer(1);
  clock.advance(9000);
  EXPECT_EQ(silent(2), "");
  clock.advance(9000);
  EXPECT_EQ(silent(2), "");
}

TEST_F(AttendanceTest, WaitsForEverWithoutAPatience) {
  attendance = Attendance({.patience = Milliseconds(0)});
  answer(1);
  clock.advance(std::chrono::hours(24));
  EXPECT_EQ(silent(1), "");
}

TEST_F(AttendanceTest, KnowsWhoIsPresentWhereNobodyElseDoes) {
  EXPECT_FALSE(attendance.present("llm", clock.now()));
  answer(1, false);
  answer(2);
  ASSERT_TRUE(attendance.present("llm", clock.now()));
  EXPECT_EQ(attendance.present("llm", clock.now())->pid, 2);
  clock.advance(2001);
  EXPECT_FALSE(attendance.present("llm", clock.now()));
}

TEST_F(AttendanceTest, RemembersABoundedNumberOfProcesses) {
  for (pid_t pid = 1; pid <= 100; ++pid) {
    clock.advance(1);
    answer(pid);
  }
  EXPECT_FALSE(ready(1));
  EXPECT_TRUE(ready(100));
}

}  // namespace
}  // namespace watchdog
