#include "watchdog/supervisor.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "support/fake_clock.h"

namespace watchdog {
namespace {

using contracts::ProcessState;
using Strings = std::vector<std::string>;

// Remembers what it was asked, and gives out the pids 1, 2, 3...
struct FakeLauncher final : Launcher {
  Strings asked;
  std::map<std::string, pid_t> pids;
  std::optional<Exit> refusal;

  std::variant<pid_t, Exit> launch(const Program& program) override {
    asked.push_back("launch " + program.name);
    if (refusal) return *refusal;
    pids[program.name] = ++last_pid_;
    return last_pid_;
  }
  void signal(pid_t pid, int signal) override {
    for (const auto& [name, its] : pids) {
      if (its == pid) asked.push_back((signal == SIGKILL ? "kill " : "term ") + name);
    }
  }
  Strings take() { return std::exchange(asked, {}); }

 private:
  pid_t last_pid_ = 0;
};

Program program(std::string name, Strings after = {}) {
  return Program{std::move(name), {"/bin/true"}, {}, std::move(after)};
}

struct SupervisorTest : testing::Test {
  support::FakeClock clock;
  FakeLauncher launcher;
  Strings crash_loops;
  Strings others;  // what was frozen, killed and left, and why
  Supervisor one = supervise({program("a")});

