#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "libs/net/raw_websocket.h"
#include "net/net.h"

namespace net {
namespace {

using Cause = WebSocketEnd::Cause;

std::string code_frame(unsigned code, std::string_view reason = {}) {
  return frame(kClose, close_payload(code, reason));
}

// A door whose WebSockets say back what they hear; the test speaks to it in raw frames.
class WebSocketDoor : public ::testing::Test {
 protected:
  void open(WebSocketOptions options = {}, http::ServerLimits limits = {}) {
    open_with(
        [this, options](const http::Request& request) {
          target_ = request.target;
          return WebSocketAccept{.protocol = "", .options = options, .opened = echo()};
        },
        limits);
  }
  void open_with(UpgradeHandler upgrade, http::ServerLimits limits = {}) {
    auto door = listen(loop_, {.bind = "127.0.0.1", .port = 0, .limits = limits, .hosts = {}},
                       [](http::Request, std::shared_ptr<http::Reply> reply) {
                         reply->respond(http::Response::text("plain"));
                       },
                       {.tls = {}, .upgrade = std::move(upgrade)});
    ASSERT_TRUE(door.ok()) << door.error().message;
    door_ = std::move(door).value();
  }
  std::function<WebSocketEvents(std::shared_ptr<WebSocket>)> echo() {
    return [this](std::shared_ptr<WebSocket> socket) {
      opened_.set_value(socket);
      return WebSocketEvents{.message =
                                 [this, socket](WebSocket::Kind kind, std::string message) {
                                   ++messages_;
                                   if (message == "throw") throw std::runtime_error("bug");
                                   socket->send(kind, std::move(message));
                                 },
                             .ended = [this](const WebSocketEnd& end) { ended_.set_value(end); }};
    };
  }
  RawPeer dial() const { return RawPeer::connect_to(door_->port()); }
  // A connection whose handshake is done.
  RawPeer shaken(std::string_view more = {}) {
    RawPeer peer = dial();
    peer.send(handshake(more));
    answer_ = peer.read_until("\r\n\r\n");
    EXPECT_TRUE(answer_.starts_with("HTTP/1.1 101 ")) << answer_;
    return peer;
  }
  // The handle of the first connection.
  std::shared_ptr<WebSocket> socket() {
    auto future = opened_.get_future();
    EXPECT_TRUE(arrives(future));
    return future.get();
  }
  WebSocketEnd end() {
    auto future = ended_.get_future();
    if (!arrives(future)) return {Cause::Lost, 0, "it did not end", 0};
    WebSocketEnd end = future.get();
    ended_ = {};
    opened_ = {};
    return end;
  }
  std::string told(std::string_view bytes) const {
    RawPeer peer = dial();
    peer.send(bytes);
    return peer.read_all();
  }

