#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <filesystem>
#include <stdexcept>
#include <vector>

#include "libs/messaging/fixture.h"
#include "libs/messaging/stranger.h"
#include "messaging/directory.h"
#include "messaging/keys.h"

namespace messaging::testing {
namespace {

int port_of(const std::string& address) {
  int port = 0;
  const std::string digits = address.substr(address.rfind(':') + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return port;
}

// A directory whose instances the test lists by hand.
class Listed final : public Directory {
 public:
  bool changed() override { return changed_.exchange(false); }
  std::vector<Instance> instances() override {
    const std::lock_guard lock(mutex_);
    return instances_;
  }
  void set(std::vector<Instance> instances) {
    const std::lock_guard lock(mutex_);
    instances_ = std::move(instances);
    changed_ = true;
  }

 private:
  std::atomic<bool> changed_{true};
  std::mutex mutex_;
  std::vector<Instance> instances_;
};

// Nodes that speak over tcp with the keys of one stack.
class Tcp : public ::testing::Test {
 protected:
  Node::Options options(const std::string& service, const std::string& keys_dir) const {
    Node::Options all{.service = service, .run_dir = dir_.path() + "/run"};
    all.tcp = "127.0.0.1";
    all.keys_dir = keys_dir;
    return all;
  }
  std::unique_ptr<Node> open(const std::string& service) {
    return Node::open(options(service, keys_dir())).value();
  }
  std::string keys_dir() const { return dir_.path() + "/keys"; }

  void start_server(int rpc_port = 0) {
    Node::Options all = options("server", keys_dir());
    all.rpc_port = rpc_port;
    server_ = Node::open(std::move(all)).value();
    server_->serve("echo",
                   [](const std::shared_ptr<Incoming>& call) { call->reply(call->body()); });
    server_->serve("hold", held_.serve());
    server_->bind("127.0.0.1:1").value();
  }
  Instance announced(const std::string& service) const {
    for (const Instance& instance : instances(dir_.path() + "/run")) {
      if (instance.service == service) return instance;
    }
    throw std::runtime_error("not announced: " + service);
  }

  support::TempDir dir_;
  Held held_;
  std::unique_ptr<Node> server_;
};

TEST_F(Tcp, CarriesCallsAndTheirErrors) {
  start_server();
  const auto asker = open("asker");
  EXPECT_EQ(asker->call_and_wait("server", "echo", "hello", soon()).value(), "hello");
  const std::string large(1'000'000, 'x');
  EXPECT_EQ(asker->call_and_wait("server", "echo", large, soon()).value(), large);
  EXPECT_EQ(code_of(asker->call_and_wait("server", "sing", "{}", soon())), Code::Unimplemented);
}

TEST_F(Tcp, AnnouncesItsAddressesAndTheStacksPublicKey) {
  start_server();
  const Instance server = announced("server");
  EXPECT_TRUE(server.rpc.starts_with("tcp://127.0.0.1:")) << server.rpc;
  EXPECT_TRUE(server.events.starts_with("tcp://127.0.0.1:")) << server.events;
  EXPECT_EQ(server.key, open_keys(keys_dir(), "server").value().server.public_key);
}

TEST_F(Tcp, CarriesEvents) {
  const auto listener = open("listener");
  std::promise<std::string> heard;
  std::atomic<bool> first{true};
  listener->subscribe("news", [&](std::string_view, const std::string& body) {
    if (first.exchange(false)) heard.set_value(body);
  });
  start_server();
  auto future = heard.get_future();
  // The subscription takes its time to arrive; what is published before is lost.
  const SteadyTime limit = SystemClock::instance().now() + kPatience;
  while (future.wait_for(Milliseconds(10)) != std::future_status::ready &&
         SystemClock::instance().now() < limit) {
    server_->publish("news", "rain");
  }
  EXPECT_EQ(future.get(), "rain");
}

TEST_F(Tcp, RefusesAClientWhoseKeyIsNotInTheStacksFolder) {
  start_server();
  // The right server key, but nobody has put the client's own where the server looks.
  const std::string foreign = dir_.path() + "/foreign";
  std::filesystem::create_directories(foreign);
  std::filesystem::copy_file(keys_dir() + "/server.key", foreign + "/server.key");
  const auto asker = Node::open(options("asker", foreign)).value();
  EXPECT_NE(code_of(asker->call_and_wait("server", "echo", "{}", soon(Milliseconds(1500)))),
            Code::DataLoss);
  // The door is open to others all the while.
  EXPECT_EQ(open("friend")->call_and_wait("server", "echo", "hello", soon()).value(), "hello");
}

TEST_F(Tcp, TrustsNoServerWithAnotherKey) {
  start_server();
  const auto asker = Node::open(options("asker", dir_.path() + "/others")).value();
  EXPECT_NE(code_of(asker->call_and_wait("server", "echo", "{}", soon(Milliseconds(1500)))),
            Code::DataLoss);
}

TEST_F(Tcp, WithoutADirectoryForKeysIsRefused) {
  const auto node = Node::open(options("server", ""));
  ASSERT_FALSE(node.ok());
  EXPECT_EQ(node.error().message, "keys: a directory is required to serve over tcp");
}

TEST_F(Tcp, OnAPortThatIsTakenIsRefused) {
  start_server();
  Node::Options all = options("second", keys_dir());
  all.rpc_port = port_of(announced("server").rpc);
  const auto second = Node::open(std::move(all)).value();
  const auto bound = second->bind("");
  ASSERT_FALSE(bound.ok());
  EXPECT_TRUE(bound.error().message.starts_with("cannot bind tcp://127.0.0.1:"))
      << bound.error().message;
}

TEST_F(Tcp, FailsTheCallsOfALostConnectionAtOnceAndFindsThePeerWhenItIsBack) {
  start_server();
  const std::string rpc = announced("server").rpc;
  const auto listed = std::make_shared<Listed>();
  listed->set({{.service = "server", .rpc = rpc}});
  Node::Options all = options("asker", keys_dir());
  all.directory = listed;
  const auto asker = Node::open(std::move(all)).value();
  std::promise<Result<std::string>> lost;
  asker->call("server", "hold", "{}", once(),
              [&](Result<std::string> reply) { lost.set_value(std::move(reply)); });
  const auto call = held_.take();
  ASSERT_TRUE(call);
  server_.reset();
  const auto reply = lost.get_future().get();
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, Code::Unavailable);
  EXPECT_EQ(reply.error().message, "the connection to server at " + rpc + " was lost");
  // An idempotent call waits for it.
  std::promise<Result<std::string>> again;
  asker->call("server", "echo", "back", soon(),
              [&](Result<std::string> answer) { again.set_value(std::move(answer)); });
  start_server(port_of(rpc));
  auto answer = again.get_future();
  while (true) {  // its tries may all have come too early
    const auto result = answer.get();
    if (result.ok()) {
      EXPECT_EQ(result.value(), "back");
      break;
    }
    ASSERT_EQ(result.error().code, Code::Unavailable);
    again = {};
    answer = again.get_future();
    asker->call("server", "echo", "back", soon(),
                [&](Result<std::string> next) { again.set_value(std::move(next)); });
  }
}

// While it lives, nobody in this process gets a descriptor, not even one that is given back above
// kEnough.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit now = before_;
    now.rlim_cur = kEnough;
    setrlimit(RLIMIT_NOFILE, &now);
    for (int taken = dup(0); taken >= 0; taken = dup(0)) taken_.push_back(taken);
  }
  ~NoDescriptors() {
    setrlimit(RLIMIT_NOFILE, &before_);
    for (const int taken : taken_) close(taken);
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  static constexpr rlim_t kEnough = 64;
  rlimit before_{};
  std::vector<int> taken_;
};

TEST_F(Tcp, FindsThePeerAgainWhenForATimeThereWereNoDescriptors) {
  // The server's own are above that: it will give them back.
  std::vector<int> low;
  for (int i = 0; i < 64; ++i) low.push_back(dup(0));
  start_server();
  const std::string rpc = announced("server").rpc;
  for (const int each : low) close(each);
  const auto listed = std::make_shared<Listed>();
  listed->set({{.service = "server", .rpc = rpc}});
  Node::Options all = options("asker", keys_dir());
  all.directory = listed;
  const auto asker = Node::open(std::move(all)).value();
  ASSERT_TRUE(asker->call_and_wait("server", "echo", "{}", soon()).ok());
  std::promise<Result<std::string>> lost;
  asker->call("server", "hold", "{}", once(),
              [&](Result<std::string> reply) { lost.set_value(std::move(reply)); });
  const auto call = held_.take();
  ASSERT_TRUE(call);
  {
    const NoDescriptors none;
    server_.reset();
    EXPECT_EQ(code_of(lost.get_future().get()), Code::Unavailable);
  }
  start_server(port_of(rpc));
  const SteadyTime limit = SystemClock::instance().now() + kPatience;
  bool found = false;
  while (!found && SystemClock::instance().now() < limit) {
    found = asker->call_and_wait("server", "echo", "{}", soon()).ok();
  }
  EXPECT_TRUE(found);
}

TEST_F(Tcp, KeepsItsOtherConnectionsWhenAPeerEnds) {
  start_server();
  const auto asker = open("asker");
  for (int round = 0; round < 30; ++round) {
    auto passing = open("passing");
    passing->serve("echo",
                   [](const std::shared_ptr<Incoming>& call) { call->reply(call->body()); });
    ASSERT_TRUE(passing->bind("").ok());
    const auto there = asker->call_and_wait("passing", "echo", "hello", soon());
    ASSERT_TRUE(there.ok()) << there.error().message << " in round " << round;
    passing.reset();
    const auto reply = asker->call_and_wait("server", "echo", "{}", once(Milliseconds(5000)));
    ASSERT_TRUE(reply.ok()) << reply.error().message << " in round " << round;
  }
}

TEST_F(Tcp, SaysOfAPeerThatDoesNotComeUpThatItDoesNot) {
  const auto listed = std::make_shared<Listed>();
  // Nobody listens where a node has just been.
  start_server();
  const std::string rpc = announced("server").rpc;
  server_.reset();
  listed->set({{.service = "server", .rpc = rpc}});
  Node::Options all = options("asker", keys_dir());
  all.directory = listed;
  const auto asker = Node::open(std::move(all)).value();
  const auto reply = asker->call_and_wait("server", "echo", "{}", once());
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, Code::Unavailable);
  EXPECT_EQ(reply.error().message, "the connection to server at " + rpc + " does not come up");
}

TEST_F(Tcp, NodesAndIpcNodesLeaveEachOtherAlone) {
  start_server();
  const auto plain = Node::open({.service = "plain", .run_dir = dir_.path() + "/run"}).value();
  EXPECT_EQ(code_of(plain->call_and_wait("server", "echo", "{}", once())), Code::Unavailable);
}

}  // namespace
}  // namespace messaging::testing
