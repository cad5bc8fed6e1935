#include "crawler/folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "support/temp_dir.h"

namespace crawler {
namespace {

namespace fs = std::filesystem;

class FolderTest : public ::testing::Test {
 protected:
  FolderTest() : root_(fs::canonical(dir_.path()).string() + "/root") {
    fs::create_directories(root_ + "/sub");
  }
  void write(const std::string& name, std::string_view text = "x") {
    dir_.write("root/" + name, text);
  }
  std::map<std::string, std::string> files(const Tree& tree) const {
    std::map<std::string, std::string> found;
    for (const auto& file : tree.files) found[file.path.substr(root_.size() + 1)] = file.skipped;
    return found;
  }

  support::TempDir dir_;
  std::string root_;
};

TEST_F(FolderTest, IsWalkedWithoutLinksSecretsAndStrangeFiles) {
  write("a.md");
  write("sub/b.txt");
  write(".hidden.md");
  write("id_rsa");
  write("image.png");
  fs::create_directories(root_ + "/.git");
  write(".git/c.md");
  fs::create_symlink("/etc", root_ + "/link");
  fs::create_symlink(root_ + "/a.md", root_ + "/link.md");
  ASSERT_EQ(::mkfifo((root_ + "/pipe.md").c_str(), 0600), 0);
  const auto tree = walk(root_, {}).value();
  EXPECT_TRUE(tree.whole);
  EXPECT_EQ(files(tree),
            (std::map<std::string, std::string>{{"a.md", ""},
                                                {"sub/b.txt", ""},
                                                {"id_rsa", "may hold credentials"},
                                                {"image.png", "files of this kind are not read"},
                                                {"link", "is a symbolic link"},
                                                {"link.md", "is a symbolic link"},
                                                {"pipe.md", "is no regular file"}}));
}

TEST_F(FolderTest, IsWalkedAsFarAsTheLimitsGoAndSaysSo) {
  for (int i = 0; i < 10; ++i) write(std::to_string(i) + ".md");
  write("sub/x.md");
  EXPECT_FALSE(walk(root_, {.files_max = 5}).value().whole);
  EXPECT_EQ(walk(root_, {.files_max = 5}).value().files.size(), 5U);
  EXPECT_FALSE(walk(root_, {.entries_max = 3}).value().whole);
  EXPECT_FALSE(walk(root_, {.depth_max = 0}).value().whole);
  EXPECT_EQ(walk(root_ + "/none", {}).error().code, Code::NotFound);
}

TEST_F(FolderTest, IsReadToItsEndHoweverManyFilesAreNotRead) {
  for (int i = 0; i < 10; ++i) write(std::to_string(i) + ".png");
  for (int i = 0; i < 3; ++i) write("sub/" + std::to_string(i) + ".md");
  const auto tree = walk(root_, {.files_max = 3, .skipped_max = 4}).value();
  EXPECT_TRUE(tree.whole);
  EXPECT_EQ(tree.files.size(), 7U);
  EXPECT_EQ(tree.unnamed, 6U);
  const auto found = files(tree);
  EXPECT_TRUE(found.contains("sub/0.md") && found.contains("sub/2.md"));
}

TEST_F(FolderTest, IsReadOnlyBelowARoot) {
  write("a.md");
  fs::create_symlink("/etc", root_ + "/link");
  const auto roots = Roots::open(root_ + ":" + dir_.path() + "/second").value();
  EXPECT_TRUE(fs::is_directory(dir_.path() + "/second"));
  EXPECT_EQ(roots.find(".").value(), root_);
  EXPECT_EQ(roots.find("a.md").value(), root_ + "/a.md");
  EXPECT_EQ(roots.find(root_ + "/sub/../a.md").value(), root_ + "/a.md");
  EXPECT_EQ(roots.find("none.md").error().code, Code::NotFound);
  for (const std::string& path :
       std::vector<std::string>{"/", "/etc/passwd", "../x", "link/passwd", root_ + "2", "//etc"}) {
    const auto outside = roots.find(path);
    ASSERT_FALSE(outside.ok()) << path;
    EXPECT_EQ(outside.error().code, Code::InvalidArgument) << path;
    EXPECT_NE(outside.error().message.find("roots"), std::string::npos);
  }
  EXPECT_EQ(roots.find(std::string("a\0b", 3)).error().code, Code::InvalidArgument);
  EXPECT_FALSE(Roots::open("/").ok());
  EXPECT_FALSE(Roots::open("::").ok());
  EXPECT_FALSE(Roots::open("/dev/null/x").ok());
}

TEST_F(FolderTest, GivesWholeRegularFilesOnly) {
  write("a.md", "hello");
  fs::create_symlink(root_ + "/a.md", root_ + "/link.md");
  fs::create_symlink(root_ + "/sub", root_ + "/folder");
  write("sub/b.md");
  ASSERT_EQ(::mkfifo((root_ + "/pipe.md").c_str(), 0600), 0);
  EXPECT_EQ(read_file(root_ + "/a.md", 5).value(), "hello");
  EXPECT_EQ(read_file(root_ + "/a.md", 4).error().code, Code::TooLarge);
  EXPECT_EQ(read_file(root_ + "/none.md", 5).error().code, Code::NotFound);
  EXPECT_EQ(read_file(root_ + "/link.md", 5).error().code, Code::PermissionDenied);
  EXPECT_FALSE(read_file(root_ + "/folder/b.md", 5).ok());
  EXPECT_EQ(read_file(root_ + "/pipe.md", 5).error().code, Code::PermissionDenied);
  EXPECT_FALSE(read_file(root_ + "/sub", 5).ok());
}

}  // namespace
}  // namespace crawler