  std::promise<std::shared_ptr<WebSocket>> opened_;
  std::promise<WebSocketEnd> ended_;
  std::atomic<int> messages_ = 0;
  std::string target_;
  std::string answer_;
  Loop loop_;
  std::unique_ptr<http::Server> door_;
};

TEST_F(WebSocketDoor, ShakesHandsAsTheRfcShows) {
  open();
  RawPeer peer = shaken();
  EXPECT_NE(answer_.find(std::string(kHandshakeAccept)), std::string::npos) << answer_;
  EXPECT_EQ(answer_.find("Sec-WebSocket-Protocol"), std::string::npos);
  EXPECT_EQ(answer_.find("Sec-WebSocket-Extensions"), std::string::npos);
  EXPECT_EQ(target_, "/chat?room=1");
}

TEST_F(WebSocketDoor, SaysBackWhatItHears) {
  open();
  RawPeer peer = shaken();
  for (const std::size_t bytes : {0U, 1U, 125U, 126U, 65535U, 65536U, 300'000U}) {
    const std::string message(bytes, 'm');
    peer.send(frame(kText, message));
    const SeenFrame text = read_frame(peer);
    EXPECT_EQ(text.first, 0x80U | kText);
    EXPECT_FALSE(text.masked);
    EXPECT_TRUE(text.payload == message) << bytes;
    peer.send(frame(kBinary, message));
    EXPECT_EQ(read_frame(peer).first, 0x80U | kBinary);
  }
}

TEST_F(WebSocketDoor, SendsWhatManyShareAndManyAtOnceInOrder) {
  open();
  RawPeer peer = shaken();
  const auto handle = socket();
  const auto rest = std::make_shared<const std::string>(70'000, 'r');
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(handle->send(WebSocket::Kind::Text, fmt::format("{} ", i), rest));
    EXPECT_TRUE(handle->send(WebSocket::Kind::Text, fmt::format("small {}", i)));
  }
  for (int i = 0; i < 5; ++i) {
    const SeenFrame shared = read_frame(peer);
    EXPECT_EQ(shared.first, 0x80U | kText);
    EXPECT_TRUE(shared.payload == fmt::format("{} ", i) + *rest);
    EXPECT_EQ(read_frame(peer).payload, fmt::format("small {}", i));
  }
}

TEST_F(WebSocketDoor, CountsWhatManyShareAgainstEachReadersLimit) {
  open({.queue_bytes = 100'000});
  RawPeer peer = shaken();
  const auto handle = socket();
  const auto rest = std::make_shared<const std::string>(60'000, 'r');
  // In one task of the loop, so that nothing is written between the two.
  loop_.post([handle, rest] {
    EXPECT_TRUE(handle->send(WebSocket::Kind::Text, "", rest));
    EXPECT_FALSE(handle->send(WebSocket::Kind::Text, "", rest));
  });
  EXPECT_EQ(end().cause, Cause::SlowReader);
}

TEST_F(WebSocketDoor, ServesPlainRequestsBesideIt) {
  open();
  EXPECT_TRUE(
      told("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ends_with("plain"));
  // HTTP/1.0 knows no upgrade, and another protocol is none that is spoken here.
  EXPECT_TRUE(told("GET / HTTP/1.0\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\n\r\n")
                  .ends_with("plain"));
  EXPECT_TRUE(told("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\n"
                   "Connection: Upgrade, close\r\n\r\n")
                  .ends_with("plain"));
}

TEST_F(WebSocketDoor, WithoutAnUpgradeHandlerAnswersAsUsual) {
  open_with({});
  RawPeer peer = dial();
  peer.send(handshake());
  EXPECT_TRUE(peer.read_until("plain").starts_with("HTTP/1.1 200 "));
}

TEST_F(WebSocketDoor, RefusesHandshakesThatAreNotValid) {
  open();
  const std::string good = handshake();
  const auto with = [&](std::string_view old, std::string_view fresh) {
    std::string changed = good;
    return changed.replace(changed.find(old), old.size(), fresh);
  };
  const std::string key = fmt::format("Sec-WebSocket-Key: {}\r\n", kHandshakeKey);
  for (const auto& [bytes, status] : {
           std::pair{with("GET", "POST"), "400"},
           std::pair{with("keep-alive, Upgrade", "keep-alive"), "400"},
           std::pair{with("Version: 13", "Version: 8"), "426"},
           std::pair{with("Sec-WebSocket-Version: 13\r\n", ""), "426"},
           std::pair{with(key, ""), "400"},
           std::pair{with(key, key + key), "400"},
           std::pair{with(kHandshakeKey, "short=="), "400"},
           std::pair{with(kHandshakeKey, "!GhlIHNhbXBsZSBub25jZQ=="), "400"},
           std::pair{with("Host: localhost\r\n", ""), "400"},
           std::pair{with("Host: localhost", "Host: example.org"), "421"},
           std::pair{handshake("Origin: https://example.org\r\n"), "403"},
           std::pair{handshake("Sec-Fetch-Site: cross-site\r\n"), "403"},
           std::pair{handshake("Content-Length: 1\r\n") + "x", "400"},
           std::pair{handshake("Content-Length: 1\r\n"), "400"},
           std::pair{good + frame(kText, "too soon"), "400"},
       }) {
    const std::string answer = told(bytes);
    EXPECT_TRUE(answer.starts_with(fmt::format("HTTP/1.1 {} ", status))) << bytes << answer;
  }
  EXPECT_NE(told(with("Version: 13", "Version: 8")).find("Sec-WebSocket-Version: 13\r\n"),
            std::string::npos);
}

TEST_F(WebSocketDoor, TakesAHandshakeThatDripsIn) {
  open();
  RawPeer peer = dial();
  for (const char c : handshake("Origin: http://localhost:1234\r\n")) peer.send({&c, 1});
  EXPECT_TRUE(peer.read_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
  for (const char c : frame(kText, "slow") + frame(kText, "er")) peer.send({&c, 1});
  EXPECT_EQ(read_frame(peer).payload, "slow");
  EXPECT_EQ(read_frame(peer).payload, "er");
}

TEST_F(WebSocketDoor, TakesTheProtocolOnlyIfTheClientOfferedIt) {
  open_with([this](const http::Request&) {
    return WebSocketAccept{.protocol = "chat.v2", .options = {}, .opened = echo()};
  });
  {
    RawPeer peer = shaken("Sec-WebSocket-Protocol: chat.v1, chat.v2\r\n");
    EXPECT_NE(answer_.find("Sec-WebSocket-Protocol: chat.v2\r\n"), std::string::npos);
  }
  end();
  RawPeer peer = shaken("Sec-WebSocket-Protocol: chat.v1\r\n");
  EXPECT_EQ(answer_.find("Sec-WebSocket-Protocol"), std::string::npos);
}

TEST_F(WebSocketDoor, RefusesWithTheResponseOfItsHandler) {
  open_with([](const http::Request& request) -> std::variant<WebSocketAccept, http::Response> {
    if (request.query.at("room") != "1") throw std::runtime_error("bug");
    return http::Response::error({Code::Unauthenticated, "no key"});
  });
  EXPECT_TRUE(told(handshake()).starts_with("HTTP/1.1 401 "));
  std::string other = handshake();
  other.replace(other.find("room=1"), 6, "room=2");
  EXPECT_TRUE(told(other).starts_with("HTTP/1.1 500 "));
}

TEST_F(WebSocketDoor, PutsFragmentsTogetherAndAnswersPingsBetweenThem) {
  open();
  RawPeer peer = shaken();
  peer.send(frame(kText, "one ", {.fin = false}) + frame(kPing, "in between") +
            frame(kContinuation, "", {.fin = false}) + frame(kPong, "unasked") +
            frame(kContinuation, "two ", {.fin = false}) + frame(kContinuation, "three"));
  const SeenFrame pong = read_frame(peer);
  EXPECT_EQ(pong.opcode(), kPong);
  EXPECT_EQ(pong.payload, "in between");
  EXPECT_EQ(read_frame(peer).payload, "one two three");
  EXPECT_EQ(messages_, 1);
}

TEST_F(WebSocketDoor, TakesUtf8ThatIsSplitInsideACodePoint) {
  open();
  RawPeer peer = shaken();
  peer.send(frame(kText, "\xe2\x82", {.fin = false}) + frame(kContinuation, "\xac"));
  EXPECT_EQ(read_frame(peer).payload, "\xe2\x82\xac");
  peer.send(frame(kBinary, "\xff\xfe"));  // binary may be anything
  EXPECT_EQ(read_frame(peer).payload, "\xff\xfe");
}

struct Breach {
  const char* what;
  std::string bytes;
  unsigned told;  // the code that the peer is told
};

std::vector<Breach> breaches() {
  return {
      {"reserved bit 1", frame(kText, "x", {.reserved = 4}), 1002},
      {"reserved bit 2", frame(kText, "x", {.reserved = 2}), 1002},
      {"reserved bit 3", frame(kText, "x", {.reserved = 1}), 1002},
      {"reserved bit of a control frame", frame(kPing, "x", {.reserved = 4}), 1002},
      {"unknown data opcode 3", frame(3, "x"), 1002},
      {"unknown data opcode 7", frame(7, "x"), 1002},
      {"unknown control opcode 11", frame(11, "x"), 1002},
      {"unknown control opcode 15", frame(15, "x"), 1002},
      {"not masked", frame(kText, "x", {.mask = false}), 1002},
      {"long control frame", frame(kPing, std::string(126, 'x')), 1002},
      {"long close frame", frame(kClose, close_payload(1000, std::string(124, 'x'))), 1002},
      {"fragmented ping", frame(kPing, "x", {.fin = false}), 1002},
      {"fragmented close", frame(kClose, "", {.fin = false}), 1002},
      {"continuation of nothing", frame(kContinuation, "x"), 1002},
      {"continuation after the end",
       frame(kText, "a", {.fin = false}) + frame(kContinuation, "b") + frame(kContinuation, "c"),
       1002},
      {"a message inside another", frame(kText, "a", {.fin = false}) + frame(kText, "b"), 1002},
      {"length not in its shortest form", std::string("\x81\xfe\x00\x01mask\x00", 9), 1002},
      {"64-bit length not in its shortest form",
       std::string("\x81\xff\x00\x00\x00\x00\x00\x00\x00\x01mask\x00", 15), 1002},
      {"length with the top bit", std::string("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xffmask", 14),
       0},  // 1002 or 1009: it breaks both rules
      {"bad UTF-8", frame(kText, "\xff"), 1007},
      {"overlong UTF-8", frame(kText, "\xc0\xaf"), 1007},
      {"a surrogate", frame(kText, "\xed\xa0\x80"), 1007},
      {"UTF-8 that ends too soon", frame(kText, "\xe2\x82"), 1007},
      {"UTF-8 that goes wrong in the next fragment",
       frame(kText, "\xe2\x82", {.fin = false}) + frame(kContinuation, "x"), 1007},
      {"bad UTF-8 in a reason", code_frame(1000, "\xff"), 1002},
      {"close of one byte", frame(kClose, "\x03"), 1002},
      {"close code 0", code_frame(0), 1002},
      {"close code 999", code_frame(999), 1002},
      {"close code 1004", code_frame(1004), 1002},
      {"close code 1005", code_frame(1005), 1002},
      {"close code 1006", code_frame(1006), 1002},
      {"close code 1015", code_frame(1015), 1002},
      {"close code 1016", code_frame(1016), 1002},
      {"close code 2999", code_frame(2999), 1002},
  };
}

TEST_F(WebSocketDoor, EndsAConnectionThatBreaksTheProtocolAndSaysWhy) {
  open();
  for (const Breach& breach : breaches()) {
    SCOPED_TRACE(breach.what);
    RawPeer peer = shaken();
    peer.send(breach.bytes);
    SeenFrame seen = read_frame(peer);
    if (seen.opcode() == kText) seen = read_frame(peer);  // what was whole was answered
    EXPECT_EQ(seen.opcode(), kClose);
    if (breach.told != 0) {
      EXPECT_EQ(seen.close_code(), breach.told);
    }
    EXPECT_EQ(peer.read_all(), "");
    peer.close();
    const WebSocketEnd end = this->end();
    if (breach.told == 0) continue;
    EXPECT_EQ(end.cause, Cause::Breach) << end.reason;
    EXPECT_EQ(end.code, breach.told);
    EXPECT_FALSE(end.reason.empty());
  }
}

TEST_F(WebSocketDoor, RefusesATextWhoseEmptyLastFrameLeavesItUnfinished) {
  open();
  RawPeer peer = shaken();
  peer.send(frame(kText, "caf\xc3", {.fin = false}) + frame(kContinuation, "") +
            frame(kText, "too late"));
  EXPECT_EQ(read_frame(peer).close_code(), 1007U);
  peer.send(code_frame(1007));
  EXPECT_EQ(peer.read_all(), "");
  const WebSocketEnd end = this->end();
  EXPECT_EQ(end.cause, Cause::Breach);
  EXPECT_EQ(end.code, 1007);
  EXPECT_EQ(messages_, 0);
}

TEST_F(WebSocketDoor, ClosesWithTheCodeThatThePeerSaid) {
  open();
  for (const unsigned code :
       {1000U, 1001U, 1002U, 1003U, 1007U, 1011U, 3000U, 3999U, 4000U, 4999U}) {
    RawPeer peer = shaken();
    peer.send(code_frame(code, "bye"));
    EXPECT_EQ(read_frame(peer).close_code(), code);
    EXPECT_EQ(peer.read_all(), "");
    peer.close();
    const WebSocketEnd end = this->end();
    EXPECT_EQ(end.cause, Cause::Peer);
    EXPECT_EQ(end.code, code);
    EXPECT_EQ(end.reason, "bye");
  }
}

TEST_F(WebSocketDoor, ClosesWithoutACodeWhenThePeerSaidNone) {
  open();
  RawPeer peer = shaken();
  peer.send(frame(kClose, "") + frame(kText, "after the end"));
  EXPECT_EQ(read_frame(peer).opcode(), kClose);
  peer.close();
  const WebSocketEnd end = this->end();
  EXPECT_EQ(end.cause, Cause::Peer);
  EXPECT_EQ(end.code, 1005);
  EXPECT_EQ(messages_, 0);
}

TEST_F(WebSocketDoor, RefusesAMessageOverItsLimit) {
  open({.message_bytes = 1000});
  const std::string half(600, 'x');
  for (const std::string& bytes :
       {frame(kText, std::string(1001, 'x')),
        frame(kText, "x", {.claimed = std::uint64_t{1} << 40U}),
        frame(kText, half, {.fin = false}) + frame(kContinuation, half)}) {
    RawPeer peer = shaken();
    peer.send(bytes);
    EXPECT_EQ(read_frame(peer).close_code(), 1009U);
    peer.close();
    const WebSocketEnd end = this->end();
    EXPECT_EQ(end.cause, Cause::TooLarge);
    EXPECT_EQ(end.code, 1009);
  }
  RawPeer peer = shaken();
  peer.send(frame(kText, std::string(1000, 'x')));
  EXPECT_EQ(read_frame(peer).payload.size(), 1000U);
}

TEST_F(WebSocketDoor, SendsWhatIsQueuedBeforeItCloses) {
  open();
  RawPeer peer = shaken();
  const auto socket = this->socket();
  EXPECT_TRUE(socket->send(WebSocket::Kind::Text, "first"));
  EXPECT_TRUE(socket->send(WebSocket::Kind::Binary, "second"));
  socket->close(4001, "enough");
  EXPECT_FALSE(socket->send(WebSocket::Kind::Text, "too late"));
  EXPECT_EQ(read_frame(peer).payload, "first");
  EXPECT_EQ(read_frame(peer).payload, "second");
  const SeenFrame last = read_frame(peer);
  EXPECT_EQ(last.close_code(), 4001U);
  EXPECT_EQ(last.payload.substr(2), "enough");
  peer.send(code_frame(4001));
  peer.close();
  const WebSocketEnd end = this->end();
  EXPECT_EQ(end.cause, Cause::Own);
  EXPECT_EQ(end.code, 4001);
  EXPECT_EQ(socket->queued_bytes(), 0U);
}

TEST_F(WebSocketDoor, NeverSendsACodeOrTextThatIsNotAllowed) {
  open();
  RawPeer peer = shaken();
  const auto socket = this->socket();
  socket->send(WebSocket::Kind::Text, "a\xff");
  EXPECT_EQ(read_frame(peer).payload, "a\xef\xbf\xbd");
  socket->close(1006, std::string(200, 'r') + "\xff");
  const SeenFrame last = read_frame(peer);
  EXPECT_EQ(last.close_code(), 1000U);
  EXPECT_EQ(last.payload.size(), 125U);
}

TEST_F(WebSocketDoor, CutsAPeerThatDoesNotAnswerItsClose) {
  open({.handshake_timeout = Milliseconds(50)});
  RawPeer peer = shaken();
  socket()->close(1000, "");
  EXPECT_EQ(read_frame(peer).close_code(), 1000U);
  EXPECT_EQ(peer.read_all(), "");
  EXPECT_EQ(end().cause, Cause::Own);
}

TEST_F(WebSocketDoor, ClosesAReaderThatIsTooSlow) {
  open({.queue_bytes = 256 * 1024});
  RawPeer peer = shaken();
  const auto socket = this->socket();
  const std::string piece(64 * 1024, 'x');
  int sent = 0;
  while (sent < 10'000 && socket->send(WebSocket::Kind::Binary, piece)) ++sent;
  EXPECT_LT(sent, 10'000);
  const WebSocketEnd end = this->end();
  EXPECT_EQ(end.cause, Cause::SlowReader);
  EXPECT_NE(end.reason.find("262144 bytes"), std::string::npos) << end.reason;
  EXPECT_FALSE(socket->send(WebSocket::Kind::Binary, piece));
}

TEST_F(WebSocketDoor, ClosesAReaderThatTakesNothing) {
  open({.send_timeout = Milliseconds(50)});
  RawPeer peer = shaken();
  // One message that no socket buffer takes whole; pings keep the connection from being idle.
  socket()->send(WebSocket::Kind::Binary, std::string(64 * 1024 * 1024, 'x'));
  EXPECT_EQ(end().cause, Cause::SlowReader);
}

TEST_F(WebSocketDoor, PingsASilentPeerAndGivesItUpWhenNothingComes) {
  open({.idle_timeout = Milliseconds(100)});
  RawPeer peer = shaken();
  EXPECT_EQ(read_frame(peer).opcode(), kPing);
  EXPECT_EQ(peer.read_all(), "");
  const WebSocketEnd end = this->end();
  EXPECT_EQ(end.cause, Cause::Idle);
  EXPECT_EQ(end.code, 1006);
}

TEST_F(WebSocketDoor, KeepsASilentPeerThatAnswersPings) {
  open({.idle_timeout = Milliseconds(1000)});
  RawPeer peer = shaken();
  for (int i = 0; i < 3; ++i) {
    const SeenFrame ping = read_frame(peer);
    ASSERT_EQ(ping.opcode(), kPing);
    peer.send(frame(kPong, ping.payload));
  }
  peer.send(frame(kText, "still here"));
  SeenFrame seen = read_frame(peer);
  while (seen.opcode() == kPing) seen = read_frame(peer);
  EXPECT_EQ(seen.payload, "still here");
}

TEST_F(WebSocketDoor, SeesAPeerThatVanishes) {
  open();
  {
    RawPeer peer = shaken();
    peer.send(frame(kText, "half", {.fin = false}));
  }
  EXPECT_EQ(end().cause, Cause::Lost);
  {
    RawPeer peer = shaken();
    peer.reset();
  }
  const WebSocketEnd end = this->end();
  EXPECT_EQ(end.cause, Cause::Lost);
  EXPECT_EQ(end.code, 1006);
}

TEST_F(WebSocketDoor, ClosesWith1011WhenACallbackThrows) {
  open();
  RawPeer peer = shaken();
  peer.send(frame(kText, "throw"));
  EXPECT_EQ(read_frame(peer).close_code(), 1011U);
  peer.close();
  EXPECT_EQ(end().cause, Cause::Own);
}

TEST_F(WebSocketDoor, DrainTellsPeersThatItGoesAway) {
  open();
  RawPeer peer = shaken();
  socket();
  std::jthread drained([&] { door_->drain(std::chrono::duration_cast<Milliseconds>(kPatience)); });
  EXPECT_EQ(read_frame(peer).close_code(), 1001U);
  peer.send(code_frame(1001));
  peer.close();
  EXPECT_EQ(end().cause, Cause::Own);
}

TEST_F(WebSocketDoor, DestroyedItCutsItsConnectionsAndTheirHandlesDoNothing) {
  open();
  RawPeer peer = shaken();
  const auto socket = this->socket();
  door_.reset();
  EXPECT_EQ(peer.read_all(), "");
  EXPECT_EQ(end().cause, Cause::Own);
  EXPECT_FALSE(socket->send(WebSocket::Kind::Text, "too late"));
  socket->close(1000, "");
}

TEST_F(WebSocketDoor, CountsAsAConnectionOfItsDoor) {
  open({}, {.connections = 1});
  RawPeer peer = shaken();
  EXPECT_TRUE(told(handshake()).starts_with("HTTP/1.1 503 "));
}

// RFC 7692 section 7.2.3.1: "Hello" in a compressed frame.
constexpr std::string_view kHello = "\xf2\x48\xcd\xc9\xc9\x07\0";
constexpr std::string_view kOffer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

TEST_F(WebSocketDoor, SpeaksDeflateOnlyWhenBothWantIt) {
  open();
  RawPeer peer = shaken(kOffer);
  EXPECT_EQ(answer_.find("permessage-deflate"), std::string::npos);
  peer.send(frame(kText, std::string(kHello.data(), 7), {.reserved = 4}));
  EXPECT_EQ(read_frame(peer).close_code(), 1002U);
}

TEST_F(WebSocketDoor, InflatesAndDeflates) {
  open({.deflate = true});
  RawPeer peer = shaken(kOffer);
  EXPECT_NE(answer_.find("permessage-deflate"), std::string::npos) << answer_;
  const std::string hello(kHello.data(), 7);
  peer.send(frame(kText, hello, {.reserved = 4}));
  SeenFrame seen = read_frame(peer);
  EXPECT_TRUE(seen.compressed());
  EXPECT_EQ(seen.payload, hello);
  // The same in two fragments, then one that is not compressed.
  peer.send(frame(kText, hello.substr(0, 3), {.fin = false, .reserved = 4}) +
            frame(kContinuation, hello.substr(3)) + frame(kText, "plain"));
  EXPECT_TRUE(read_frame(peer).compressed());
  EXPECT_TRUE(read_frame(peer).compressed());
  EXPECT_EQ(messages_, 3);
}

TEST_F(WebSocketDoor, EndsAConnectionThatSendsBrokenDeflate) {
  open({.deflate = true});
  for (const std::string& bytes :
       {frame(kText, "\xff\xff\xff\xff", {.reserved = 4}),
        frame(kText, std::string(kHello.data(), 7), {.fin = false, .reserved = 4}) +
            frame(kContinuation, "", {.reserved = 4})}) {
    RawPeer peer = shaken(kOffer);
    peer.send(bytes);
    peer.read_all();
    peer.close();
    const WebSocketEnd end = this->end();
    EXPECT_EQ(end.cause, Cause::Breach) << end.reason;
  }
}

// Deflate's fixed code (RFC 1951 section 3.2.6) for one zero byte and `repeats` copies of 258.
std::string zeros_deflated(int repeats) {
  std::string out;
  unsigned bits = 0;
  unsigned held = 0;
  const auto put = [&](unsigned value, unsigned count) {  // most significant bit first
    while (count-- > 0) {
      held |= (value >> count & 1U) << bits;
      if (++bits == 8) {
        out += static_cast<char>(held);
        bits = held = 0;
      }
    }
  };
  put(0, 1);                                                    // not the last block
  put(0b10, 2);                                                 // fixed code, its lower bit first
  put(0b00110000, 8);                                           // the byte 0
  for (int i = 0; i < repeats; ++i) put(0b11000101'00000, 13);  // length 258, distance 1
  put(0, 7);                                                    // the block's end
  put(0, 3);  // an empty stored block, whose last four bytes are left out
  while (bits != 0) put(0, 1);
  return out;
}

TEST_F(WebSocketDoor, StopsADecompressionBomb) {
  open({.message_bytes = 100'000, .deflate = true});
  {
    RawPeer peer = shaken(kOffer);
    peer.send(frame(kBinary, zeros_deflated(380), {.reserved = 4}));
    EXPECT_TRUE(read_frame(peer).compressed());  // 98,041 bytes: as far as it may go
  }
  EXPECT_EQ(end().cause, Cause::Lost);
  RawPeer peer = shaken(kOffer);
  const std::string bomb = zeros_deflated(50'000);
  ASSERT_LT(bomb.size(), 100'000U);  // and 12.9 MB when it is let
  peer.send(frame(kBinary, bomb, {.reserved = 4}));
  EXPECT_EQ(read_frame(peer).close_code(), 1009U);
  peer.close();
  EXPECT_EQ(end().cause, Cause::TooLarge);
  EXPECT_EQ(messages_, 1);
}

}  // namespace
}  // namespace net
