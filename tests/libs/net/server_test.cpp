#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "libs/net/raw_peer.h"
#include "net/net.h"
#include "telemetry/log.h"

namespace net {
namespace {

using Reply = std::shared_ptr<http::Reply>;

// A door on a loop of its own. What a test's handler does is given per test.
class Server : public ::testing::Test {
 protected:
  void open(http::Handler handler, http::ServerLimits limits = {}) {
    auto door = listen(loop_, {.bind = "127.0.0.1", .port = 0, .limits = limits, .hosts = {}},
                       std::move(handler));
    ASSERT_TRUE(door.ok()) << door.error().message;
    door_ = std::move(door).value();
  }
  // Answers every request with its method, path and body.
  void open_echo(http::ServerLimits limits = {}) {
    open(
        [this](http::Request request, Reply reply) {
          ++handled_;
          reply->respond(http::Response::text(
              fmt::format("{} {} {}", name(request.method), request.path, request.body)));
        },
        limits);
  }
  // Hands each reply to the test.
  void open_held(http::ServerLimits limits = {}) {
    open([this](http::Request, Reply reply) { held_.set_value(std::move(reply)); }, limits);
  }
  Reply held() {
    auto future = held_.get_future();
    EXPECT_TRUE(arrives(future));
    return future.get();
  }
  RawPeer connect() const { return RawPeer::connect_to(door_->port()); }
  // Says `bytes` on a fresh connection and returns all that comes until it is closed.
  std::string told(std::string_view bytes) const {
    RawPeer peer = connect();
    peer.send(bytes);
    return peer.read_all();
  }

