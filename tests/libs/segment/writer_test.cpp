#include "segment/writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "libs/segment/fixture.h"

namespace segment {
namespace {

using testing::Folder;
using testing::kTest;
using testing::numbers;
using testing::values;

TEST(Writer, LeavesTheOldFileUntilItFinishes) {
  const Folder folder;
  testing::write_small(folder.file("a"));
  {
    const auto writer = Writer::create(folder.file("a"), kTest).value();
    testing::add(*writer, "ten", numbers(10, 50));
    EXPECT_EQ(values(*File::open(folder.file("a"), kTest).value(), "ten"), numbers(10));
  }
  EXPECT_EQ(values(*File::open(folder.file("a"), kTest).value(), "ten"), numbers(10));
  EXPECT_FALSE(std::filesystem::exists(folder.file("a.part")));
}

TEST(Writer, ACrashBeforeTheRenameLeavesTheOldFileAndTheNextWriterCleansUp) {
  const Folder folder;
  testing::write_small(folder.file("a"));
  const pid_t child = ::fork();
  if (child == 0) {
    const auto writer = Writer::create(folder.file("a"), kTest).value();
    testing::add(*writer, "ten", numbers(3'000'000, 50));
    ::_exit(0);  // no destructor runs, as in a crash
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
  ASSERT_GT(std::filesystem::file_size(folder.file("a.part")), 8'000'000u);
  EXPECT_EQ(values(*File::open(folder.file("a"), kTest).value(), "ten"), numbers(10));
  testing::write_small(folder.file("a"), 100);
  EXPECT_EQ(values(*File::open(folder.file("a"), kTest).value(), "ten"), numbers(10, 100));
  EXPECT_FALSE(std::filesystem::exists(folder.file("a.part")));
}

TEST(Writer, RefusesASecondWriterOfTheSameFile) {
  const Folder folder;
  const auto writer = Writer::create(folder.file("a"), kTest).value();
  const Error error = Writer::create(folder.file("a"), kTest).error();
  EXPECT_EQ(error.code, Code::Conflict);
  EXPECT_EQ(error.message, "cannot write " + folder.file("a") + ": another writer is at it");
  testing::add(*writer, "ten", numbers(10));
  writer->finish().value();
  EXPECT_EQ(values(*File::open(folder.file("a"), kTest).value(), "ten"), numbers(10));
}

TEST(Writer, RefusesABlockTwiceAndABadName) {
  const Folder folder;
  const auto writer = Writer::create(folder.file("a"), kTest).value();
  writer->begin("once").value();
  EXPECT_EQ(writer->begin("once").error().code, Code::InvalidArgument);
  EXPECT_FALSE(writer->begin("").ok());
  EXPECT_FALSE(writer->begin(std::string(40, 'n')).ok());
  EXPECT_FALSE(writer->begin(std::string_view("a\0b", 3)).ok());
  EXPECT_TRUE(writer->begin(std::string(39, 'n')).ok());
  writer->finish().value();
  EXPECT_TRUE(File::open(folder.file("a"), kTest).value()->has(std::string(39, 'n')));
}

TEST(Writer, RefusesMoreBlocksThanAFileMayHave) {
  const Folder folder;
  const auto writer = Writer::create(folder.file("a"), kTest).value();
  for (std::size_t i = 0; i < kBlocksMax; ++i) writer->begin(std::to_string(i)).value();
  EXPECT_EQ(writer->begin("more").error().code, Code::TooLarge);
  writer->finish().value();
  EXPECT_TRUE(File::open(folder.file("a"), kTest).ok());
}

TEST(Writer, AFileWithoutBlocksIsAFile) {
  const Folder folder;
  Writer::create(folder.file("a"), kTest).value()->finish().value();
  const auto file = File::open(folder.file("a"), kTest).value();
  EXPECT_FALSE(file->has("anything"));
  EXPECT_EQ(file->scrub(1).value(), true);
}

TEST(Writer, SaysWhichFolderItCouldNotWriteTo) {
  const Folder folder;
  const Error error = Writer::create(folder.file("none/a"), kTest).error();
  EXPECT_EQ(error.code, Code::Unavailable);
  EXPECT_EQ(error.message, "cannot write " + folder.file("none/a") + ": cannot create " +
                               folder.file("none/a.part") + ": No such file or directory");
}

TEST(Writer, ADiskThatIsFullLeavesTheOldFile) {
  const Folder folder;
  testing::write_small(folder.file("a"));
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100'000, 100'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto writer = Writer::create(folder.file("a"), kTest).value();
    const std::vector<std::uint32_t> many = numbers(100'000);
    const bool refused = !writer->add("many", std::span<const std::uint32_t>(many)).ok() ||
                         writer->finish().error().message ==
                             "cannot write " + folder.file("a") + ": cannot write: File too large";
    ::_exit(refused ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(values(*File::open(folder.file("a"), kTest).value(), "ten"), numbers(10));
}

// The disk may have room again by then, but what was refused is not in the file.
TEST(Writer, NothingIsPublishedAfterAnAppendHasFailed) {
  const Folder folder;
  testing::write_small(folder.file("a"));
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    const rlim_t before = std::exchange(limit.rlim_cur, 100'000);
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto writer = Writer::create(folder.file("a"), kTest).value();
    const std::vector<std::uint32_t> many = numbers(1'000'000);
    bool right = !writer->add("many", std::span<const std::uint32_t>(many)).ok();
    limit.rlim_cur = before;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    right = right && !writer->append(std::as_bytes(std::span(many))).ok() &&
            !writer->begin("next").ok() && !writer->finish().ok();
    ::_exit(right ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(values(*File::open(folder.file("a"), kTest).value(), "ten"), numbers(10));
}

}  // namespace
}  // namespace segment
