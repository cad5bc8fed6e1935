#include <gtest/gtest.h>

#include <zmq.hpp>

#include "base/limits.h"
#include "libs/messaging/fixture.h"
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
  zmq::context_t context;
  zmq::socket_t stranger(context, zmq::socket_type::dealer);
  stranger.set(zmq::sockopt::linger, 0);
  stranger.connect(instances(dir_.path()).front().rpc);
  const auto send = [&](const std::vector<std::string>& frames) {
    for (std::size_t i = 0; i < frames.size(); ++i) {
      stranger.send(zmq::buffer(frames[i]),
                    i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  };
  send({"alone"});
  send({"not json", "body"});
  send({R"({"type":"call"})", "no id"});
  send({R"({"type":"call","id":1,"method":5})", "body"});
  send({R"({"type":"call","id":1,"method":"echo","timeout_ms":-5})", "body"});
  send({R"({"type":"reply","id":1})", "a reply to a server"});
  send({R"({"type":"cancel","id":77})", "nothing to cancel"});
  send(std::vector<std::string>(100, "many frames"));
  send({R"({"type":"call","id":2,"method":"echo","timeout_ms":30000})", "sane"});
  // What is in order is answered, all before it was passed over.
  zmq::message_t head;
  stranger.set(zmq::sockopt::rcvtimeo, 30'000);
  ASSERT_TRUE(stranger.recv(head));
  EXPECT_EQ(head.to_string(), R"({"type":"reply","id":2})");
  send({R"({"type":"call","id":3,"method":"echo"})", std::string(limits::kFrameBytes + 1, 'x')});
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
