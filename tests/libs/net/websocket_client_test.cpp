#include <fmt/format.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "libs/net/certificates.h"
#include "libs/net/raw_websocket.h"
#include "net/net.h"

namespace net {
namespace {

using Cause = WebSocketEnd::Cause;

// What happened to one client connection, which may outlive its test's interest in it.
class Heard {
 public:
  WebSocketEvents events() {
    return {.message = [all = all_](WebSocket::Kind,
                                    std::string text) { all->message.set_value(std::move(text)); },
            .ended = [all = all_](const WebSocketEnd& end) { all->ended.set_value(end); }};
  }
  std::function<void(const std::string&)> on_open() {
    return [all = all_](const std::string& protocol) { all->opened.set_value(protocol); };
  }
  // The protocol.
  std::string opened() {
    auto future = all_->opened.get_future();
    return arrives(future) ? future.get() : "it did not open";
  }
  std::string next() {
    auto future = all_->message.get_future();
    std::string text = arrives(future) ? future.get() : "nothing came";
    all_->message = {};
    return text;
  }
  WebSocketEnd end() {
    auto future = all_->ended.get_future();
    if (!arrives(future)) return {Cause::Lost, 0, "it did not end", 0};
    return future.get();
  }

 private:
  struct All {
    std::promise<std::string> opened;
    std::promise<std::string> message;
    std::promise<WebSocketEnd> ended;
  };
  std::shared_ptr<All> all_ = std::make_shared<All>();
};

// Answers the handshake that a client sent on `peer`.
std::string accept_handshake(RawPeer& peer, std::string_view more = {}) {
  std::string head = peer.read_until("\r\n\r\n");
  const std::string mark = "Sec-WebSocket-Key: ";
  const std::string key = head.substr(head.find(mark) + mark.size(), 24);
  const std::string text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, 20> digest;
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha1(), nullptr);
  std::array<unsigned char, 29> base64;
  EVP_EncodeBlock(base64.data(), digest.data(), 20);
  peer.send(fmt::format(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: {}\r\n{}\r\n",
      reinterpret_cast<const char*>(base64.data()), more));
  return head;
}

class WebSocketPeer : public ::testing::Test {
 protected:
  WebSocketClient& client(WebSocketClient::Options options = {}) {
    client_ = std::make_unique<WebSocketClient>(loop_, std::move(options));
    return *client_;
  }
  std::string url(std::string_view scheme = "ws") const {
    return fmt::format("{}://127.0.0.1:{}/gateway?v=10", scheme, server_.port());
  }
  WebSocketRequest request(WebSocketOptions options = {}) const {
    WebSocketRequest request;
    request.url = url();
    request.options = options;
    return request;
  }

