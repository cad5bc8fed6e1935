#include "messaging/directory.h"

#include <gtest/gtest.h>

#include "libs/messaging/fixture.h"

namespace messaging::testing {
namespace {

// A resolver that knows what the test tells it.
class Names {
 public:
  Resolve resolve() {
    return [this](const std::string& name) -> std::optional<std::vector<std::string>> {
      const std::lock_guard lock(mutex_);
      ++asked_;
      changed_.notify_all();
      if (down_) return std::nullopt;
      return name == "router" ? addresses_ : std::vector<std::string>{};
    };
  }
  void set(std::vector<std::string> addresses, bool down = false) {
    std::unique_lock lock(mutex_);
    addresses_ = std::move(addresses);
    down_ = down;
    // Two whole rounds later every answer is of the new state.
    const int enough = asked_ + 5;
    ASSERT_TRUE(changed_.wait_for(lock, kPatience, [&] { return asked_ >= enough; }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> addresses_;
  bool down_ = false;
  int asked_ = 0;
};

std::vector<std::string> rpcs(Directory& directory) {
  std::vector<std::string> all;
  for (const Instance& instance : directory.instances()) all.push_back(instance.rpc);
  return all;
}

class DnsNames : public ::testing::Test {
 protected:
  Names names_;
  std::unique_ptr<Directory> directory_ =
      make_dns_directory({{.name = "router", .rpc_port = 7005}, {.name = "llm", .rpc_port = 7001}},
                         names_.resolve(), Milliseconds(1));
};

TEST_F(DnsNames, AreOneInstanceAnAddress) {
  names_.set({"10.0.0.3", "10.0.0.2", "fd00::2"});
  EXPECT_TRUE(directory_->changed());
  const auto found = directory_->instances();
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].service, "router");
  EXPECT_EQ(found[0].rpc, "tcp://10.0.0.2:7005");
  EXPECT_EQ(found[0].events, "tcp://10.0.0.2:8005");
  EXPECT_EQ(found[1].rpc, "tcp://10.0.0.3:7005");
  EXPECT_EQ(found[2].rpc, "tcp://[fd00::2]:7005");
  EXPECT_FALSE(directory_->changed());
}

TEST_F(DnsNames, FollowTheirAddresses) {
  names_.set({"10.0.0.2"});
  EXPECT_EQ(rpcs(*directory_), (std::vector<std::string>{"tcp://10.0.0.2:7005"}));
  names_.set({"10.0.0.7"});
  EXPECT_TRUE(directory_->changed());
  EXPECT_EQ(rpcs(*directory_), (std::vector<std::string>{"tcp://10.0.0.7:7005"}));
  names_.set({});
  EXPECT_TRUE(rpcs(*directory_).empty());
}

TEST_F(DnsNames, HoldOnToWhatTheyKnewWhileNobodyCanBeAsked) {
  names_.set({"10.0.0.2"});
  names_.set({}, true);
  EXPECT_EQ(rpcs(*directory_), (std::vector<std::string>{"tcp://10.0.0.2:7005"}));
}

TEST(SystemResolver, FindsThisMachineAndNotWhatDoesNotExist) {
  const auto own = system_resolver()("localhost");
  ASSERT_TRUE(own.has_value());
  EXPECT_FALSE(own->empty());
  const auto none = system_resolver()("no-such-name.invalid");
  EXPECT_TRUE(!none.has_value() || none->empty());
}

}  // namespace
}  // namespace messaging::testing
