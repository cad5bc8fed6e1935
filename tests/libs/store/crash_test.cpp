#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "libs/store/fixture.h"

namespace store::testing {
namespace {

constexpr std::int64_t kThreads = 4;
constexpr std::int64_t kStride = 1'000'000;

// The child: writes from several threads and tells each number once it is acknowledged. Never
// returns; it is killed, or gives up when its parent is gone.
[[noreturn]] void write_until_killed(const std::string& path, Grade grade, int acknowledged) {
  auto database = Database::open(numbers(path, grade));
  if (!database) ::_exit(2);
  std::vector<std::jthread> threads;
  for (std::int64_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::int64_t value = thread * kStride;; ++value) {
        if (!database.value()->write(insert(value))) ::_exit(3);
        if (::write(acknowledged, &value, sizeof value) != sizeof value) ::_exit(4);
      }
    });
  }
  threads.clear();
  ::_exit(5);
}

class AfterKill : public ::testing::TestWithParam<Grade> {};

INSTANTIATE_TEST_SUITE_P(Store, AfterKill, ::testing::Values(Grade::PowerSafe, Grade::CrashSafe));

TEST_P(AfterKill, EveryAcknowledgedRowIsThere) {
  const Folder folder;
  const std::string path = folder.file("numbers.db");
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::close(ends[0]);
    ::signal(SIGPIPE, SIG_IGN);
    write_until_killed(path, GetParam(), ends[1]);
  }
  ::close(ends[1]);

  std::vector<std::int64_t> acknowledged;
  std::int64_t value = 0;
  while (::read(ends[0], &value, sizeof value) == sizeof value) {
    acknowledged.push_back(value);
    if (acknowledged.size() == 500) ::kill(child, SIGKILL);  // the rest is what it wrote meanwhile
  }
  ::close(ends[0]);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "exit " << WEXITSTATUS(status);
  ASSERT_GE(acknowledged.size(), 500U);

  const auto kept = values(*opened(numbers(path, GetParam())));
  for (const std::int64_t number : acknowledged) {
    EXPECT_TRUE(std::binary_search(kept.begin(), kept.end(), number)) << number;
  }
  // Beyond them at most the write that each thread had in flight.
  EXPECT_LE(kept.size(), acknowledged.size() + kThreads);
}

}  // namespace
}  // namespace store::testing
