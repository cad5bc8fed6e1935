#include "hub/gateway.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <string>

#include "discord/zlib_stream.h"
#include "json/json.h"
#include "net/net.h"
#include "services/hub/stage.h"

namespace hub {
namespace {

constexpr std::chrono::seconds kPatience{10};

// A client over a real WebSocket. What it hears waits until it is asked for.
class SocketClient {
 public:
  SocketClient(net::Loop& loop, const std::string& url) : dialer_(loop, {}) {
    net::WebSocketRequest request;
    request.url = url;
    socket_ = dialer_.connect(
        std::move(request),
        {.message = [this](net::WebSocket::Kind kind, std::string text) { hear(kind, text); },
         .ended =
             [this](const net::WebSocketEnd& end) {
               const std::lock_guard lock(mutex_);
               end_ = end;
               changed_.notify_all();
             }});
  }

  void say(std::string text) { socket_->send(net::WebSocket::Kind::Text, std::move(text)); }
  void close(std::uint16_t code) { socket_->close(code, ""); }
  std::string hear() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [this] { return !heard_.empty() || end_; })) return "";
    if (heard_.empty()) return "ended";
    std::string text = std::move(heard_.front());
    heard_.pop_front();
    return text;
  }
  net::WebSocketEnd end() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [this] { return end_.has_value(); });
    return end_.value_or(net::WebSocketEnd{});
  }

 private:
  void hear(net::WebSocket::Kind kind, const std::string& text) {
    const std::lock_guard lock(mutex_);
    if (kind == net::WebSocket::Kind::Binary) {
      auto inflated = inflater_.feed(text);
      if (!inflated || !inflated.value()) return;
      heard_.push_back(*inflated.value());
    } else {
      heard_.push_back(text);
    }
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> heard_;
  std::optional<net::WebSocketEnd> end_;
  discord::Inflater inflater_;
  std::shared_ptr<net::WebSocket> socket_;
  net::WebSocketClient dialer_;  // goes first: no callback runs after it
};

