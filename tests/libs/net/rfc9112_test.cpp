#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include "libs/net/raw_peer.h"
#include "net/net.h"

// Where RFC 9112 draws its lines, case by case, with bytes written by hand on real sockets. Section
// numbers are the RFC's.
namespace net::rfc9112 {
namespace {

using namespace std::string_literals;

using ReplyPtr = std::shared_ptr<http::Reply>;

struct Answer {
  int status = 0;
  std::string head;
  std::string body;
};

// Reads one answer with Content-Length (or without a body) from the peer; status 0 at the end.
Answer read_answer(RawPeer& peer) {
  Answer answer;
  answer.head = peer.read_until("\r\n\r\n");
  if (!answer.head.starts_with("HTTP/1.1 ")) return answer;
  answer.status = std::stoi(answer.head.substr(9, 3));
  const std::size_t length = answer.head.find("Content-Length: ");
  if (length != std::string::npos) {
    answer.body = peer.read_bytes(std::stoul(answer.head.substr(length + 16)));
  }
  return answer;
}

std::string shown(std::string_view bytes) {
  std::string text;
  for (const char c : bytes.substr(0, 300)) {
    const auto code = static_cast<unsigned char>(c);
    text += code >= 0x20 && code < 0x7f ? std::string(1, c) : fmt::format("\\x{:02x}", code);
  }
  return text;
}

// Sends byte by byte and has `loop` read each by itself: loopback has delivered what send() took,
// and a loop looks at its sockets at least once in a few rounds.
void drip(RawPeer& peer, Loop& loop, std::string_view bytes) {
  for (const char c : bytes) {
    if (!peer.send({&c, 1})) return;
    for (int round = 0; round < 4; ++round) {
      std::promise<void> passed;
      loop.post([&] { passed.set_value(); });
      passed.get_future().wait();
    }
  }
}

class ServerAtTheBoundary : public ::testing::Test {
 protected:
  void open(http::Handler handler, http::ServerLimits limits = {}) {
    auto door = listen(loop_, {.bind = "127.0.0.1", .port = 0, .limits = limits, .hosts = {}},
                       std::move(handler));
    ASSERT_TRUE(door.ok()) << door.error().message;
    door_ = std::move(door).value();
  }
  // Answers with what it understood: method, path, body.
  void open_echo(http::ServerLimits limits = {}) {
    open(
        [this](http::Request request, ReplyPtr reply) {
          ++handled_;
          reply->respond(http::Response::text(
              fmt::format("{} {} {}", name(request.method), request.path, request.body)));
        },
        limits);
  }
  RawPeer connect() const { return RawPeer::connect_to(door_->port()); }
  Answer answer_to(std::string_view bytes) const {
    RawPeer peer = connect();
    peer.send(bytes);
    return read_answer(peer);
  }

  // A request that a strict server refuses, whatever follows it.
  struct Refused {
    std::string_view why;
    std::string request;
    int status = 400;
  };
  void expect_refused(const std::vector<Refused>& cases) {
    for (const auto& [why, request, status] : cases) {
      SCOPED_TRACE(fmt::format("{}: {}", why, shown(request)));
      RawPeer peer = connect();
      peer.send(request + "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n");
      // Without this a request that is still being awaited would be waited for.
      peer.half_close();
      const Answer answer = read_answer(peer);
      EXPECT_EQ(answer.status, status) << answer.head;
      EXPECT_NE(answer.head.find("Connection: close\r\n"), std::string::npos) << answer.head;
      EXPECT_EQ(peer.read_all(), "") << "a second answer";
    }
    EXPECT_EQ(handled_, 0);
  }

  // A request that is served, and that ends where it says: the one behind it is served too.
  struct Served {
    std::string_view why;
    std::string request;
    std::string understood;
  };
  void expect_served(const std::vector<Served>& cases) {
    for (const auto& [why, request, understood] : cases) {
      SCOPED_TRACE(fmt::format("{}: {}", why, shown(request)));
      RawPeer peer = connect();
      peer.send(request + "GET /next HTTP/1.1\r\nHost: localhost\r\n\r\n");
      peer.half_close();
      const Answer answer = read_answer(peer);
      EXPECT_EQ(answer.status, 200) << answer.head << answer.body;
      EXPECT_EQ(answer.body, understood);
      EXPECT_EQ(read_answer(peer).body, "GET /next ");
      EXPECT_EQ(peer.read_all(), "");
    }
  }

