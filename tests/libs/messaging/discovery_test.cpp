#include "messaging/discovery.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "support/temp_dir.h"

namespace messaging::testing {
namespace {

Instance this_process(const std::string& service) {
  return {service, getpid(), "127.0.0.1:6005", "ipc:///nowhere.rpc", "ipc:///nowhere.events", {}};
}

// The id of a process that has ended.
pid_t dead_pid() {
  const pid_t pid = fork();
  if (pid == 0) _exit(0);
  waitpid(pid, nullptr, 0);
  return pid;
}

TEST(Discovery, FindsWhatIsAnnouncedUntilItIsWithdrawn) {
  const support::TempDir dir;
  ASSERT_TRUE(announce(dir.path(), this_process("router")).ok());
  EXPECT_EQ(instances(dir.path()), std::vector<Instance>{this_process("router")});
  withdraw(dir.path(), this_process("router"));
  EXPECT_TRUE(instances(dir.path()).empty());
}

TEST(Discovery, ReplacesAnEarlierAnnouncement) {
  const support::TempDir dir;
  Instance instance = this_process("router");
  announce(dir.path(), instance).value();
  instance.http = "127.0.0.1:7000";
  announce(dir.path(), instance).value();
  EXPECT_EQ(instances(dir.path()), std::vector<Instance>{instance});
}

TEST(Discovery, PassesOverADeadProcessAndRemovesItsFiles) {
  const support::TempDir dir;
  Instance dead = this_process("router");
  dead.pid = dead_pid();
  dead.rpc = "ipc://" + dir.write("router.rpc", "");
  announce(dir.path(), dead).value();
  EXPECT_TRUE(instances(dir.path()).empty());
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(Discovery, PassesOverADeadProcessWhoseIdAnotherHas) {
  const support::TempDir dir;
  Instance instance = this_process("router");
  instance.started = process_started(getpid());
  ASSERT_GT(instance.started, 0);
  announce(dir.path(), instance).value();
  EXPECT_EQ(instances(dir.path()), std::vector<Instance>{instance});
  --instance.started;
  announce(dir.path(), instance).value();
  EXPECT_TRUE(instances(dir.path()).empty());
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(Discovery, PassesOverADeadProcessThatItsParentHasNotAskedFor) {
  const support::TempDir dir;
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte = 0;
    close(ends[1]);
    _exit(static_cast<int>(read(ends[0], &byte, 1)));
  }
  Instance instance = this_process("router");
  instance.pid = child;
  instance.started = process_started(child);
  announce(dir.path(), instance).value();
  EXPECT_EQ(instances(dir.path()), std::vector<Instance>{instance});
  close(ends[0]);
  close(ends[1]);
  siginfo_t ended{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(instances(dir.path()).empty());
  waitpid(child, nullptr, 0);
}

TEST(Discovery, PassesOverFilesThatAreNoAnnouncement) {
  const support::TempDir dir;
  dir.write("broken.1.json", "{");
  dir.write("empty.1.json", "");
  dir.write("negative.1.json", R"({"service":"x","pid":-1})");
  dir.write("router.1.json.new", R"({"service":"x","pid":1})");
  EXPECT_TRUE(instances(dir.path()).empty());
  EXPECT_TRUE(instances(dir.file("absent")).empty());
}

TEST(Discovery, CannotAnnounceWhereThereIsNoDirectory) {
  const support::TempDir dir;
  EXPECT_EQ(announce(dir.file("absent"), this_process("router")).error().code, Code::Unavailable);
}

TEST(Discovery, KeepsTheRunDirectoryPrivate) {
  const support::TempDir dir;
  const std::string run = dir.file("deep/run");
  ASSERT_TRUE(make_run_dir(run).ok());
  ASSERT_EQ(chmod(run.c_str(), 0777), 0);
  ASSERT_TRUE(make_run_dir(run).ok());
  struct stat status {};
  ASSERT_EQ(stat(run.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST(Discovery, DerivesOneShortRunDirectoryForEachDataDirectory) {
  const std::string one = default_run_dir("data/../data", "");
  EXPECT_EQ(one, default_run_dir("data", ""));
  EXPECT_NE(one, default_run_dir("other", ""));
  EXPECT_TRUE(one.starts_with("/tmp/troupe-"));
  EXPECT_TRUE(default_run_dir("data", "/run/user/1000").starts_with("/run/user/1000/troupe-"));
  EXPECT_TRUE(default_run_dir("data", "/" + std::string(60, 'x')).starts_with("/tmp/troupe-"));
  EXPECT_LT(one.size(), 40U);
}

}  // namespace
}  // namespace messaging::testing