class GatewayDoor : public ::testing::Test {
 protected:
  void open(Gateway::Options options = {}) {
    on_loop(
        [&] { gateway_ = std::make_unique<Gateway>(loop_, roster_, options, metrics_, clock_); });
    auto door = net::listen(loop_, {},
                            [](const http::Request&, const std::shared_ptr<http::Reply>& reply) {
                              reply->respond(http::Response::text("plain"));
                            },
                            {.tls = {}, .upgrade = gateway_->upgrade()});
    ASSERT_TRUE(door.ok()) << door.error().message;
    door_ = std::move(door).value();
  }
  void TearDown() override {
    door_.reset();
    on_loop([&] { gateway_.reset(); });
  }
  template <class F>
  void on_loop(F task) {
    std::promise<void> done;
    loop_.post([&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }
  std::string url(const std::string& target) const {
    return fmt::format("ws://127.0.0.1:{}{}", door_->port(), target);
  }
  void post(const std::string& text) {
    on_loop([&] {
      gateway_->announce({.name = "MESSAGE_CREATE",
                          .data = json::quoted(text),
                          .guild = kGuild,
                          .channel = kGeneral,
                          .intents = discord::intent::kGuildMessages});
    });
  }

  FakeRoster roster_;
  support::FakeClock clock_;
  telemetry::Metrics metrics_;
  net::Loop loop_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<http::Server> door_;
};

TEST_F(GatewayDoor, CarriesAWholeSessionAndItsResume) {
  open();
  SocketClient first(loop_, url("/gateway?v=10&encoding=json"));
  EXPECT_NE(first.hear().find("\"op\":10"), std::string::npos);
  first.say(R"({"op":2,"d":{"token":"peter","intents":513}})");
  const std::string ready = first.hear();
  EXPECT_TRUE(ready.starts_with(R"({"t":"READY","s":1,)")) << ready;
  const std::size_t at = ready.find("gw_");
  const std::string session = ready.substr(at, ready.find('"', at) - at);
  EXPECT_TRUE(first.hear().starts_with(R"({"t":"GUILD_CREATE","s":2,)"));
  EXPECT_TRUE(first.hear().starts_with(R"({"t":"GUILD_CREATE","s":3,)"));
  post("hi");
  EXPECT_EQ(first.hear(), R"({"t":"MESSAGE_CREATE","s":4,"op":0,"d":"hi"})");
  first.close(4200);
  EXPECT_EQ(first.end().code, 4200);
  post("missed");
  SocketClient second(loop_, url("/?v=10&encoding=json"));
  second.hear();
  second.say(
      fmt::format(R"({{"op":6,"d":{{"token":"peter","session_id":"{}","seq":4}}}})", session));
  EXPECT_EQ(second.hear(), R"({"t":"MESSAGE_CREATE","s":5,"op":0,"d":"missed"})");
  EXPECT_TRUE(second.hear().starts_with(R"({"t":"RESUMED","s":6,)"));
}

TEST_F(GatewayDoor, SpeaksOneZlibStreamToWhoAsksForIt) {
  open();
  SocketClient client(loop_, url("/gateway/?v=10&encoding=json&compress=zlib-stream"));
  EXPECT_NE(client.hear().find("\"op\":10"), std::string::npos);
  client.say(R"({"op":2,"d":{"token":"ada"}})");
  EXPECT_TRUE(client.hear().starts_with(R"({"t":"READY",)"));
  EXPECT_TRUE(client.hear().starts_with(R"({"t":"GUILD_CREATE",)"));
}

TEST_F(GatewayDoor, ClosesWithDiscordsCodes) {
  open();
  SocketClient client(loop_, url("/gateway?v=10"));
  client.hear();
  client.say(R"({"op":2,"d":{"token":"nobody","intents":0}})");
  EXPECT_EQ(client.end().code, 4004);
  SocketClient old(loop_, url("/gateway?v=3"));
  EXPECT_EQ(old.end().code, 4012);
  SocketClient talker(loop_, url("/gateway"));
  talker.say(fmt::format(R"({{"op":1,"d":"{}"}})", std::string(5'000, 'x')));
  EXPECT_EQ(talker.end().code, 4002);
}

TEST_F(GatewayDoor, ClosesWhoMissesHeartbeatsByItsOwnTimer) {
  Gateway::Options options;
  options.rules.heartbeat = Milliseconds(40);
  open(options);
  SocketClient client(loop_, url("/gateway"));
  client.hear();
  clock_.advance(Milliseconds(61));
  EXPECT_EQ(client.end().code, 4009);
}

TEST_F(GatewayDoor, IsNowhereElse) {
  open();
  SocketClient client(loop_, url("/elsewhere"));
  EXPECT_EQ(client.end().status, 404);
}

TEST_F(GatewayDoor, RefusesHandshakesOnceItHasGone) {
  open();
  SocketClient client(loop_, url("/gateway"));
  client.hear();
  on_loop([&] { gateway_.reset(); });
  client.say(R"({"op":1})");  // goes nowhere, and breaks nothing
  SocketClient late(loop_, url("/gateway"));
  EXPECT_EQ(late.end().status, 503);
}

TEST_F(GatewayDoor, ClosesAReaderThatIsTooSlow) {
  Gateway::Options options;
  options.queue_bytes = 64 * 1024;
  open(options);
  SocketClient client(loop_, url("/gateway"));
  client.hear();
  client.say(R"({"op":2,"d":{"token":"ada"}})");
  for (int i = 0; i < 3; ++i) client.hear();
  // All in one go: nothing can be written before the queue is over its limit.
  on_loop([&] {
    for (int i = 0; i < 10; ++i) {
      gateway_->announce({.name = "TEST",
                          .data = json::quoted(std::string(16 * 1024, 'x')),
                          .guild = kGuild,
                          .channel = kGeneral});
    }
  });
  EXPECT_EQ(client.end().code, 1006);
  std::size_t kept = 0;
  on_loop([&] { kept = gateway_->sessions(); });
  EXPECT_EQ(kept, 1U) << "it may come back and resume";
}

}  // namespace
}  // namespace hub