  Supervisor supervise(std::vector<Program> programs) {
    return Supervisor(
        {}, in_start_order(std::move(programs)).value(), launcher, clock,
        [this](const Event& event) {
          if (event.kind == Event::Kind::CrashLoop) {
            crash_loops.push_back(event.program + ": " + event.detail);
          }
          const auto told = [&](Event::Kind kind, const char* word) {
            if (event.kind != kind) return;
            others.push_back(std::string(word) + " " + event.program + ": " + event.detail);
          };
          told(Event::Kind::Frozen, "frozen");
          told(Event::Kind::Killed, "killed");
          told(Event::Kind::Left, "left");
        });
  }
  void end(Supervisor& supervisor, const std::string& name, Exit exit = {Exit::Kind::Code, 1}) {
    supervisor.on_exit(launcher.pids.at(name), exit);
  }
  void pass(Supervisor& supervisor, int ms) {
    clock.advance(ms);
    supervisor.on_time();
  }
  // Milliseconds until `one` wants to be woken; -1 for never.
  std::int64_t wait_ms() const {
    const auto next = one.next_time();
    return next ? std::chrono::duration_cast<Milliseconds>(*next - clock.now()).count() : -1;
  }
};

TEST(StartOrder, PutsEachProgramBehindWhatItComesAfter) {
  const auto ordered =
      in_start_order({program("c", {"b", "a"}), program("b", {"a"}), program("a")});
  ASSERT_TRUE(ordered.ok());
  EXPECT_EQ(ordered.value()[0].name, "a");
  EXPECT_EQ(ordered.value()[1].name, "b");
  EXPECT_EQ(ordered.value()[2].name, "c");
}

TEST(StartOrder, RefusesCirclesStrangersAndDoubles) {
  EXPECT_EQ(in_start_order({program("a", {"b"}), program("b", {"a"})}).error().message,
            "program 'a' comes after itself, by a circle");
  EXPECT_EQ(in_start_order({program("a", {"b"})}).error().message,
            "program 'a' comes after 'b', which is none");
  EXPECT_EQ(in_start_order({program("a"), program("a")}).error().message,
            "program 'a' is named twice");
}

TEST_F(SupervisorTest, StartsInOrder) {
  auto supervisor = supervise({program("b", {"a"}), program("a")});
  supervisor.start();
  EXPECT_EQ(launcher.take(), (Strings{"launch a", "launch b"}));
  EXPECT_EQ(supervisor.status()[0].name, "a");
  EXPECT_EQ(supervisor.status()[0].pid, 1);
  EXPECT_EQ(supervisor.status()[0].state, ProcessState::Running);
  EXPECT_EQ(supervisor.next_time(), std::nullopt);
}

TEST_F(SupervisorTest, RestartsAfterABackOffThatDoublesUpToItsLimit) {
  one.start();
  // Lives of eight seconds: too short to be forgiven, too rare for a crash loop.
  for (const int expected : {100, 200, 400, 800, 1600, 3200, 5000, 5000}) {
    launcher.take();
    clock.advance(8000);
    end(one, "a");
    EXPECT_EQ(one.status()[0].state, ProcessState::BackingOff);
    EXPECT_EQ(wait_ms(), expected);
    pass(one, expected - 1);
    EXPECT_EQ(launcher.take(), Strings{});
    pass(one, 1);
    EXPECT_EQ(launcher.take(), Strings{"launch a"});
  }
  EXPECT_EQ(one.status()[0].restarts, 8);
  EXPECT_EQ(crash_loops, Strings{});
}

TEST_F(SupervisorTest, ForgivesAProgramThatHasLivedForTenSeconds) {
  one.start();
  for (int i = 0; i < 3; ++i) {
    end(one, "a");
    pass(one, 5000);
  }
  clock.advance(10'000);
  end(one, "a");
  EXPECT_EQ(wait_ms(), 100);
}

TEST_F(SupervisorTest, SlowsACrashLoopAndReportsItOnce) {
  one.start();
  for (int i = 0; i < 4; ++i) {
    end(one, "a");
    pass(one, static_cast<int>(wait_ms()));
  }
  EXPECT_EQ(crash_loops, Strings{});
  end(one, "a");
  EXPECT_EQ(crash_loops, Strings{"a: 5 exits in 30 s, the last one: exit 1"});
  EXPECT_EQ(one.status()[0].state, ProcessState::CrashLoop);
  EXPECT_EQ(wait_ms(), 5000);
  pass(one, 5000);
  end(one, "a");
  EXPECT_EQ(crash_loops.size(), 1U);
  EXPECT_EQ(wait_ms(), 5000);
}

TEST_F(SupervisorTest, TriesAProgramThatRefusesItsSettingsEverMoreRarely) {
  one.start();
  for (const int expected : {1000, 2000, 4000, 8000, 16'000, 30'000, 30'000}) {
    one.on_exit(launcher.pids.at("a"), {Exit::Kind::Code, 2}, "a: port: must be an integer");
    EXPECT_EQ(one.status()[0].state, ProcessState::Refused);
    EXPECT_EQ(one.status()[0].last_line, "a: port: must be an integer");
    EXPECT_EQ(wait_ms(), expected);
    launcher.take();
    pass(one, expected - 1);
    EXPECT_EQ(launcher.take(), Strings{});
    pass(one, 1);
    EXPECT_EQ(launcher.take(), Strings{"launch a"});
  }
  EXPECT_EQ(crash_loops, Strings{});
  // Another kind of end begins anew.
  end(one, "a");
  EXPECT_EQ(one.status()[0].state, ProcessState::BackingOff);
  EXPECT_EQ(wait_ms(), 100);
}

TEST_F(SupervisorTest, TreatsAFailedStartAsAnExit) {
  launcher.refusal = Exit{Exit::Kind::NotStarted, ENOENT};
  one.start();
  EXPECT_EQ(one.status()[0].state, ProcessState::BackingOff);
  EXPECT_EQ(one.status()[0].last_exit, "not started: No such file or directory");
  launcher.refusal.reset();
  pass(one, 100);
  EXPECT_EQ(one.status()[0].state, ProcessState::Running);
}

TEST_F(SupervisorTest, IgnoresTheExitOfAProcessThatIsNotItsOwn) {
  one.start();
  one.on_exit(99, Exit{});
  EXPECT_EQ(one.status()[0].state, ProcessState::Running);
}

TEST_F(SupervisorTest, DrainsInReverseOrderEachWhenItsFollowersAreGone) {
  auto supervisor = supervise({program("a"), program("b"), program("c", {"a", "b"})});
  supervisor.start();
  launcher.take();
  supervisor.drain();
  EXPECT_EQ(launcher.take(), Strings{"term c"});
  EXPECT_FALSE(supervisor.drained());
  end(supervisor, "c", {Exit::Kind::Code, 0});
  EXPECT_EQ(launcher.take(), (Strings{"term b", "term a"}));
  end(supervisor, "a");
  EXPECT_FALSE(supervisor.drained());
  end(supervisor, "b");
  EXPECT_TRUE(supervisor.drained());
  EXPECT_EQ(supervisor.next_time(), std::nullopt);
}

TEST_F(SupervisorTest, DrainsPastAProgramThatIsDownAndDoesNotRestartIt) {
  auto supervisor = supervise({program("a"), program("b", {"a"})});
  supervisor.start();
  end(supervisor, "b");
  launcher.take();
  supervisor.drain();
  EXPECT_EQ(launcher.take(), Strings{"term a"});
  pass(supervisor, 6000);
  EXPECT_EQ(launcher.take(), Strings{});
}

TEST_F(SupervisorTest, KillsOnceWhatDoesNotStopInTime) {
  one.start();
  one.drain();
  launcher.take();
  EXPECT_EQ(wait_ms(), 10'000);
  pass(one, 9999);
  EXPECT_EQ(launcher.take(), Strings{});
  pass(one, 1);
  EXPECT_EQ(launcher.take(), Strings{"kill a"});
  EXPECT_EQ(others, Strings{"killed a: it did not end in time"});
  pass(one, 1);
  EXPECT_EQ(launcher.take(), Strings{});
}

TEST_F(SupervisorTest, GivesUpWhatNotEvenAKillEndsAndSaysSo) {
  auto supervisor = supervise({program("a"), program("b", {"a"})});
  supervisor.start();
  supervisor.kill();
  others.clear();
  launcher.take();
  pass(supervisor, 4999);
  EXPECT_EQ(others, Strings{});
  pass(supervisor, 1);
  EXPECT_EQ(others,
            (Strings{"left a: not even SIGKILL ends it", "left b: not even SIGKILL ends it"}));
  EXPECT_TRUE(supervisor.drained());
  EXPECT_EQ(supervisor.next_time(), std::nullopt);
}

TEST_F(SupervisorTest, KillsAFrozenProgramOnceAndRestartsIt) {
  one.start();
  const pid_t pid = launcher.pids.at("a");
  launcher.take();
  one.on_frozen(pid, "no answer for 20.0 s");
  EXPECT_EQ(launcher.take(), Strings{"kill a"});
  EXPECT_EQ(others, Strings{"frozen a: no answer for 20.0 s"});
  end(one, "a", {Exit::Kind::Signal, SIGKILL});
  pass(one, 100);
  EXPECT_EQ(launcher.take(), Strings{"launch a"});
  one.on_frozen(pid, "too late");  // a process of the past
  EXPECT_EQ(launcher.take(), Strings{});
}

TEST_F(SupervisorTest, LeavesAFrozenProgramThatIsEndingToTheDrain) {
  one.start();
  one.drain();
  launcher.take();
  one.on_frozen(launcher.pids.at("a"), "no answer");
  EXPECT_EQ(launcher.take(), Strings{});
}

TEST_F(SupervisorTest, KillsEverythingAtASecondRequestToStop) {
  auto supervisor = supervise({program("a"), program("b", {"a"})});
  supervisor.start();
  supervisor.drain();
  launcher.take();
  supervisor.kill();
  EXPECT_EQ(launcher.take(), (Strings{"kill a", "kill b"}));
}

TEST_F(SupervisorTest, StatusTellsWhenTheStateBegan) {
  clock.advance(5);
  one.start();
  EXPECT_EQ(one.status()[0].since_ms, 1'700'000'000'005);
  clock.advance(7);
  end(one, "a", {Exit::Kind::Signal, SIGSEGV});
  EXPECT_EQ(one.status()[0].since_ms, 1'700'000'000'012);
  EXPECT_EQ(one.status()[0].pid, 0);
  EXPECT_EQ(one.status()[0].last_exit, "signal 11 (Segmentation fault)");
}

}  // namespace
}  // namespace watchdog