  Loop loop_;
  RawServer server_;
  std::unique_ptr<WebSocketClient> client_;
};

TEST_F(WebSocketPeer, ShakesHandsAndSpeaksMasked) {
  Heard heard;
  WebSocketRequest request = this->request();
  request.headers = {{"Authorization", "Bot x"},
                     {"Host", "virtual.example"},
                     {"Sec-WebSocket-Protocol", "a, b"},
                     {"Sec-WebSocket-Version", "7"}};
  const auto socket = client().connect(request, heard.events(), heard.on_open());
  EXPECT_TRUE(socket->send(WebSocket::Kind::Text, "before it is open"));
  RawPeer peer = server_.accept();
  const std::string head = accept_handshake(peer, "Sec-WebSocket-Protocol: b\r\n");
  EXPECT_TRUE(head.starts_with("GET /gateway?v=10 HTTP/1.1\r\n")) << head;
  for (const char* line : {"Authorization: Bot x\r\n", "Sec-WebSocket-Protocol: a, b\r\n",
                           "Sec-WebSocket-Version: 13\r\n"}) {
    EXPECT_NE(head.find(line), std::string::npos) << head;
  }
  EXPECT_EQ(head.find("permessage-deflate"), std::string::npos);
  EXPECT_NE(head.find("Host: virtual.example\r\n"), std::string::npos) << head;
  EXPECT_EQ(head.find("Host: "), head.rfind("Host: ")) << head;
  EXPECT_EQ(heard.opened(), "b");
  const SeenFrame seen = read_frame(peer);
  EXPECT_TRUE(seen.masked);
  EXPECT_EQ(seen.payload, "before it is open");
  peer.send(frame(kText, "hello", {.mask = false}));
  EXPECT_EQ(heard.next(), "hello");
  peer.send(frame(kClose, close_payload(4009, "session timed out"), {.mask = false}));
  EXPECT_EQ(read_frame(peer).close_code(), 4009U);
  peer.close();
  const WebSocketEnd end = heard.end();
  EXPECT_EQ(end.cause, Cause::Peer);
  EXPECT_EQ(end.code, 4009);
  EXPECT_EQ(end.reason, "session timed out");
}

TEST_F(WebSocketPeer, HearsWhatComesTogetherWithTheHandshake) {
  Heard heard;
  const auto socket = client().connect(request(), heard.events());
  RawPeer peer = server_.accept();
  accept_handshake(peer, "X-Long: " + std::string(4000, 'x') + "\r\n");
  peer.send(frame(kText, "at once", {.mask = false}));
  EXPECT_EQ(heard.next(), "at once");
}

TEST_F(WebSocketPeer, RefusesAMaskedFrame) {
  Heard heard;
  client().connect(request(), heard.events());
  RawPeer peer = server_.accept();
  accept_handshake(peer);
  peer.send(frame(kText, "masked"));
  EXPECT_EQ(read_frame(peer).close_code(), 1002U);
  peer.close();
  EXPECT_EQ(heard.end().cause, Cause::Breach);
}

TEST_F(WebSocketPeer, TellsTheStatusOfAServerThatDeclines) {
  Heard heard;
  client().connect(request(), heard.events());
  RawPeer peer = server_.accept();
  peer.read_until("\r\n\r\n");
  peer.send("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\n\r\nslow");
  const WebSocketEnd end = heard.end();
  EXPECT_EQ(end.cause, Cause::Refused);
  EXPECT_EQ(end.status, 429);
}

TEST_F(WebSocketPeer, RefusesHandshakesThatAreNotValid) {
  client();
  for (const char* answer :
       {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: bm90IHRoZSByaWdodCBvbmUhISE=\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "SSH-2.0-x\r\n",
        ""}) {
    Heard heard;
    client_->connect(request(), heard.events());
    RawPeer peer = server_.accept();
    peer.read_until("\r\n\r\n");
    peer.send(answer);
    peer.close();
    const WebSocketEnd end = heard.end();
    EXPECT_EQ(end.cause, Cause::Refused) << answer;
    EXPECT_FALSE(end.reason.empty());
  }
}

TEST_F(WebSocketPeer, RefusesAProtocolThatItDidNotOffer) {
  Heard heard;
  client().connect(request(), heard.events());
  RawPeer peer = server_.accept();
  accept_handshake(peer, "Sec-WebSocket-Protocol: other\r\n");
  const WebSocketEnd end = heard.end();
  EXPECT_EQ(end.cause, Cause::Refused);
  EXPECT_NE(end.reason.find("not offered"), std::string::npos);
}

TEST_F(WebSocketPeer, SaysWhyItCannotConnect) {
  WebSocketRequest request = this->request();
  server_.close();
  client();
  const auto reason = [&](std::string text) {
    Heard heard;
    request.url = std::move(text);
    client_->connect(request, heard.events());
    const WebSocketEnd end = heard.end();
    EXPECT_EQ(end.cause, Cause::Refused);
    return end.reason;
  };
  EXPECT_NE(reason(request.url).find("cannot connect"), std::string::npos);
  EXPECT_NE(reason("http://127.0.0.1/").find("only ws and wss"), std::string::npos);
  request.headers.add("X", "a\r\nY: b");
  EXPECT_NE(reason("ws://127.0.0.1:1/").find("header"), std::string::npos);
}

TEST_F(WebSocketPeer, GivesUpOnAHandshakeThatStalls) {
  Heard heard;
  client().connect(request({.handshake_timeout = Milliseconds(50)}), heard.events());
  RawPeer peer = server_.accept();
  EXPECT_NE(peer.read_until("\r\n\r\n"), "");
  EXPECT_EQ(heard.end().cause, Cause::Refused);
}

TEST_F(WebSocketPeer, GivesUpOnATlsHandshakeThatStalls) {
  Heard heard;
  WebSocketRequest request = this->request();
  request.url = url("wss");
  request.connect_timeout = Milliseconds(50);
  client().connect(request, heard.events());
  const WebSocketEnd end = heard.end();
  EXPECT_EQ(end.cause, Cause::Refused);
  EXPECT_NE(end.reason.find("TLS handshake time-out"), std::string::npos) << end.reason;
}

TEST_F(WebSocketPeer, ClosedBeforeItIsOpenItEndsAtOnce) {
  Heard heard;
  const auto socket = client().connect(request(), heard.events());
  RawPeer peer = server_.accept();
  peer.read_until("\r\n\r\n");
  socket->close(1000, "");
  EXPECT_EQ(heard.end().cause, Cause::Own);
  EXPECT_EQ(peer.read_all(), "");
}

TEST_F(WebSocketPeer, DestroyedItCutsWhatIsOpenAndWhatOpens) {
  Heard open;
  Heard opening;
  const auto socket = client().connect(request(), open.events(), open.on_open());
  RawPeer peer = server_.accept();
  accept_handshake(peer);
  EXPECT_EQ(open.opened(), "");
  client_->connect(request(), opening.events());
  client_.reset();
  EXPECT_EQ(open.end().cause, Cause::Own);
  opening.end();
  EXPECT_EQ(peer.read_all(), "");
  EXPECT_FALSE(socket->send(WebSocket::Kind::Text, "too late"));
}

TEST_F(WebSocketPeer, RefusesMoreConnectionsThanItsLimit) {
  Heard first;
  Heard second;
  client({.connections = 1}).connect(request(), first.events());
  client_->connect(request(), second.events());
  const WebSocketEnd end = second.end();
  EXPECT_EQ(end.cause, Cause::Refused);
  EXPECT_EQ(end.reason, "too many connections");
}

// A door of ours that says back what it hears, over TLS when there are files.
Result<std::unique_ptr<http::Server>> echo_door(Loop& loop, std::optional<TlsFiles> tls,
                                                WebSocketOptions options) {
  return listen(
      loop, {}, [](http::Request, std::shared_ptr<http::Reply>) {},
      {.tls = std::move(tls), .upgrade = [options](const http::Request&) {
         return WebSocketAccept{
             .protocol = "", .options = options, .opened = [](std::shared_ptr<WebSocket> socket) {
               return WebSocketEvents{.message =
                                          [socket](WebSocket::Kind kind, std::string message) {
                                            socket->send(kind, std::move(message));
                                          },
                                      .ended = {}};
             }};
       }});
}

TEST_F(WebSocketPeer, SpeaksWithOurOwnDoorThroughTlsAndDeflate) {
  Authority authority;
  client({.connections = 64, .ca_file = authority.ca_file()});
  for (const bool deflate : {false, true}) {
    auto door = echo_door(loop_, authority.issue("IP:127.0.0.1"), {.deflate = deflate});
    ASSERT_TRUE(door.ok()) << door.error().message;
    Heard heard;
    WebSocketRequest request = this->request({.deflate = deflate});
    request.url = fmt::format("wss://127.0.0.1:{}/", door.value()->port());
    const auto socket = client_->connect(request, heard.events());
    std::string message;
    for (int i = 0; message.size() < 500'000; ++i) message += fmt::format("line {}\n", i);
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(socket->send(WebSocket::Kind::Text, message));
      const std::string back = heard.next();
      ASSERT_EQ(back.size(), message.size()) << heard.end().reason;
      EXPECT_TRUE(back == message);
    }
    socket->close(1000, "done");
    EXPECT_EQ(heard.end().cause, Cause::Own);
  }
}

TEST_F(WebSocketPeer, VerifiesTheCertificateOfItsServer) {
  Authority authority;
  auto door = echo_door(loop_, authority.issue("DNS:example.org"), {});
  ASSERT_TRUE(door.ok()) << door.error().message;
  Heard heard;
  WebSocketRequest request = this->request();
  request.url = fmt::format("wss://127.0.0.1:{}/", door.value()->port());
  client({.connections = 64, .ca_file = authority.ca_file()}).connect(request, heard.events());
  const WebSocketEnd end = heard.end();
  EXPECT_EQ(end.cause, Cause::Refused);
  EXPECT_NE(end.reason.find("name mismatch"), std::string::npos) << end.reason;
}

TEST_F(WebSocketPeer, StopsADecompressionBombOfItsServer) {
  auto door = listen(loop_, {}, [](http::Request, std::shared_ptr<http::Reply>) {},
                     {.tls = {}, .upgrade = [](const http::Request&) {
                        return WebSocketAccept{.protocol = "",
                                               .options = {.deflate = true},
                                               .opened = [](std::shared_ptr<WebSocket> socket) {
                                                 socket->send(WebSocket::Kind::Text,
                                                              std::string(8 * 1024 * 1024, 'x'));
                                                 return WebSocketEvents{};
                                               }};
                      }});
  ASSERT_TRUE(door.ok()) << door.error().message;
  Heard heard;
  WebSocketRequest request = this->request({.message_bytes = 1024 * 1024, .deflate = true});
  request.url = fmt::format("ws://127.0.0.1:{}/", door.value()->port());
  client().connect(request, heard.events());
  EXPECT_EQ(heard.end().cause, Cause::TooLarge);
}

TEST_F(WebSocketPeer, CarriesMessagesFromManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  std::atomic<int> heard = 0;
  std::promise<void> all;
  auto door = echo_door(loop_, std::nullopt, {});
  ASSERT_TRUE(door.ok()) << door.error().message;
  WebSocketRequest request = this->request();
  request.url = fmt::format("ws://127.0.0.1:{}/", door.value()->port());
  const auto socket = client().connect(request, {.message =
                                                     [&](WebSocket::Kind, const std::string&) {
                                                       if (++heard == kThreads * kEach)
                                                         all.set_value();
                                                     },
                                                 .ended = {}});
  {
    std::vector<std::jthread> senders;
    for (int i = 0; i < kThreads; ++i) {
      senders.emplace_back([&] {
        for (int j = 0; j < kEach; ++j) socket->send(WebSocket::Kind::Text, std::to_string(j));
      });
    }
  }
  auto future = all.get_future();
  EXPECT_TRUE(arrives(future)) << heard;
}

}  // namespace
}  // namespace net
