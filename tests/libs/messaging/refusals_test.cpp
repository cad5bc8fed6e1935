#include <gtest/gtest.h>

#include "base/limits.h"
#include "libs/messaging/fixture.h"
#include "libs/messaging/stranger.h"
#include "messaging/discovery.h"

namespace messaging::testing {
namespace {

class Refusals : public Stack {};

TEST_F(Refusals, OfMoreCallsThanTheCallerMayHaveOut) {
  start_server();
  asker_ = open("asker", 1);
  auto held = ask_later("hold", soon());
  const auto call = held_.take();
  ASSERT_TRUE(call);
  const auto refused = ask("echo");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::Overloaded);
  EXPECT_EQ(refused.error().message, "1 calls are under way already");
  call->reply(std::string("done"));
  EXPECT_EQ(held.get().value(), "done");
  EXPECT_TRUE(ask("echo").ok());
}

TEST_F(Refusals, OfMoreCallsThanTheServerMayServe) {
  start_server(1);
  auto held = ask_later("hold", soon());
  const auto call = held_.take();
  ASSERT_TRUE(call);
  const auto refused = ask("echo");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::Overloaded);
  EXPECT_EQ(refused.error().message, "server serves 1 calls already");
  call->reply(std::string("done"));
  EXPECT_EQ(held.get().value(), "done");
  EXPECT_TRUE(ask("echo").ok());
}

TEST_F(Refusals, OfAnOversizedBodyNameItsSize) {
  start_server();
  EXPECT_TRUE(ask("echo", std::string(limits::kFrameBytes, 'x')).ok());
  const auto refused = ask("echo", std::string(limits::kFrameBytes + 1, 'x'));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::TooLarge);
  EXPECT_EQ(refused.error().message, "echo has 4194305 bytes, at most 4194304 are allowed");
}

TEST_F(Refusals, OfAnOversizedReplyReachTheCaller) {
  start_server();
  auto answer = ask_later("hold", soon());
  const auto call = held_.take();
  ASSERT_TRUE(call);
  EXPECT_FALSE(call->item(std::string(limits::kFrameBytes + 1, 'x')));
  call->reply(std::string(limits::kFrameBytes + 1, 'x'));
  EXPECT_EQ(code_of(answer.get()), Code::TooLarge);
}

TEST_F(Refusals, OfAStrangersFramesHarmNobodyElse) {
  start_server();
  Stranger stranger(instances(dir_.path()).front().rpc);
  stranger.shake_hands();
  stranger.send({"alone"});
  stranger.send({"not json", "body"});
  stranger.send({R"({"type":"call"})", "no id"});
  stranger.send({R"({"type":"call","id":1,"method":5})", "body"});
  stranger.send({R"({"type":"call","id":1,"method":"echo","timeout_ms":-5})", "body"});
  stranger.send({R"({"type":"reply","id":1})", "a reply to a server"});
  stranger.send({R"({"type":"cancel","id":77})", "nothing to cancel"});
  stranger.send(std::vector<std::string>(100, "many frames"));
  stranger.send({R"({"type":"call","id":2,"method":"echo","timeout_ms":30000})", "sane"});
  // What is in order is answered, all before it was passed over.
  EXPECT_EQ(stranger.receive(), R"({"type":"reply","id":2})");
  stranger.send(
      {R"({"type":"call","id":3,"method":"echo"})", std::string(limits::kFrameBytes + 1, 'x')});
  EXPECT_EQ(ask("echo", "fine").value(), "fine");
}

TEST_F(Refusals, OfWhatIsNoProtocolAtAllHarmNobodyElse) {
  start_server();
  const std::string address = instances(dir_.path()).front().rpc;
  Stranger(address).write_all("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  Stranger(address).write_all(std::string(100'000, '\0'));
  Stranger silent(address);
  EXPECT_EQ(ask("echo", "fine").value(), "fine");
}

TEST_F(Refusals, OfARunDirectoryWhosePathNoSocketCanHave) {
  const std::string deep = dir_.file(std::string(80, 'd'));
  const auto node = Node::open({.service = "server", .run_dir = deep}).value();
  const auto bound = node->bind("");
  ASSERT_FALSE(bound.ok());
  EXPECT_EQ(bound.error().code, Code::InvalidArgument);
  EXPECT_TRUE(bound.error().message.ends_with("socket paths would exceed 80 bytes"));
}

TEST_F(Refusals, OfARunDirectoryThatIsAFile) {
  const std::string file = dir_.write("file", "");
  const auto node = Node::open({.service = "server", .run_dir = file});
  ASSERT_FALSE(node.ok());
  EXPECT_EQ(node.error().code, Code::InvalidArgument);
}

}  // namespace
}  // namespace messaging::testing
