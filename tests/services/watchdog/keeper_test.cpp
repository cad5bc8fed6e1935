#include "watchdog/keeper.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include <condition_variable>
#include <thread>

#include "services/watchdog/temp_folder.h"

namespace watchdog {
namespace {

using contracts::ProcessState;
using Kind = Event::Kind;

// A program that lives until it is told to end, without sleeping.
constexpr const char* kWaits = "exec tail -f /dev/null";

Program shell(std::string name, std::string script, std::vector<std::string> after = {}) {
  return Program{std::move(name), {"/bin/sh", "-c", std::move(script)}, {}, std::move(after)};
}

// A keeper of real /bin/sh children; the test waits for its events.
struct KeeperTest : testing::Test {
  TempFolder folder;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Event> events;
  std::unique_ptr<Keeper> keeper;
  std::jthread thread;

  void TearDown() override { stop(); }

  void start(std::vector<Program> programs, Milliseconds drain_timeout = Milliseconds(20'000)) {
    Keeper::Options options;
    options.log_folder = folder.path;
    options.supervisor.restart.base = Milliseconds(1);
    options.children_file = folder.path / "children";
    options.supervisor.drain_timeout = drain_timeout;
    auto opened = Keeper::open(options, in_start_order(std::move(programs)).value(),
                               SystemClock::instance(), [this](const Event& event) {
                                 const std::lock_guard lock(mutex);
                                 events.push_back(event);
                                 changed.notify_all();
                               });
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    keeper = std::move(opened).value();
    thread = std::jthread([this] { keeper->run(); });
  }

  void stop() {
    if (!thread.joinable()) return;
    keeper->drain();
    thread.join();
  }

  // The `count`-th event of this kind for `program`; fails the test when it does not come.
  Event await(Kind kind, const std::string& program, int count = 1) {
    std::unique_lock lock(mutex);
    Event found;
    const auto come = changed.wait_for(lock, std::chrono::seconds(30), [&] {
      int seen = 0;
      for (const auto& event : events) {
        if (event.kind == kind && event.program == program && ++seen == count) found = event;
      }
      return seen >= count;
    });
    EXPECT_TRUE(come) << "no such event of " << program;
    return found;
  }

  // The programs in the order in which events of this kind came.
  std::string order_of(Kind kind) {
    const std::lock_guard lock(mutex);
    std::string order;
    for (const auto& event : events) {
      if (event.kind == kind) order += event.program + " ";
    }
    return order;
  }
  // A named pipe on which a child can meet the test.
  std::string fifo() const {
    const auto path = (folder.path / "fifo").string();
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    return path;
  }
  std::string log(const std::string& program) { return text_of(folder.path / (program + ".log")); }
};

TEST_F(KeeperTest, RestartsAProgramThatEnds) {
  start({shell("a", "exit 3")});
  EXPECT_EQ(await(Kind::Exited, "a", 3).detail, "exit 3");
}

TEST_F(KeeperTest, RestartsAProgramThatWasKilled) {
  start({shell("a", kWaits)});
  const auto first = await(Kind::Started, "a");
  ::kill(first.pid, SIGKILL);
  EXPECT_EQ(await(Kind::Exited, "a").detail, "signal 9 (Killed)");
  EXPECT_NE(await(Kind::Started, "a", 2).pid, first.pid);
}

TEST_F(KeeperTest, WritesBothOutputsToTheLogAndTellsTheLastLine) {
  start({shell("a", "echo out; echo err >&2; printf last; kill -9 $$")});
  EXPECT_EQ(await(Kind::Exited, "a").last_line, "last");
  stop();
  EXPECT_EQ(log("a").substr(0, 13), "out\nerr\nlast\n");
}

TEST_F(KeeperTest, TakesMoreOutputThanAPipeHolds) {
  start({shell("a",
               "i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done; "
               "echo end; exit 1")});
  EXPECT_EQ(await(Kind::Exited, "a").last_line, "end");
  stop();
  EXPECT_EQ(log("a").find("end\n"), 20'000U * 11);
}

TEST_F(KeeperTest, GivesAChildNoInputNoStrayDescriptorsAndItsEnvironment) {
  const Descriptor stray(::eventfd(0, 0));
  ASSERT_GE(stray.number(), 3);
  auto program = shell("a", "cat; echo \"$COLOUR\"; ls /proc/self/fd | tr '\\n' ' '; exit 1");
  program.env = {{"COLOUR", "blue"}};
  start({program});
  // 3 is what ls itself opens to look.
  EXPECT_EQ(await(Kind::Exited, "a").last_line, "0 1 2 3 ");
  stop();
  EXPECT_EQ(log("a").substr(0, 5), "blue\n");
}

TEST_F(KeeperTest, GivesAChildAProcessGroupOfItsOwnAndNoBlockedSignals) {
  sigset_t blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  start({shell("a", kWaits)});
  const auto started = await(Kind::Started, "a");
  EXPECT_EQ(::getpgid(started.pid), started.pid);
  stop();
  ::pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
  EXPECT_EQ(await(Kind::Exited, "a").detail, "signal 15 (Terminated)");
}

TEST_F(KeeperTest, StopsInReverseOrder) {
  start({shell("a", kWaits), shell("b", kWaits, {"a"}), shell("c", kWaits, {"b"})});
  await(Kind::Started, "c");
  stop();
  EXPECT_EQ(order_of(Kind::Started), "a b c ");
  EXPECT_EQ(order_of(Kind::Exited), "c b a ");
  EXPECT_EQ(order_of(Kind::Killed), "");
  for (const auto& status : keeper->status()) EXPECT_EQ(status.state, ProcessState::Stopped);
}

TEST_F(KeeperTest, KillsAChildThatIgnoresTheRequestToStop) {
  const auto meeting = fifo();
  start({shell("a", "trap '' TERM; echo deaf > " + meeting + "; " + kWaits)}, Milliseconds(20));
  EXPECT_EQ(text_of(meeting), "deaf\n");  // from here on the trap stands
  stop();
  EXPECT_EQ(order_of(Kind::Killed), "a ");
  EXPECT_EQ(await(Kind::Exited, "a").detail, "signal 9 (Killed)");
}

TEST_F(KeeperTest, KillsAtOnceAtTheSecondRequest) {
  const auto meeting = fifo();
  start({shell("a", "trap '' TERM; echo deaf > " + meeting + "; " + kWaits)});
  EXPECT_EQ(text_of(meeting), "deaf\n");
  keeper->drain();
  stop();
  EXPECT_EQ(await(Kind::Exited, "a").detail, "signal 9 (Killed)");
}

TEST_F(KeeperTest, EndsWhatAProgramLeftBehind) {
  const auto meeting = fifo();
  const auto second_life = (folder.path / "second").string();
  start({shell("a", "[ -e " + second_life + " ] && " + kWaits + "; touch " + second_life +
                        "; exec 3> " + meeting + "; tail -f /dev/null >&3 & exit 1")});
  // Ends only when nobody holds the other end any more.
  EXPECT_EQ(text_of(meeting), "");
}

TEST_F(KeeperTest, TellsNoLastLineOfAnEarlierLife) {
  const auto second_life = (folder.path / "second").string();
  start({shell(
      "a", "[ -e " + second_life + " ] && exit 1; touch " + second_life + "; echo first; exit 1")});
  EXPECT_EQ(await(Kind::Exited, "a", 1).last_line, "first");
  EXPECT_EQ(await(Kind::Exited, "a", 2).last_line, "");
}

TEST_F(KeeperTest, KillsAndRestartsAFrozenChild) {
  start({shell("a", kWaits)});
  const auto first = await(Kind::Started, "a");
  ::kill(first.pid, SIGSTOP);
  keeper->end_frozen(first.pid, "no answer");
  EXPECT_EQ(await(Kind::Frozen, "a").detail, "no answer");
  EXPECT_EQ(await(Kind::Exited, "a").detail, "signal 9 (Killed)");
  EXPECT_NE(await(Kind::Started, "a", 2).pid, first.pid);
}

TEST_F(KeeperTest, ForgetsTheChildrenThatHaveEnded) {
  start({shell("a", kWaits)});
  const auto pid = await(Kind::Started, "a").pid;
  EXPECT_EQ(text_of(folder.path / "children").substr(0, std::to_string(pid).size()),
            std::to_string(pid));
  stop();
  EXPECT_EQ(text_of(folder.path / "children"), "");
}

TEST_F(KeeperTest, TreatsAProgramThatIsNotThereAsOneThatFell) {
  start({Program{"a", {"/nowhere/a"}, {}, {}}});
  EXPECT_EQ(await(Kind::Exited, "a").detail, "not started: No such file or directory");
}

}  // namespace
}  // namespace watchdog