  std::atomic<int> handled_ = 0;
  Loop loop_;
  std::unique_ptr<http::Server> door_;
};

const std::string kHost = "Host: localhost\r\n";
const std::string kPost = "POST / HTTP/1.1\r\n" + kHost;
const std::string kChunked = kPost + "Transfer-Encoding: chunked\r\n\r\n";
const std::string kGet = "GET / HTTP/1.1\r\n" + kHost + "\r\n";

// A request whose only oddity is one header line.
std::string get_with(std::string_view line) {
  return "GET / HTTP/1.1\r\n" + kHost + std::string(line) + "\r\n\r\n";
}

TEST_F(ServerAtTheBoundary, RefusesRequestLinesThatAreNotOfTheGrammar) {
  open_echo();
  expect_refused({
      {"3: no version", "GET /\r\n" + kHost + "\r\n"},
      {"3: nothing but a method", "GET\r\n" + kHost + "\r\n"},
      {"3: two spaces", "GET  / HTTP/1.1\r\n" + kHost + "\r\n"},
      {"3: a tab for a space", "GET\t/ HTTP/1.1\r\n" + kHost + "\r\n"},
      {"3: a space before the method", " GET / HTTP/1.1\r\n" + kHost + "\r\n"},
      {"3: a space after the version", "GET / HTTP/1.1 \r\n" + kHost + "\r\n"},
      {"3: a space in the target", "GET /a b HTTP/1.1\r\n" + kHost + "\r\n"},
      {"3: NUL in the target", "GET /a\0b HTTP/1.1\r\n"s + kHost + "\r\n"},
      {"3: a method that is no token", "G(T / HTTP/1.1\r\n" + kHost + "\r\n"},
      {"2.2: lines that end with LF", "GET / HTTP/1.1\nHost: localhost\n\n"},
      {"2.2: CR alone", "GET / HTTP/1.1\rHost: localhost\r\r"},
      {"2.2: CR inside the request line", "GET /\r HTTP/1.1\r\n" + kHost + "\r\n"},
      {"2.3: lower case", "GET / http/1.1\r\n" + kHost + "\r\n"},
      {"2.3: two digits", "GET / HTTP/1.10\r\n" + kHost + "\r\n"},
      {"2.3: no minor version", "GET / HTTP/1\r\n" + kHost + "\r\n"},
      {"2.3: another protocol", "GET / RTSP/1.0\r\n" + kHost + "\r\n"},
      {"2.3: HTTP/2", "GET / HTTP/2.0\r\n" + kHost + "\r\n", 505},
      {"2.3: HTTP/2's own greeting", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"2.3: HTTP/1.2", "GET / HTTP/1.2\r\n" + kHost + "\r\n", 505},
      {"2.3: HTTP/0.9", "GET / HTTP/0.9\r\n" + kHost + "\r\n", 505},
      {"3.2: no form of a target", "GET nowhere HTTP/1.1\r\n" + kHost + "\r\n"},
      {"3.2.1: a broken percent-encoding", "GET /%zz HTTP/1.1\r\n" + kHost + "\r\n"},
      {"3.2.1: an encoded NUL", "GET /%00 HTTP/1.1\r\n" + kHost + "\r\n"},
      {"3.2.2: absolute form without a host", "GET http:///x HTTP/1.1\r\n" + kHost + "\r\n"},
      {"3.2.2: absolute form with a user", "GET http://a@localhost/ HTTP/1.1\r\n" + kHost + "\r\n"},
      {"3.2.2: absolute form of a foreign host",
       "GET http://evil.example/ HTTP/1.1\r\n" + kHost + "\r\n", 421},
      {"3.2.3: authority form is for CONNECT", "GET localhost:80 HTTP/1.1\r\n" + kHost + "\r\n"},
      {"3.2.3: no tunnels here", "CONNECT localhost:80 HTTP/1.1\r\n" + kHost + "\r\n", 501},
      {"3.2.4: asterisk form is for OPTIONS", "GET * HTTP/1.1\r\n" + kHost + "\r\n"},
      {"3.2.4: nothing is said about the whole server", "OPTIONS * HTTP/1.1\r\n" + kHost + "\r\n"},
      {"9110 9.1: a method that is not known", "BREW / HTTP/1.1\r\n" + kHost + "\r\n", 501},
      {"9110 9.1: methods have a case", "get / HTTP/1.1\r\n" + kHost + "\r\n", 501},
      {"TLS on a plain door", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"s},
  });
}

TEST_F(ServerAtTheBoundary, ServesEveryFormOfARequestLineThatTheGrammarHas) {
  open_echo();
  expect_served({
      {"2.2: empty lines in front", "\r\n\r\n" + kGet, "GET / "},
      {"3.2.1: percent-encoding", "GET /a%20b?q HTTP/1.1\r\n" + kHost + "\r\n", "GET /a b "},
      {"3.2.2: absolute form", "GET http://localhost/x HTTP/1.1\r\n" + kHost + "\r\n", "GET /x "},
      {"3.2.2: its host counts", "GET http://localhost/x HTTP/1.1\r\nHost: evil.example\r\n\r\n",
       "GET /x "},
      {"3.2.2: without a path", "GET http://localhost HTTP/1.1\r\n" + kHost + "\r\n", "GET / "},
      {"9110 4.2.3: a host in capitals", "GET / HTTP/1.1\r\nHOST: LOCALHOST:80\r\n\r\n", "GET / "},
      {"9110 9.3.1: GET with a body", "GET / HTTP/1.1\r\n" + kHost + "Content-Length: 2\r\n\r\nhi",
       "GET / hi"},
  });
}

TEST_F(ServerAtTheBoundary, RefusesHeaderLinesThatAreNotOfTheGrammar) {
  open_echo();
  expect_refused({
      {"5.1: a space before the colon", get_with("X : 1")},
      {"5.1: a tab before the colon", get_with("X\t: 1")},
      {"5.1: no colon", get_with("no colon")},
      {"5.1: no name", get_with(": 1")},
      {"5.1: a name that is no token", get_with("X(Y): 1")},
      {"5.1: NUL in a name", get_with("X\0Y: 1"s)},
      {"5.2: a folded line", get_with("X: a\r\n b")},
      {"5.2: a line folded with a tab", get_with("X: a\r\n\tb")},
      {"5.2: a folded framing line",
       kPost + "Transfer-Encoding:\r\n chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
      {"5.2: a fold before the first line", "GET / HTTP/1.1\r\n Host: localhost\r\n\r\n"},
      {"2.2: CR inside a value", get_with("X: a\rb")},
      {"2.2: LF inside a value", get_with("X: a\nY: b")},
      {"2.2: LF for the empty line", "GET / HTTP/1.1\r\n" + kHost + "X: a\n\r\n\r\n"},
      {"9110 5.5: NUL in a value", get_with("X: a\0b"s)},
      {"9110 5.5: a control character in a value", get_with("X: a\x01"s + "b")},
      {"9110 5.5: DEL in a value", get_with("X: a\x7f"s + "b")},
      {"3.2: no Host", "GET / HTTP/1.1\r\n\r\n"},
      {"3.2: two Hosts", "GET / HTTP/1.1\r\n" + kHost + kHost + "\r\n"},
      {"3.2: an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 421},
      {"3.2: a list of Hosts", "GET / HTTP/1.1\r\nHost: localhost, evil.example\r\n\r\n", 421},
      {"3.2: absolute form without Host", "GET http://localhost/ HTTP/1.1\r\n\r\n"},
      {"3.2: HTTP/1.0 without Host, which could come from anywhere", "GET / HTTP/1.0\r\n\r\n"},
      {"9110 10.1.1: an expectation that is not known",
       kPost + "Expect: a-miracle\r\nContent-Length: 1\r\n\r\na", 417},
  });
}

TEST_F(ServerAtTheBoundary, RefusesWhateverLeavesTwoReadingsOfABodysEnd) {
  open_echo();
  const auto length = [](std::string_view value) {
    return kPost + "Content-Length:" + std::string(value) + "\r\n\r\nabcde";
  };
  const auto coding = [](std::string_view value) {
    return kPost + "Transfer-Encoding:" + std::string(value) + "\r\n\r\n0\r\n\r\n";
  };
  expect_refused({
      {"6.1: both lengths", kPost + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {"6.1: both, the other way round",
       kPost + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"},
      {"6.1: both, the length empty of meaning",
       kPost + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n"},
      {"6.2: two lengths that differ",
       kPost + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde"},
      {"6.2: the same length twice", kPost + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde"},
      {"6.2: twice in other letters",
       kPost + "Content-Length: 5\r\ncontent-length: 5\r\n\r\nabcde"},
      {"6.2: a list", length(" 5, 5")},
      {"6.2: a list without a space", length(" 5,5")},
      {"6.2: two words", length(" 5 5")},
      {"6.2: a sign", length(" +5")},
      {"6.2: negative", length(" -5")},
      {"6.2: hexadecimal", length(" 0x5")},
      {"6.2: a fraction", length(" 5.0")},
      {"6.2: an exponent", length(" 5e0")},
      {"6.2: nothing", length("")},
      {"6.2: a line tabulator", length(" \x0b"s + "5")},
      {"6.2: over 64 bits", length(" 18446744073709551616")},
      {"6.2: over 64 bits, and back at 5", length(" 18446744073709551621")},
      {"6.2: the most that 64 bits hold", length(" 18446744073709551615"), 413},
      {"6.2: a length with a space before the colon", kPost + "Content-Length : 5\r\n\r\nabcde"},
      {"6.1: chunked twice",
       kPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"6.1: chunked twice in a list", coding(" chunked, chunked")},
      {"6.1: identity", coding(" identity")},
      {"6.1: identity behind chunked",
       kPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"},
      {"6.1: chunked is not last", coding(" chunked, gzip")},
      {"6.1: a coding that is not known", coding(" gzip, chunked")},
      {"6.1: nearly chunked", coding(" xchunked")},
      {"6.1: chunked and a comma", coding(" chunked,")},
      {"6.1: a comma and chunked", coding(" ,chunked")},
      {"6.1: quoted", coding(" \"chunked\"")},
      {"6.1: with a parameter", coding(" chunked;q=1")},
      {"6.1: nothing", coding("")},
      {"6.1: a line tabulator", coding(" \x0b"s + "chunked")},
      {"6.1: a NUL", coding(" chunked\0"s)},
      {"6.1: a space before the colon", kPost + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"},
      {"6.1: chunked in HTTP/1.0",
       "POST / HTTP/1.0\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
  });
}

TEST_F(ServerAtTheBoundary, RefusesBrokenChunks) {
  open_echo();
  expect_refused({
      {"7.1: no size", kChunked + "\r\nabc\r\n0\r\n\r\n"},
      {"7.1: not hexadecimal", kChunked + "z\r\nabc\r\n0\r\n\r\n"},
      {"7.1: 0x", kChunked + "0x3\r\nabc\r\n0\r\n\r\n"},
      {"7.1: a sign", kChunked + "+3\r\nabc\r\n0\r\n\r\n"},
      {"7.1: negative", kChunked + "-3\r\nabc\r\n0\r\n\r\n"},
      {"7.1: a space in front", kChunked + " 3\r\nabc\r\n0\r\n\r\n"},
      {"7.1: a size over 64 bits", kChunked + "10000000000000003\r\nabc\r\n0\r\n\r\n"},
      {"7.1: a size of 18 digits", kChunked + "ffffffffffffffffff\r\nabc\r\n0\r\n\r\n"},
      {"7.1: the most that 64 bits hold", kChunked + "ffffffffffffffff\r\nabc\r\n", 413},
      {"7.1: half of that", kChunked + "7fffffffffffffff\r\nabc\r\n", 413},
      {"7.1: a small chunk, then one that wraps around",
       kChunked + "3\r\nabc\r\nfffffffffffffffd\r\nabc\r\n", 413},
      {"7.1: LF behind the size", kChunked + "3\nabc\r\n0\r\n\r\n"},
      {"7.1: CR behind the size", kChunked + "3\rabc\r\n0\r\n\r\n"},
      {"7.1: nothing behind the data", kChunked + "3\r\nabc0\r\n\r\n"},
      {"7.1: LF behind the data", kChunked + "3\r\nabc\n0\r\n\r\n"},
      {"7.1: more data than announced", kChunked + "3\r\nabcd\r\n0\r\n\r\n"},
      {"7.1: NUL for the size", kChunked + "\0\r\nabc\r\n0\r\n\r\n"s},
      {"7.1.1: LF in an extension", kChunked + "3;a\nb\r\nabc\r\n0\r\n\r\n"},
      {"7.1.1: CR in an extension", kChunked + "3;a\rb\r\nabc\r\n0\r\n\r\n"},
      {"7.1.2: a trailer without a colon", kChunked + "0\r\nno colon\r\n\r\n"},
      {"7.1.2: a trailer with a space before the colon", kChunked + "0\r\nX : 1\r\n\r\n"},
      {"7.1.2: a folded trailer", kChunked + "0\r\nX: 1\r\n 2\r\n\r\n"},
      {"7.1.2: a trailer that frames", kChunked + "0\r\nContent-Length: 9\r\n\r\n"},
      {"7.1.2: NUL in a trailer", kChunked + "0\r\nX: a\0b\r\n\r\n"s},
  });
}

TEST_F(ServerAtTheBoundary, FindsTheEndOfEveryCleanBody) {
  open_echo();
  expect_served({
      {"6.2: spaces around the length", kPost + "Content-Length: \t 5 \t\r\n\r\nabcde",
       "POST / abcde"},
      {"6.2: zeros in front", kPost + "Content-Length: 0005\r\n\r\nabcde", "POST / abcde"},
      {"6.2: zero", kPost + "Content-Length: 0\r\n\r\n", "POST / "},
      {"6.3: no length is no body", kPost + "\r\n", "POST / "},
      {"6.1: spaces around chunked", kPost + "Transfer-Encoding: \t chunked \t\r\n\r\n0\r\n\r\n",
       "POST / "},
      {"6.1: codings have no case", kPost + "TRANSFER-encoding:CHUNKED\r\n\r\n1\r\na\r\n0\r\n\r\n",
       "POST / a"},
      {"7.1: sizes in both cases", kChunked + "a\r\n0123456789\r\nA\r\nabcdefghij\r\n0\r\n\r\n",
       "POST / 0123456789abcdefghij"},
      {"7.1: zeros in front", kChunked + "0003\r\nabc\r\n000\r\n\r\n", "POST / abc"},
      {"7.1: data that looks like a chunk", kChunked + "7\r\n0\r\n\r\n0\r\r\n0\r\n\r\n",
       "POST / 0\r\n\r\n0\r"},
      {"7.1.1: extensions", kChunked + "3;a;b=c;d=\"e f\"\r\nabc\r\n0;last\r\n\r\n", "POST / abc"},
      {"7.1.2: trailers, whatever they claim",
       kChunked + "3\r\nabc\r\n0\r\nHost: evil\r\nX: 1\r\n\r\n", "POST / abc"},
  });
}

TEST_F(ServerAtTheBoundary, TakesChunkedBodiesByteByByte) {
  open_echo();
  RawPeer peer = connect();
  for (const auto& [chunks, body] : std::vector<std::pair<std::string, std::string>>{
           {"0\r\n\r\n", ""},
           {"00\r\n\r\n", ""},
           {"0;a=b\r\n\r\n", ""},
           {"0\r\nX: 1\r\nY: 2\r\n\r\n", ""},
           {"1\r\n0\r\n0\r\n\r\n", "0"},
           {"5\r\n0\r\n\r\n\r\n3;a\r\nabc\r\n0\r\nX: 1\r\n\r\n", "0\r\n\r\nabc"},
       }) {
    SCOPED_TRACE(shown(chunks));
    drip(peer, loop_, kChunked + chunks);
    EXPECT_EQ(read_answer(peer).body, "POST / " + body);
  }
}

TEST_F(ServerAtTheBoundary, NamesWhichPartOfTheHeadIsTooLong) {
  open_echo({.header_bytes = 4096});
  const std::string lines = [] {
    std::string text;
    for (int i = 0; i < 500; ++i) text += "A: 0123456\r\n";
    return text;
  }();
  const std::string trailers = kChunked + "0\r\n" + lines + lines + lines + lines + lines + lines;
  expect_refused({
      {"3: the target", "GET /" + std::string(5000, 'a') + " HTTP/1.1\r\n" + kHost + "\r\n", 414},
      {"3: a target without end", "GET /" + std::string(50'000, 'a'), 414},
      {"3: a method without end", std::string(5000, 'A'), 414},
      {"5: a line", get_with("X: " + std::string(5000, 'a')), 431},
      {"5: a name", get_with(std::string(5000, 'a') + ": x"), 431},
      {"5: many lines", "GET / HTTP/1.1\r\n" + kHost + lines + "\r\n", 431},
      {"5: lines without end", "GET / HTTP/1.1\r\n" + kHost + lines + lines, 431},
      {"7.1.2: trailers", trailers + "\r\n", 431},
      {"7.1.2: trailers without end", trailers, 431},
  });
}

TEST_F(ServerAtTheBoundary, BoundsTheExtensionsOfAllChunksTogether) {
  open_echo();
  std::string request = kChunked;
  // Each is short; a megabyte of them carries a body of a few bytes.
  for (int i = 0; i < 2000; ++i) request += "1;" + std::string(500, 'x') + "\r\na\r\n";
  expect_refused({{"7.1.1: a recipient ought to limit them", request + "0\r\n\r\n", 431}});
}

TEST_F(ServerAtTheBoundary, ClosesHttp10UnlessAskedToStay) {
  open_echo();
  {
    RawPeer peer = connect();
    peer.send("GET /a HTTP/1.0\r\n" + kHost + "\r\nGET /b HTTP/1.0\r\n" + kHost + "\r\n");
    EXPECT_EQ(read_answer(peer).body, "GET /a ");
    EXPECT_EQ(peer.read_all(), "");
  }
  RawPeer peer = connect();
  const std::string stay = kHost + "Connection: keep-alive\r\n\r\n";
  peer.send("GET /a HTTP/1.0\r\n" + stay + "GET /b HTTP/1.0\r\n" + stay);
  const Answer first = read_answer(peer);
  EXPECT_EQ(first.body, "GET /a ");
  EXPECT_NE(first.head.find("Connection: keep-alive\r\n"), std::string::npos) << first.head;
  EXPECT_EQ(read_answer(peer).body, "GET /b ");
}

TEST_F(ServerAtTheBoundary, ClosesWhenTheClientSaysSo) {
  open_echo();
  for (const std::string_view line : {"Connection: close", "connection: CLOSE",
                                      "Connection: x, close", "Connection: keep-alive, close"}) {
    SCOPED_TRACE(line);
    RawPeer peer = connect();
    peer.send(get_with(line) + kGet);
    const Answer answer = read_answer(peer);
    EXPECT_EQ(answer.status, 200);
    EXPECT_NE(answer.head.find("Connection: close\r\n"), std::string::npos) << answer.head;
    EXPECT_EQ(peer.read_all(), "");
  }
}

TEST_F(ServerAtTheBoundary, HoldsBackASenderThatPipelinesWithoutEnd) {
  std::mutex mutex;
  std::promise<ReplyPtr> first;
  int handled = 0;
  open([&](http::Request, ReplyPtr reply) {
    const std::lock_guard lock(mutex);
    if (++handled == 1) return first.set_value(std::move(reply));
    reply->respond(http::Response::text(std::to_string(handled)));
  });
  RawPeer peer = connect();
  const std::string request = get_with("X: " + std::string(8000, 'x'));
  ASSERT_TRUE(peer.send(request));
  auto held = first.get_future();
  ASSERT_TRUE(arrives(held));
  const ReplyPtr reply = held.get();
  // What fits into the kernel's buffers and the door's is some megabytes.
  constexpr std::size_t kFarTooMuch = 64 * 1024 * 1024;
  std::size_t sent = 0;
  std::size_t left = 0;
  while (sent < kFarTooMuch) {
    const std::size_t part = peer.send_what_fits(std::string_view(request).substr(left));
    if (part == 0) break;
    sent += part;
    left = (left + part) % request.size();
  }
  EXPECT_LT(sent, kFarTooMuch);
  reply->respond(http::Response::text("1"));
  EXPECT_EQ(read_answer(peer).body, "1");
  for (std::size_t i = 2; i <= sent / request.size() + 1; ++i) {
    ASSERT_EQ(read_answer(peer).body, std::to_string(i));
  }
  door_.reset();
}

TEST_F(ServerAtTheBoundary, InvitesABodyOnlyWhereThatHelps) {
  open_echo({.body_bytes = 10});
  const std::string expecting = kPost + "Expect: 100-Continue\r\n";
  {
    RawPeer peer = connect();
    peer.send(expecting + "Content-Length: 2\r\n\r\n");
    EXPECT_EQ(peer.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    peer.send("hi" + kGet);
    EXPECT_EQ(read_answer(peer).body, "POST / hi");
    EXPECT_EQ(read_answer(peer).body, "GET / ");
  }
  {
    RawPeer peer = connect();
    peer.send(expecting + "Transfer-Encoding: chunked\r\n\r\n");
    EXPECT_EQ(peer.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    peer.send("2\r\nhi\r\n0\r\n\r\n");
    EXPECT_EQ(read_answer(peer).body, "POST / hi");
  }
  EXPECT_EQ(answer_to(expecting + "Content-Length: 2\r\n\r\nhi").status, 200)
      << "9110 10.1.1: the body is there already";
  EXPECT_EQ(answer_to(expecting + "Content-Length: 0\r\n\r\n").status, 200)
      << "9110 10.1.1: there is no body";
  EXPECT_EQ(answer_to(expecting + "Content-Length: 11\r\n\r\n").status, 413)
      << "9110 10.1.1: the final status instead of an invitation";
  RawPeer old = connect();
  old.send("POST / HTTP/1.0\r\n" + kHost + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  old.send("hi");
  EXPECT_EQ(read_answer(old).status, 200) << "9110 10.1.1: HTTP/1.0 knows no invitations";
}

TEST_F(ServerAtTheBoundary, ReadsNoBodyBeforeItsInvitationHasLeft) {
  std::promise<ReplyPtr> first;
  open([&](http::Request request, ReplyPtr reply) {
    if (request.path == "/first") return first.set_value(std::move(reply));
    ++handled_;
    reply->respond(http::Response::text(request.path + " " + request.body));
  });
  for (const auto& [framing, body, status, answer] :
       {std::tuple{"Content-Length: 5", "hello", 200, "/second hello"},
        std::tuple{"Transfer-Encoding: chunked", "zz\r\n", 400, ""}}) {
    SCOPED_TRACE(framing);
    first = {};
    handled_ = 0;
    RawPeer peer = connect();
    peer.send("GET /first HTTP/1.1\r\n" + kHost + "\r\n");
    auto held = first.get_future();
    ASSERT_TRUE(arrives(held));
    ReplyPtr reply = held.get();
    // While the handler works the client is listened to, and still is when its invitation waits.
    peer.send(fmt::format("POST /second HTTP/1.1\r\n{}Expect: 100-continue\r\n{}\r\n\r\n", kHost,
                          framing));
    settle(loop_);
    std::promise<std::size_t> filled;
    loop_.post([&] {
      reply->respond(http::Response::text("first"));
      loop_.post([&] { filled.set_value(stuff(other_end(peer.handle()))); });
    });
    const std::size_t stuffed = filled.get_future().get();
    settle(loop_);
    peer.send(body + "GET /third HTTP/1.1\r\n"s + kHost + "\r\n");
    settle(loop_);
    EXPECT_EQ(handled_, 0);
    EXPECT_EQ(read_answer(peer).body, "first");
    ASSERT_EQ(peer.read_bytes(stuffed).size(), stuffed);
    EXPECT_EQ(peer.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    const Answer second = read_answer(peer);
    EXPECT_EQ(second.status, status);
    if (status != 200) continue;
    EXPECT_EQ(second.body, answer);
    EXPECT_EQ(read_answer(peer).body, "/third ");
  }
}

TEST_F(ServerAtTheBoundary, ClosesInStagesSoThatNoResetDestroysTheLastAnswer) {
  // More than the client's kernel takes: the rest is with the door's when the door closes.
  const std::string big(512 * 1024, 'b');
  std::promise<ReplyPtr> first;
  open([&](http::Request, ReplyPtr reply) { first.set_value(std::move(reply)); });
  for (const auto& [line, ahead, drains] :
       {std::tuple{"Connection: close", 0, false}, std::tuple{"Connection: close", 200'000, false},
        std::tuple{"X: y", 0, true}}) {
    SCOPED_TRACE(fmt::format("9.6: {} {}", line, ahead));
    first = {};
    RawPeer peer = connect();
    peer.send(get_with(line) + std::string(static_cast<std::size_t>(ahead), 'a'));
    auto held = first.get_future();
    ASSERT_TRUE(arrives(held));
    std::jthread drain;
    if (drains) {
      drain =
          std::jthread([&] { door_->drain(std::chrono::duration_cast<Milliseconds>(kPatience)); });
      while (RawPeer::connect_to(door_->port()).connected()) {
      }
    }
    held.get()->respond(http::Response::text(big));
    ASSERT_TRUE(peer.readable_within(20'000));
    settle(loop_);
    peer.send(kGet);
    settle(loop_);
    EXPECT_EQ(read_answer(peer).body.size(), big.size());
    EXPECT_EQ(peer.read_all(), "");
  }
}

TEST_F(ServerAtTheBoundary, SendsNoBodyWhereNoneMayBe) {
  open([](http::Request request, ReplyPtr reply) {
    const int status = std::stoi(request.path.substr(1));
    if (request.query.contains("stream")) {
      reply->begin(status, {});
      reply->write("abc");
      return reply->end(http::Reply::Ending::Complete);
    }
    reply->respond(http::Response::text("abc", status));
  });
  struct Case {
    std::string_view method;
    std::string_view target;
    bool has_length;
  };
  for (const auto& [method, target, has_length] :
       {Case{"HEAD", "/200", true}, Case{"HEAD", "/404", true}, Case{"HEAD", "/200?stream", false},
        Case{"GET", "/204", false}, Case{"GET", "/304", false}, Case{"GET", "/204?stream", false},
        Case{"GET", "/304?stream", false}, Case{"HEAD", "/204", false}}) {
    SCOPED_TRACE(fmt::format("{} {}", method, target));
    RawPeer peer = connect();
    peer.send(fmt::format("{} {} HTTP/1.1\r\n{}\r\n", method, target, kHost));
    const std::string head = peer.read_until("\r\n\r\n");
    EXPECT_TRUE(head.starts_with(fmt::format("HTTP/1.1 {}", target.substr(1, 3)))) << head;
    EXPECT_EQ(head.find("Content-Length: 3\r\n") != std::string::npos, has_length) << head;
    if (method == "GET") {
      EXPECT_EQ(head.find("Transfer-Encoding"), std::string::npos) << head;
    }
    // The next answer follows at once.
    peer.send("GET /200 HTTP/1.1\r\n" + kHost + "\r\n");
    const Answer next = read_answer(peer);
    EXPECT_EQ(next.status, 200) << next.head;
    EXPECT_EQ(next.body, "abc");
  }
}

TEST_F(ServerAtTheBoundary, GivesUpOnSendersThatDripHeadOrBody) {
  open_echo({.header_timeout = Milliseconds(40), .body_timeout = Milliseconds(40)});
  for (const std::string& begin :
       {"GET / HTTP/1.1\r\n" + kHost + "X: "s, kPost + "Content-Length: 100000\r\n\r\n",
        kChunked + "ffff\r\n"}) {
    SCOPED_TRACE(shown(begin));
    RawPeer peer = connect();
    ASSERT_TRUE(peer.send(begin));
    // Never silent for long, and never done.
    while (!peer.readable_within(5) && peer.send("x")) {
    }
    EXPECT_EQ(read_answer(peer).status, 408);
  }
  EXPECT_EQ(handled_, 0);
}

class ClientAtTheBoundary : public ::testing::Test {
 protected:
  ClientRequest request(std::string url, http::Method method = http::Method::Get) const {
    ClientRequest request;
    request.url = std::move(url);
    request.method = method;
    return request;
  }
  // What fetch() makes of a server that says `bytes` and closes.
  Result<http::Response> told(std::string_view bytes, http::Method method = http::Method::Get) {
    RawServer server;
    auto answer = std::async(std::launch::async,
                             [&] { return client_.fetch(request(server.url(), method)); });
    {
      RawPeer peer = server.accept();
      peer.read_until("\r\n\r\n");
      peer.send(bytes);
    }
    return answer.get();
  }

  Loop loop_;
  Client client_{loop_, {}};
};

const std::string kOk = "HTTP/1.1 200 OK\r\n";

TEST_F(ClientAtTheBoundary, RefusesMalformedResponses) {
  const std::string chunked = kOk + "Transfer-Encoding: chunked\r\n\r\n";
  const std::vector<std::pair<std::string_view, std::string>> cases{
      {"4: no HTTP", "SSH-2.0-OpenSSH\r\n\r\n"},
      {"4: lower case", "http/1.1 200 OK\r\n\r\n"},
      {"4: HTTP/2", "HTTP/2.0 200 OK\r\n\r\n"},
      {"4: no status", "HTTP/1.1 OK\r\n\r\n"},
      {"4: two digits", "HTTP/1.1 20 OK\r\n\r\n"},
      {"4: four digits", "HTTP/1.1 2000 OK\r\n\r\n"},
      {"4: not digits", "HTTP/1.1 2x0 OK\r\n\r\n"},
      {"4: two spaces", "HTTP/1.1  200 OK\r\n\r\n"},
      {"4: NUL in the reason", "HTTP/1.1 200 O\0K\r\n\r\n"s},
      {"4: below 100", "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n"},
      {"2.2: LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"},
      {"2.2: CR inside a value", kOk + "X: a\rb\r\n\r\n"},
      {"5.1: a space before the colon", kOk + "Content-Length : 0\r\n\r\n"},
      {"5.1: no colon", kOk + "no colon\r\n\r\n"},
      {"9110 5.5: NUL in a value", kOk + "X: a\0b\r\n\r\n"s},
      {"6.1: both lengths", kOk + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {"6.1: both, the other way round",
       kOk + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"},
      {"6.2: two lengths", kOk + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"},
      {"6.2: a sign", kOk + "Content-Length: +1\r\n\r\na"},
      {"6.2: over 64 bits", kOk + "Content-Length: 18446744073709551617\r\n\r\na"},
      {"7.1: no size", chunked + "\r\n"},
      {"7.1: a size over 64 bits", chunked + "10000000000000001\r\na\r\n0\r\n\r\n"},
      {"7.1: nothing behind the data", chunked + "1\r\na0\r\n\r\n"},
      {"7.1.1: an extension without end", chunked + "1;" + std::string(200'000, 'x')},
      {"5: a line without end", kOk + "X: " + std::string(200'000, 'x')},
      {"5: lines without end",
       [] {
         std::string text = kOk;
         while (text.size() < 200'000) text += "A: 0123456\r\n";
         return text;
       }()},
      {"7.1.2: trailers without end",
       [&] {
         std::string text = chunked + "0\r\n";
         while (text.size() < 200'000) text += "A: 0123456\r\n";
         return text;
       }()},
      {"9110 15.2.2: a change of protocol that nobody asked for",
       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + kOk + "\r\n"},
      {"7.1.1: extensions without end",
       [&] {
         std::string text = chunked;
         while (text.size() < 200'000) text += "1;" + std::string(500, 'x') + "\r\na\r\n";
         return text;
       }()},
  };
  for (const auto& [why, bytes] : cases) {
    SCOPED_TRACE(fmt::format("{}: {}", why, shown(bytes)));
    const auto response = told(bytes);
    ASSERT_FALSE(response.ok());
    EXPECT_EQ(response.error().code, Code::Unavailable);
    EXPECT_NE(response.error().message.find("malformed"), std::string::npos)
        << response.error().message;
  }
}

TEST_F(ClientAtTheBoundary, ReadsEveryCleanResponse) {
  struct Case {
    std::string_view why;
    std::string bytes;
    std::string body;
    int status = 200;
    http::Method method = http::Method::Get;
  };
  const std::string chunked = kOk + "Transfer-Encoding: chunked\r\n\r\n";
  const std::vector<Case> cases{
      {"4: an empty reason", "HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\na", "a"},
      {"4: a reason in another script",
       "HTTP/1.1 200 \xc3\xa9t\xc3\xa9\r\nContent-Length: 1\r\n\r\na", "a"},
      {"4: a status of no registry", "HTTP/1.1 299 X\r\nContent-Length: 1\r\n\r\na", "a", 299},
      {"6.3: until the close", kOk + "\r\nabc", "abc"},
      {"6.3: until the close, HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nabc", "abc"},
      {"6.3: nothing until the close", kOk + "\r\n", ""},
      {"6.3: 204 has no body", "HTTP/1.1 204 No Content\r\n\r\nabc", "", 204},
      {"6.3: 304 has no body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", "", 304},
      {"6.3: HEAD has no body", kOk + "Content-Length: 3\r\n\r\n", "", 200, http::Method::Head},
      {"6.3: HEAD has no chunks", chunked, "", 200, http::Method::Head},
      {"7.1: chunks", chunked + "3;x=\"y\"\r\nabc\r\nA\r\n0123456789\r\n0\r\nX: 1\r\n\r\n",
       "abc0123456789"},
      {"9110 15.2: interim answers",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + kOk +
           "Content-Length: 1\r\n\r\na",
       "a"},
      {"5.2: a folded line is one line", kOk + "X: a\r\n b\r\nContent-Length: 1\r\n\r\na", "a"},
  };
  for (const auto& [why, bytes, body, status, method] : cases) {
    SCOPED_TRACE(fmt::format("{}: {}", why, shown(bytes)));
    const auto response = told(bytes, method);
    ASSERT_TRUE(response.ok()) << response.error().message;
    EXPECT_EQ(response.value().status, status);
    EXPECT_EQ(response.value().body, body);
    EXPECT_EQ(response.value().headers.get("Link"), std::nullopt) << "a line of an interim answer";
  }
}

TEST_F(ClientAtTheBoundary, ReadsChunkedBodiesByteByByte) {
  for (const auto& [chunks, body] : std::vector<std::pair<std::string, std::string>>{
           {"0\r\n\r\n", ""},
           {"0\r\nX: 1\r\n\r\n", ""},
           {"1\r\n0\r\n0\r\n\r\n", "0"},
           {"5\r\n0\r\n\r\n\r\n3;a\r\nabc\r\n0\r\nX: 1\r\n\r\n", "0\r\n\r\nabc"},
       }) {
    SCOPED_TRACE(shown(chunks));
    RawServer server;
    auto answer =
        std::async(std::launch::async, [&] { return client_.fetch(request(server.url())); });
    RawPeer peer = server.accept();
    peer.read_until("\r\n\r\n");
    drip(peer, loop_, kOk + "Transfer-Encoding: chunked\r\n\r\n" + chunks);
    const auto response = answer.get();
    ASSERT_TRUE(response.ok()) << response.error().message;
    EXPECT_EQ(response.value().body, body);
  }
}

TEST_F(ClientAtTheBoundary, SaysThatAResponseWasCut) {
  const std::string chunked = kOk + "Transfer-Encoding: chunked\r\n\r\n";
  const std::vector<std::pair<std::string, std::string_view>> cases{
      {"", "before an answer"},
      {"HTTP/1.1 20", "before an answer"},
      {kOk + "Content-Length: 3\r\n", "before an answer"},
      {"HTTP/1.1 100 Continue\r\n\r\n", "before an answer"},
      {kOk + "Content-Length: 3\r\n\r\nab", "cut after 2"},
      {chunked, "cut after 0"},
      {chunked + "3\r\nab", "cut after 2"},
      {chunked + "3\r\nabc", "cut after 3"},
      {chunked + "3\r\nabc\r\n", "cut after 3"},
      {chunked + "3\r\nabc\r\n0\r\n", "cut after 3"},
      {chunked + "3\r\nabc\r\n0\r\nX: 1\r\n", "cut after 3"},
  };
  for (const auto& [bytes, part] : cases) {
    SCOPED_TRACE(shown(bytes));
    const auto response = told(bytes);
    ASSERT_FALSE(response.ok());
    EXPECT_EQ(response.error().code, Code::Unavailable);
    EXPECT_NE(response.error().message.find(part), std::string::npos) << response.error().message;
  }
}

TEST_F(ClientAtTheBoundary, DoesNotReuseAConnectionWhoseEndIsUnclear) {
  for (const std::string& bytes :
       {kOk + "Content-Length: 1\r\n\r\na" + kOk + "Content-Length: 1\r\n\r\nb",
        kOk + "Content-Length: 1\r\nConnection: close\r\n\r\na",
        "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na"s}) {
    SCOPED_TRACE(shown(bytes));
    RawServer server;
    auto answers = std::async(std::launch::async, [&] {
      const auto first = client_.fetch(request(server.url()));
      const auto second = client_.fetch(request(server.url()));
      return (first ? first.value().body : first.error().message) +
             (second ? second.value().body : second.error().message);
    });
    RawPeer first = server.accept();
    first.read_until("\r\n\r\n");
    first.send(bytes);
    RawPeer second = server.accept();
    second.read_until("\r\n\r\n");
    second.send(kOk + "Content-Length: 1\r\n\r\nc");
    EXPECT_EQ(answers.get(), "ac");
    EXPECT_EQ(first.read_all(), "");
  }
}

TEST_F(ClientAtTheBoundary, ReusesAConnectionAfterAnswersWithoutABody) {
  RawServer server;
  auto answers = std::async(std::launch::async, [&] {
    std::string statuses;
    for (const auto method : {http::Method::Get, http::Method::Get, http::Method::Head,
                              http::Method::Head, http::Method::Delete}) {
      const auto response = client_.fetch(request(server.url(), method));
      statuses += response ? std::to_string(response.value().status) : response.error().message;
    }
    return statuses;
  });
  RawPeer only = server.accept();
  for (const std::string& bytes : {"HTTP/1.1 204 No Content\r\n\r\n"s,
                                   "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"s,
                                   "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"s,
                                   "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
                                   "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"s,
                                   "HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n"s}) {
    only.read_until("\r\n\r\n");
    only.send(bytes);
  }
  EXPECT_EQ(answers.get(), "204304200200404");
}

TEST_F(ClientAtTheBoundary, BoundsInterimAnswersByTheFirstByteTimeout) {
  RawServer server;
  ClientRequest asked = request(server.url());
  asked.first_byte_timeout = Milliseconds(40);
  auto answer = std::async(std::launch::async, [&] { return client_.fetch(asked); });
  RawPeer peer = server.accept();
  peer.read_until("\r\n\r\n");
  while (!peer.readable_within(1) && peer.send("HTTP/1.1 100 Continue\r\n\r\n")) {
  }
  const auto response = answer.get();
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, Code::DeadlineExceeded);
}

}  // namespace
}  // namespace net::rfc9112