  std::atomic<int> handled_ = 0;
  std::promise<Reply> held_;
  Loop loop_;
  std::unique_ptr<http::Server> door_;
};

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n";

int status_of(std::string_view answer) {
  if (!answer.starts_with("HTTP/1.1 ")) return 0;
  return std::stoi(std::string(answer.substr(9, 3)));
}

TEST_F(Server, AnswersRequestsOfOneConnectionInTurn) {
  open_echo();
  RawPeer peer = connect();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(
        peer.send("POST /a%20b?c HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi"));
    const std::string head = peer.read_until("\r\n\r\n");
    EXPECT_EQ(status_of(head), 200);
    EXPECT_NE(head.find("Content-Length: 12\r\n"), std::string::npos) << head;
    EXPECT_NE(head.find("Date: "), std::string::npos);
    EXPECT_EQ(peer.read_bytes(12), "POST /a b hi");
  }
}

TEST_F(Server, AnswersPipelinedRequestsInOrder) {
  open_echo();
  RawPeer peer = connect();
  std::string all;
  for (int i = 0; i < 500; ++i) {
    all += fmt::format(
        "POST /{} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n0\r\n\r\n",
        i);
  }
  ASSERT_TRUE(peer.send(all));
  for (int i = 0; i < 500; ++i) {
    peer.read_until("\r\n\r\n");
    const std::string expected = fmt::format("POST /{} abc", i);
    ASSERT_EQ(peer.read_bytes(expected.size()), expected);
  }
}

TEST_F(Server, AnswersPipelinedRequestsInOrderWhenAnswersComeLateFromOtherThreads) {
  std::vector<std::jthread> workers;
  open([&](http::Request request, Reply reply) {
    workers.emplace_back([path = request.path, reply] {
      reply->begin(200, {});
      reply->write(path);
      reply->end(http::Reply::Ending::Complete);
    });
  });
  RawPeer peer = connect();
  std::string all;
  for (int i = 100; i < 200; ++i)
    all += fmt::format("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", i);
  ASSERT_TRUE(peer.send(all));
  for (int i = 100; i < 200; ++i) {
    peer.read_until("\r\n\r\n");
    ASSERT_EQ(peer.read_until("0\r\n\r\n"), fmt::format("4\r\n/{}\r\n0\r\n\r\n", i));
  }
  door_.reset();
}

TEST_F(Server, AcceptsARequestByteByByte) {
  open_echo();
  RawPeer peer = connect();
  for (const char c :
       std::string_view("\r\nPUT /x HTTP/1.1\r\nhost: LOCALHOST\r\nTransfer-Encoding: "
                        "chunked\r\n\r\n3;ext=1\r\nabc\r\n1\r\nd\r\n0\r\nT: 1\r\n\r\n")) {
    ASSERT_TRUE(peer.send({&c, 1}));
  }
  peer.read_until("\r\n\r\n");
  EXPECT_EQ(peer.read_bytes(11), "PUT /x abcd");
}

TEST_F(Server, SendsNoBodyToHeadAndNoLengthWith204) {
  open([](http::Request request, Reply reply) {
    reply->respond(request.method == http::Method::Head ? http::Response::text("12345")
                                                        : http::Response{204, {}, {}});
  });
  RawPeer peer = connect();
  peer.send("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_NE(peer.read_until("\r\n\r\n").find("Content-Length: 5\r\n"), std::string::npos);
  const std::string second = peer.read_until("\r\n\r\n");
  EXPECT_EQ(status_of(second), 204);
  EXPECT_EQ(second.find("Content-Length"), std::string::npos);
}

TEST_F(Server, SpeaksHttp10WithoutChunks) {
  open([](http::Request, Reply reply) {
    reply->begin(200, {});
    reply->write("abc");
    reply->write("def");
    reply->end(http::Reply::Ending::Complete);
  });
  const std::string answer = told("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("\r\n\r\nabcdef")) << answer;
  EXPECT_EQ(answer.find("Transfer-Encoding"), std::string::npos);
}

TEST_F(Server, InvitesABodyThatWasAnnounced) {
  open_echo();
  RawPeer peer = connect();
  peer.send(
      "POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(peer.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  peer.send("hi");
  EXPECT_EQ(status_of(peer.read_until("\r\n\r\n")), 200);
  EXPECT_EQ(peer.read_bytes(9), "POST / hi");
}

TEST_F(Server, Answers500WhenTheReplyIsDroppedOrTheHandlerThrows) {
  open([](http::Request request, Reply) {
    if (request.path == "/throw") throw std::runtime_error("bug");
  });
  RawPeer peer = connect();
  peer.send("GET /drop HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const std::string head = peer.read_until("\r\n\r\n");
  EXPECT_EQ(status_of(head), 500);
  EXPECT_TRUE(peer.read_until("}}").starts_with(R"({"error":{"code":"internal")"));
  peer.send("GET /throw HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(status_of(peer.read_until("\r\n\r\n")), 500);
}

TEST_F(Server, CutsAStreamWhoseReplyIsDropped) {
  open([](http::Request, Reply reply) {
    reply->begin(200, {});
    reply->write("abc");
  });
  EXPECT_TRUE(told(kGet).ends_with("\r\n\r\n3\r\nabc\r\n"));
}

TEST_F(Server, RefusesAmbiguousAndMalformedRequests) {
  open_echo();
  const std::string host = "Host: localhost\r\n";
  const std::string post = "POST / HTTP/1.1\r\n" + host;
  const std::vector<std::pair<std::string, int>> cases{
      {post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400},
      {post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
      {post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
      {post + "Content-Length: 3, 3\r\n\r\nabc", 400},
      {post + "Content-Length: +3\r\n\r\nabc", 400},
      {post + "Content-Length: -1\r\n\r\n", 400},
      {post + "Content-Length: 0x3\r\n\r\nabc", 400},
      {post + "Content-Length: \r\n\r\n", 400},
      {post + "Content-Length: 99999999999999999999\r\n\r\n", 400},
      {post + "Transfer-Encoding: gzip\r\n\r\nabc", 400},
      {post + "Transfer-Encoding: identity\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400},
      {post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400},
      {post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\nz\r\nabc\r\n0\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + host + "\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421},
      {"GET / HTTP/1.1\r\n" + host + "Origin: http://evil.example\r\n\r\n", 403},
      {"GET / HTTP/1.1\r\n" + host + "X: a\rb\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "X: a\nY: b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + std::string("X: a\0b\r\n\r\n", 10), 400},
      {"GET / HTTP/1.1\r\n" + host + "no colon\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + ": no name\r\n\r\n", 400},
      {"GET  / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET / HTTP/1.1 \r\n" + host + "\r\n", 400},
      {"GET /\r\n" + host + "\r\n", 400},
      {"GET / HTTP/2.0\r\n" + host + "\r\n", 505},
      {"GET /%zz HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET nowhere HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET http://evil.example/ HTTP/1.1\r\n" + host + "\r\n", 421},
      {"BREW / HTTP/1.1\r\n" + host + "\r\n", 501},
      {"CONNECT localhost:80 HTTP/1.1\r\n" + host + "\r\n", 501},
      {post + "Expect: a-miracle\r\nContent-Length: 1\r\n\r\na", 417},
      {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + "\r\n\r\n", 400},
  };
  for (const auto& [request, status] : cases) {
    // Whatever hides behind it must not be taken for a request.
    const std::string answer = told(request + "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_EQ(status_of(answer), status) << request << "\n-> " << answer;
    EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos) << request;
    EXPECT_NE(answer.find(R"({"error":{"code":")"), std::string::npos) << request;
    EXPECT_EQ(answer.find("smuggled"), std::string::npos) << request;
  }
  EXPECT_EQ(handled_, 0);
}

TEST_F(Server, DropsTrailersInsteadOfTrustingThem) {
  std::promise<bool> seen;
  open([&](http::Request request, Reply reply) {
    seen.set_value(request.headers.get("X-Admin").has_value());
    reply->respond({});
  });
  RawPeer peer = connect();
  peer.send(
      "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
      "1\r\na\r\n0\r\nX-Admin: 1\r\n\r\n");
  auto future = seen.get_future();
  ASSERT_TRUE(arrives(future));
  EXPECT_FALSE(future.get());
}

TEST_F(Server, RefusesALongHeaderHoweverItIsSplit) {
  open_echo();
  const std::string begin = "GET / HTTP/1.1\r\nHost: localhost\r\n";
  EXPECT_EQ(status_of(told(begin + "X: " + std::string(20'000, 'a') + "\r\n\r\n")), 431);
  EXPECT_EQ(status_of(told("GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\n\r\n")), 414);
  RawPeer peer = connect();
  peer.send(begin);
  // Short lines in small pieces: no single line is over the limit.
  for (int i = 0; i < 2000 && peer.send("A: 0123456\r\n"); ++i) {
  }
  EXPECT_EQ(status_of(peer.read_all()), 431);
  EXPECT_EQ(handled_, 0);
}

TEST_F(Server, RefusesABodyOverTheLimitByLengthAndByChunks) {
  open_echo({.body_bytes = 10});
  const std::string post = "POST / HTTP/1.1\r\nHost: localhost\r\n";
  for (const std::string& request :
       {post + "Content-Length: 11\r\n\r\n", post + "Content-Length: 11\r\n\r\nabcdefghijk",
        post + "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n6\r\nfghijk\r\n0\r\n\r\n",
        post + "Transfer-Encoding: chunked\r\n\r\nb\r\n"}) {
    RawPeer peer = connect();
    peer.send(request);
    const std::string head = peer.read_until("\r\n\r\n");
    EXPECT_EQ(status_of(head), 413) << request;
    EXPECT_TRUE(peer.read_until("}}").starts_with(R"({"error":{"code":"too_large")")) << request;
  }
  EXPECT_EQ(handled_, 0);
  RawPeer peer = connect();
  peer.send(post + "Content-Length: 10\r\n\r\nabcdefghij");
  EXPECT_EQ(status_of(peer.read_until("\r\n\r\n")), 200);
}

TEST_F(Server, RefusesAHundredMegabytesWithoutHoldingThem) {
  open_echo();
  const auto peak_kb = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const std::string megabyte(1024 * 1024, 'x');
  const std::string post = "POST / HTTP/1.1\r\nHost: localhost\r\n";
  const long before = peak_kb();
  for (const bool chunked : {true, false}) {
    RawPeer peer = connect();
    peer.send(post + (chunked ? "Transfer-Encoding: chunked\r\n\r\n"
                              : "Content-Length: 104857600\r\n\r\n"));
    const std::string piece = chunked ? "100000\r\n" + megabyte + "\r\n" : megabyte;
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(peer.send(piece));
    peer.half_close();
    EXPECT_EQ(status_of(peer.read_all()), 413);
  }
  EXPECT_LT(peak_kb() - before, 8 * 1024);
}

TEST_F(Server, RefusesALongChunkExtension) {
  open_echo();
  EXPECT_EQ(
      status_of(told("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "1;" +
                     std::string(200'000, 'a'))),
      431);
}

TEST_F(Server, TellsTheHandlerThatItsClientHasGone) {
  open_held();
  RawPeer peer = connect();
  peer.send(kGet);
  const Reply reply = held();
  EXPECT_FALSE(reply->gone());
  std::promise<void> gone;
  reply->on_gone([&] { gone.set_value(); });
  peer.close();
  auto future = gone.get_future();
  ASSERT_TRUE(arrives(future));
  EXPECT_TRUE(reply->gone());
  reply->begin(200, {});
  EXPECT_FALSE(reply->write("nobody listens"));
  bool told_at_once = false;
  reply->on_gone([&] { told_at_once = true; });
  EXPECT_TRUE(told_at_once);
}

TEST_F(Server, TellsTheHandlerThatAClientThatSaidFarTooMuchHasGone) {
  open_held();
  RawPeer peer = connect();
  peer.send(std::string(kGet) + std::string(80'000, 'x'));
  const Reply reply = held();
  settle(loop_);  // it is not listened to any more
  std::promise<void> gone;
  reply->on_gone([&] { gone.set_value(); });
  peer.half_close();
  auto future = gone.get_future();
  ASSERT_TRUE(arrives(future));
  reply->respond(http::Response::text("late"));
  EXPECT_TRUE(peer.read_until("late").ends_with("late"));  // it may have closed its half only
}

TEST_F(Server, OutlivesACallbackThatThrowsWhenItsClientHasGone) {
  open([this](http::Request request, Reply reply) {
    if (request.path == "/b") return reply->respond(http::Response::text("still here"));
    reply->on_gone([] { throw std::runtime_error("gone wrong"); });
    held_.set_value(std::move(reply));
  });
  RawPeer peer = connect();
  peer.send(kGet);
  const Reply reply = held();
  peer.close();
  EXPECT_TRUE(told("GET /b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                  .ends_with("still here"));
  door_.reset();
  EXPECT_TRUE(reply->gone());
}

TEST_F(Server, SeesAClientGoneInTheMiddleOfAStream) {
  open_held();
  RawPeer peer = connect();
  peer.send(kGet);
  const Reply reply = held();
  std::promise<void> gone;
  reply->on_gone([&] { gone.set_value(); });
  reply->begin(200, {});
  ASSERT_TRUE(reply->write("first"));
  peer.read_until("first");
  peer.reset();
  auto future = gone.get_future();
  ASSERT_TRUE(arrives(future));
  EXPECT_FALSE(reply->write("second"));
}

TEST_F(Server, StillAnswersAClientThatClosedItsHalf) {
  open_held();
  RawPeer peer = connect();
  peer.send(kGet);
  peer.half_close();
  held()->respond(http::Response::text("late"));
  EXPECT_TRUE(peer.read_all().ends_with("late"));
}

TEST_F(Server, StopsAStreamWhoseReaderIsTooSlow) {
  open_held({.send_queue_bytes = 256 * 1024});
  RawPeer peer = connect();
  peer.send(kGet);
  const Reply reply = held();
  std::promise<void> gone;
  reply->on_gone([&] { gone.set_value(); });
  reply->begin(200, {});
  const std::string piece(64 * 1024, 'x');
  // Far more than the kernel's own buffers take.
  int written = 0;
  while (written < 10'000 && reply->write(piece)) ++written;
  EXPECT_LT(written, 10'000);
  auto future = gone.get_future();
  EXPECT_TRUE(arrives(future));
  EXPECT_FALSE(peer.read_all().ends_with("0\r\n\r\n"));
}

TEST_F(Server, CutsAStreamWhenToldTo) {
  open([](http::Request, Reply reply) {
    reply->begin(200, {{"Content-Type", "text/event-stream"}});
    EXPECT_TRUE(reply->write("data: 1\n\n"));
    reply->end(http::Reply::Ending::Cut);
  });
  EXPECT_TRUE(told(kGet).ends_with("9\r\ndata: 1\n\n\r\n"));
}

TEST_F(Server, ClosesClientsThatTakeTooLong) {
  open_echo({.header_timeout = Milliseconds(30),
             .body_timeout = Milliseconds(30),
             .idle_timeout = Milliseconds(30)});
  EXPECT_EQ(told(""), "");  // silent: nothing to answer
  EXPECT_EQ(status_of(told("GET / HTTP/1.1\r\nHost: lo")), 408);
  EXPECT_EQ(status_of(told("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab")),
            408);
  // A whole request, then silence: its answer, then the close.
  EXPECT_TRUE(told(kGet).ends_with("GET /a "));
}

TEST_F(Server, ClosesAClientThatDoesNotTakeItsAnswer) {
  open_held({.body_timeout = Milliseconds(30)});
  RawPeer peer = connect();
  peer.send(kGet);
  held()->respond(http::Response::text(std::string(64 * 1024 * 1024, 'x')));
  door_->drain(std::chrono::duration_cast<Milliseconds>(kPatience));
  EXPECT_LT(peer.read_all().size(), 64U * 1024 * 1024);
}

TEST_F(Server, RefusesConnectionsOverItsLimit) {
  open_echo({.connections = 2});
  RawPeer first = connect();
  RawPeer second = connect();
  for (RawPeer* peer : {&first, &second}) {
    peer->send(kGet);
    EXPECT_EQ(status_of(peer->read_until("\r\n\r\n")), 200);
  }
  EXPECT_EQ(status_of(connect().read_all()), 503);
  first.send(kGet);
  first.read_bytes(7);
  EXPECT_EQ(status_of(first.read_until("\r\n\r\n")), 200);
}

TEST_F(Server, StopsAStreamWhoseReaderStalls) {
  open_held({.body_timeout = Milliseconds(50)});
  RawPeer peer = connect();
  peer.send(kGet);
  const Reply reply = held();
  std::promise<void> gone;
  reply->on_gone([&] { gone.set_value(); });
  reply->begin(200, {});
  // One piece that no socket buffer takes whole, and nothing after it: only the clock can tell.
  ASSERT_TRUE(reply->write(std::string(64 * 1024 * 1024, 'x')));
  auto future = gone.get_future();
  EXPECT_TRUE(arrives(future));
  EXPECT_FALSE(reply->write("nobody listens"));
  EXPECT_LT(peer.read_all().size(), 64U * 1024 * 1024);
}

// What the process writes to stderr, for a while.
class ErrorOutput {
 public:
  ErrorOutput() : kept_(::dup(2)) {
    std::array<int, 2> ends;
    if (::pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
    read_ = ends[0];
    ::dup2(ends[1], 2);
    ::close(ends[1]);
  }
  ~ErrorOutput() {
    restore();
    ::close(read_);
  }
  ErrorOutput(const ErrorOutput&) = delete;
  ErrorOutput& operator=(const ErrorOutput&) = delete;

  void restore() {
    if (kept_ < 0) return;
    ::dup2(kept_, 2);
    ::close(std::exchange(kept_, -1));
  }
  // All that comes until `mark`, or until the end after restore().
  std::string read_until(std::string_view mark) {
    std::string seen;
    char byte = 0;
    while (!seen.ends_with(mark) && ::read(read_, &byte, 1) == 1) seen += byte;
    return seen;
  }
  std::string rest() { return read_until(std::string_view("\0never", 6)); }

 private:
  int kept_;
  int read_ = -1;
};

TEST_F(Server, WithoutDescriptorsSaysSoOnceAndRecovers) {
  open_echo();
  // One request and one log line before the starvation: what a sanitizer sees for the first time it
  // checks with descriptors of its own.
  const std::string whole = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  EXPECT_EQ(status_of(told(whole)), 200);
  std::promise<void> closed;  // the descriptor of that request, too
  loop_.post([&] { closed.set_value(); });
  closed.get_future().wait();
  const sockaddr_in address = loopback(door_->port());
  const int waiting = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ErrorOutput errors;
  telemetry::warn("soon without descriptors", {{"port", door_->port()}, {"reason", "a test"}});
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = ::dup(0);
  ::close(next);
  const rlimit none{.rlim_cur = static_cast<rlim_t>(next), .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  // The kernel shakes hands; the door cannot take what waits.
  EXPECT_EQ(::connect(waiting, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  RawPeer peer(waiting);
  peer.send(kGet);
  EXPECT_NE(errors.read_until("cannot accept connections"), "");
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(status_of(peer.read_until("\r\n\r\n")), 200);
  errors.restore();
  EXPECT_EQ(errors.rest().find("cannot accept connections"), std::string::npos);
  EXPECT_EQ(status_of(told(whole)), 200);
}

TEST_F(Server, DrainFinishesWhatIsInFlightAndClosesTheRest) {
  open_held();
  RawPeer idle = connect();
  RawPeer busy = connect();
  busy.send(kGet);
  const Reply reply = held();
  std::jthread drained([&] { door_->drain(std::chrono::duration_cast<Milliseconds>(kPatience)); });
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_FALSE(RawPeer::connect_to(door_->port()).connected());
  reply->respond(http::Response::text("done"));
  const std::string answer = busy.read_all();  // and is not waited for although it stays
  EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("done"));
}

TEST_F(Server, DestroyedWithRequestsInFlightTellsTheirRepliesAndIgnoresThem) {
  open_held();
  RawPeer peer = connect();
  peer.send(kGet);
  const Reply reply = held();
  std::atomic<bool> gone = false;
  reply->on_gone([&] { gone = true; });
  door_.reset();
  EXPECT_TRUE(gone);
  EXPECT_EQ(peer.read_all(), "");
  reply->respond(http::Response::text("too late"));
  EXPECT_TRUE(reply->gone());
}

TEST_F(Server, MayBeDestroyedOnItsLoop) {
  open_held();
  RawPeer peer = connect();
  peer.send(kGet);
  const Reply reply = held();
  std::promise<void> destroyed;
  loop_.post([&] {
    door_.reset();
    destroyed.set_value();
  });
  EXPECT_EQ(peer.read_all(), "");
  destroyed.get_future().wait();
}

TEST_F(Server, CannotOpenATakenPortOrABadAddress) {
  open_echo();
  const auto taken =
      listen(loop_, {.bind = "127.0.0.1", .port = door_->port(), .limits = {}, .hosts = {}}, {});
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().code, Code::Unavailable);
  const auto bad =
      listen(loop_, {.bind = "not an address", .port = 0, .limits = {}, .hosts = {}}, {});
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code, Code::InvalidArgument);
}

TEST(LoopThread, RunsTasksInOrderAndTimersUnlessTheirHandleIsDropped) {
  Loop loop;
  std::string order;
  std::promise<void> done;
  loop.post([&] { order += 'a'; });
  loop.post([&] {
    EXPECT_TRUE(loop.on_loop_thread());
    order += 'b';
  });
  auto dropped = loop.after(Milliseconds(1), [&] { order += 'x'; });
  dropped.reset();
  const auto kept = loop.after(Milliseconds(5), [&] {
    order += 'c';
    done.set_value();
  });
  auto future = done.get_future();
  ASSERT_TRUE(arrives(future));
  EXPECT_FALSE(loop.on_loop_thread());
  EXPECT_EQ(order, "abc");
}

}  // namespace
}  // namespace net
