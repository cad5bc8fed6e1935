#include "discord/gateway.h"

#include <gtest/gtest.h>

#include <future>

#include "discord/zlib_stream.h"
#include "libs/discord/fake_discord.h"

namespace discord {
namespace {

using State = Gateway::State;

constexpr const char* kGreeting = R"({"op":10,"d":{"heartbeat_interval":40000}})";

class GatewayTest : public ::testing::Test {
 protected:
  // Sends the client to `place` for its Gateway.
  std::optional<http::Response> answer(const http::Request& request) {
    EXPECT_EQ(request.target, "/api/v10/gateway/bot");
    if (status != 200) return http::Response::json("{}", status);
    return http::Response::json(
        fmt::format(R"({{"url":"{}","session_start_limit":{{"remaining":9}}}})", place->gateway()));
  }
  void SetUp() override {
    place.emplace();
    rest.emplace(
        loop,
        Rest::Options{.base_url = discord.rest(), .token = "secret", .backoff = Milliseconds(2)});
  }
  void start(bool compress) {
    gateway.emplace(
        loop, *rest,
        Gateway::Options{
            .token = "secret", .intents = 1, .compress = compress, .backoff = Milliseconds(20)},
        Gateway::Events{.dispatch =
                            [this](std::string_view name, json::Value data) {
                              events.put(std::string(name) + " " + data.dump());
                            },
                        .changed =
                            [this](State state, const std::string& why) {
                              states.put({state, why});
                            }});
    gateway->start();
  }
  std::string event() { return events.take().value_or("no event"); }
  // The next that is `wanted`, and why.
  std::string reaches(State wanted) {
    while (const auto state = states.take()) {
      if (state->first == wanted) return state->second;
    }
    return "never";
  }
  std::string ready(const FakeDiscord& next) {
    return fmt::format(
        R"({{"op":0,"s":1,"t":"READY","d":{{"session_id":"s1","resume_gateway_url":"{}"}}}})",
        next.gateway());
  }

  int status = 200;
  Queue<std::string> events;
  Queue<std::pair<State, std::string>> states;
  FakeDiscord discord{[this](const http::Request& request) { return answer(request); }};
  std::optional<FakeDiscord> place;
  net::Loop loop;
  std::optional<Rest> rest;
  std::optional<Gateway> gateway;
};

TEST_F(GatewayTest, LogsInAndDeliversWhatComesCompressedAndInPieces) {
  start(true);
  const auto connection = place->accept();
  EXPECT_EQ(connection->target, "/gateway?v=10&encoding=json&compress=zlib-stream");
  Deflater deflater;
  connection->bytes(deflater.push(kGreeting));
  EXPECT_TRUE(connection->next().starts_with(R"({"op":2,"d":{"token":"secret")"));
  const std::string bytes = deflater.push(ready(*place));
  connection->bytes(bytes.substr(0, 10));
  connection->bytes(bytes.substr(10));
  EXPECT_TRUE(event().starts_with(R"(READY {"session_id":"s1")"));
  EXPECT_EQ(reaches(State::Ready), "connected to Discord");
  connection->bytes(
      deflater.push(R"({"op":0,"s":2,"t":"MESSAGE_CREATE","d":{"id":"5","content":"hi"}})"));
  EXPECT_EQ(event(), R"(MESSAGE_CREATE {"id":"5","content":"hi"})");
}

TEST_F(GatewayTest, ResumesElsewhereAfterItsConnectionBreaks) {
  FakeDiscord second;
  start(false);
  const auto connection = place->accept();
  connection->text(kGreeting);
  connection->next();
  connection->text(ready(second));
  event();
  connection->text(R"({"op":0,"s":7,"t":"A","d":{}})");
  EXPECT_EQ(event(), "A {}");
  place->vanish();
  const auto again = second.accept();
  again->text(kGreeting);
  EXPECT_EQ(again->next(), R"({"op":6,"d":{"token":"secret","session_id":"s1","seq":7}})");
  again->text(R"({"op":0,"s":7,"t":"A","d":{}})");
  again->text(R"({"op":0,"s":8,"t":"B","d":{}})");
  EXPECT_EQ(event(), "B {}");
}

TEST_F(GatewayTest, BeatsAndLeavesAServerThatDoesNotAnswer) {
  start(false);
  const auto connection = place->accept();
  connection->text(R"({"op":10,"d":{"heartbeat_interval":30}})");
  connection->next();
  connection->text(ready(*place));
  EXPECT_EQ(connection->next().substr(0, 7), R"({"op":1)");
  const auto end = connection->ended.take();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->code, 4200);
  const auto again = place->accept();
  again->text(kGreeting);
  EXPECT_TRUE(again->next().starts_with(R"({"op":6)"));
}

TEST_F(GatewayTest, ComesBackAfterABrokenStream) {
  start(true);
  const auto connection = place->accept();
  connection->bytes(std::string("garbage\x00\x00\xff\xff", 11));
  EXPECT_EQ(connection->ended.take()->code, 4200);
  const auto again = place->accept();
  Deflater deflater;
  again->bytes(deflater.push(kGreeting));
  EXPECT_TRUE(again->next().starts_with(R"({"op":2)"));
}

TEST_F(GatewayTest, StopsWhereOnlyAPersonCanHelp) {
  start(false);
  const auto connection = place->accept();
  connection->text(kGreeting);
  connection->next();
  connection->socket->close(4004, "Authentication failed.");
  EXPECT_NE(reaches(State::Stopped).find("token"), std::string::npos);
}

TEST_F(GatewayTest, StopsWhenTheTokenIsRefusedBeforeAnyConnection) {
  status = 401;
  start(false);
  EXPECT_NE(reaches(State::Stopped).find("token"), std::string::npos);
}

TEST_F(GatewayTest, KeepsAskingWhileNobodyIsThere) {
  discord.vanish();
  start(false);
  EXPECT_EQ(reaches(State::Connecting).substr(0, 4), "asks");
  EXPECT_NE(reaches(State::Reconnecting), "never");
}

TEST_F(GatewayTest, DestroyedItSaysGoodbyeWith1000) {
  start(false);
  const auto connection = place->accept();
  connection->text(kGreeting);
  connection->next();
  gateway.reset();
  const auto end = connection->ended.take();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->cause, net::WebSocketEnd::Cause::Peer);
  EXPECT_EQ(end->code, 1000);
}

TEST_F(GatewayTest, ACallbackMayDestroyIt) {
  std::promise<void> gone;
  gateway.emplace(loop, *rest, Gateway::Options{.token = "secret", .intents = 1, .compress = false},
                  Gateway::Events{.dispatch =
                                      [&](std::string_view, const json::Value&) {
                                        gateway.reset();
                                        gone.set_value();
                                      },
                                  .changed = {}});
  gateway->start();
  const auto connection = place->accept();
  connection->text(kGreeting);
  connection->next();
  connection->text(ready(*place));
  EXPECT_EQ(gone.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_TRUE(connection->ended.take().has_value());
}

}  // namespace
}  // namespace discord
