#include "messaging/keys.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "libs/messaging/fixture.h"

namespace messaging::testing {
namespace {

class StackKeys : public ::testing::Test {
 protected:
  mode_t mode(const std::string& file) const {
    struct stat status {};
    EXPECT_EQ(stat((keys_dir() + file).c_str(), &status), 0) << file;
    return status.st_mode & 0777U;
  }
  std::string keys_dir() const { return dir_.path() + "/keys"; }

  support::TempDir dir_;
};

TEST_F(StackKeys, AreMadeOnceAndReadEverAfter) {
  const Keys first = open_keys(keys_dir(), "router").value();
  const Keys again = open_keys(keys_dir(), "router").value();
  EXPECT_EQ(first.server.secret_key, again.server.secret_key);
  EXPECT_EQ(first.own.secret_key, again.own.secret_key);
  EXPECT_NE(first.own.secret_key, first.server.secret_key);
  EXPECT_EQ(open_keys(keys_dir(), "llm").value().server.public_key, first.server.public_key);
}

TEST_F(StackKeys, AreForTheirOwnerAlone) {
  ASSERT_TRUE(open_keys(keys_dir(), "router").ok());
  EXPECT_EQ(mode(""), 0700U);
  EXPECT_EQ(mode("/server.key"), 0600U);
  EXPECT_EQ(mode("/router.key"), 0600U);
}

TEST_F(StackKeys, AreTheSameForAllWhoStartAtTheSameTime) {
  std::vector<std::string> seen(8);
  {
    std::vector<std::jthread> starters;
    for (std::string& key : seen) {
      starters.emplace_back(
          [&] { key = open_keys(keys_dir(), "router").value().server.secret_key; });
    }
  }
  for (const std::string& key : seen) EXPECT_EQ(key, seen.front());
}

TEST_F(StackKeys, TellWhoseAPublicKeyIs) {
  const Keys keys = open_keys(keys_dir(), "router").value();
  EXPECT_EQ(owner_of(keys_dir(), keys.own.public_key), "router");
  EXPECT_EQ(owner_of(keys_dir(), keys.server.public_key), "");
  EXPECT_EQ(owner_of(dir_.path() + "/none", keys.own.public_key), "");
  std::filesystem::remove(keys_dir() + "/clients/router.pub");
  EXPECT_EQ(owner_of(keys_dir(), keys.own.public_key), "");
}

TEST_F(StackKeys, ThatAreNoKeysAreRefusedByTheirFile) {
  std::filesystem::create_directories(keys_dir());
  std::ofstream(keys_dir() + "/server.key") << "{\"public\":\"short\",\"secret\":\"short\"}";
  const auto keys = open_keys(keys_dir(), "router");
  ASSERT_FALSE(keys.ok());
  EXPECT_EQ(keys.error().code, Code::InvalidArgument);
  EXPECT_TRUE(keys.error().message.starts_with("keys: cannot use " + keys_dir() + "/server.key"))
      << keys.error().message;
}

TEST_F(StackKeys, ThatDoNotBelongTogetherAreRefusedByTheirFile) {
  const Keys keys = open_keys(keys_dir(), "router").value();
  for (const std::string& secret : {keys.own.secret_key, std::string(40, '\'')}) {
    std::ofstream(keys_dir() + "/server.key")
        << "{\"public\":\"" << keys.server.public_key << "\",\"secret\":\"" << secret << "\"}";
    const auto again = open_keys(keys_dir(), "router");
    ASSERT_FALSE(again.ok());
    EXPECT_EQ(again.error().message,
              "keys: cannot use " + keys_dir() +
                  "/server.key: its public key is not that of its secret key");
  }
}

TEST_F(StackKeys, InAPlaceThatIsNoDirectoryAreRefused) {
  std::ofstream(dir_.path() + "/file") << "x";
  const auto keys = open_keys(dir_.path() + "/file", "router");
  ASSERT_FALSE(keys.ok());
  EXPECT_TRUE(keys.error().message.starts_with("keys: cannot make")) << keys.error().message;
}

}  // namespace
}  // namespace messaging::testing
