#include "watchdog/children.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "services/watchdog/temp_folder.h"

namespace watchdog {
namespace {

struct ChildrenTest : testing::Test {
  TempFolder folder;
  std::filesystem::path file = folder.path / "children";
  std::vector<pid_t> started;

  // A process in a group of its own that does nothing until a signal ends it.
  pid_t start(bool deaf = false) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::setpgid(0, 0);
      if (deaf) ::signal(SIGTERM, SIG_IGN);
      while (true) ::pause();
    }
    ::setpgid(pid, pid);
    started.push_back(pid);
    return pid;
  }
  void TearDown() override {
    for (const pid_t pid : started) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }
  // Ends the orphans of the file as a successor does; their names.
  std::string end_orphans(Milliseconds patience = std::chrono::seconds(30)) const {
    std::string names;
    Children(file).end_orphans(patience,
                               [&](const std::string& name, pid_t) { names += name + " "; });
    return names;
  }
  // How the child ended: the signal, or 0 when it lives.
  static int ended_by(pid_t pid) {
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
    return info.si_pid == pid ? info.si_status : 0;
  }
};

TEST_F(ChildrenTest, EndsWhatAnEarlierWatchdogLeftBehindAlsoWhenItIsFrozen) {
  Children children(file);
  const pid_t awake = start();
  const pid_t frozen = start();
  children.add(awake, "llm");
  children.add(frozen, "router");
  ::kill(frozen, SIGSTOP);
  EXPECT_EQ(end_orphans(), "llm router ");
  EXPECT_EQ(ended_by(awake), SIGTERM);
  EXPECT_EQ(ended_by(frozen), SIGTERM);
}

TEST_F(ChildrenTest, KeepTheListOfBeforeWhenTheDiskIsFull) {
  Children children(file);
  children.add(start(), "llm");
  std::filesystem::create_symlink("/dev/full", file.string() + ".new");
  children.add(start(), "router");
  EXPECT_EQ(end_orphans(), "llm ");
}

TEST_F(ChildrenTest, KillsAnOrphanThatDoesNotEndWhenAsked) {
  Children children(file);
  const pid_t deaf = start(true);
  ::kill(deaf, SIGSTOP);  // deaf or frozen: whichever comes first, it does not end at SIGTERM
  children.add(deaf, "llm");
  end_orphans(Milliseconds(0));
  int status = 0;
  EXPECT_EQ(::waitpid(deaf, &status, 0), deaf);
  EXPECT_TRUE(WIFSIGNALED(status));
  started.clear();
}

TEST_F(ChildrenTest, LeavesAProcessAloneThatOnlyHasTheSameNumber) {
  const pid_t innocent = start();
  std::ofstream(file) << innocent << " another-boot/1 llm\n";
  EXPECT_EQ(end_orphans(), "");
  EXPECT_EQ(ended_by(innocent), 0);
}

TEST_F(ChildrenTest, PassesOverWhatHasEndedAndWhatIsNoChild) {
  Children children(file);
  const pid_t gone = start();
  children.add(gone, "llm");
  const pid_t removed = start();
  children.add(removed, "router");
  children.remove(removed);
  ::kill(gone, SIGKILL);
  ::waitpid(gone, nullptr, 0);
  EXPECT_EQ(end_orphans(), "");
  EXPECT_EQ(ended_by(removed), 0);
  std::ofstream(file) << "-1 x y\nnonsense";
  EXPECT_EQ(end_orphans(), "");
}

TEST_F(ChildrenTest, KeepNothingWithoutAFile) {
  Children children;
  children.add(::getpid(), "self");
  children.remove(::getpid());
}

}  // namespace
}  // namespace watchdog
