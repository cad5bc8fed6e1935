#include "ops_http/ops_http.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "libs/ops_http/raw_client.h"

namespace ops_http {
namespace {

// Requests whose handler keeps the reply, for a test to answer.
class Kept {
 public:
  void add(std::shared_ptr<http::Reply> reply) {
    const std::lock_guard lock(mutex_);
    replies_.push_back(std::move(reply));
    added_.notify_one();
  }
  std::shared_ptr<http::Reply> take() {
    std::unique_lock lock(mutex_);
    if (!added_.wait_for(lock, std::chrono::seconds(10), [&] { return !replies_.empty(); })) {
      throw std::runtime_error("no request came");
    }
    auto reply = std::move(replies_.front());
    replies_.pop_front();
    return reply;
  }

 private:
  std::mutex mutex_;
  std::condition_variable added_;
  std::deque<std::shared_ptr<http::Reply>> replies_;
};

std::string described(const http::Request& request) {
  return fmt::format("{} {} q={} x={} peer={} body={}", name(request.method), request.path,
                     request.query.count("q") ? request.query.at("q") : "",
                     request.headers.get("X-Test").value_or(""), request.peer, request.body);
}

class OpsHttp : public testing::Test {
 protected:
  // Whatever still waits when a test fails must not keep the door open.
  void open(http::ServerLimits limits = {}) {
    auto opened = listen({.bind = "127.0.0.1", .port = 0, .limits = limits, .hosts = {"troupe"}},
                         [this](http::Request request, std::shared_ptr<http::Reply> reply) {
                           handle(std::move(request), std::move(reply));
                         });
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    door_ = std::move(opened).value();
  }

  void handle(http::Request request, std::shared_ptr<http::Reply> reply) {
    if (request.path == "/keep") return kept_.add(std::move(reply));
    if (request.path == "/drop") return;
    if (request.path == "/throw") throw std::runtime_error("lost my way");
    if (request.path == "/size") {
      return reply->respond(http::Response::text(std::to_string(request.body.size())));
    }
    if (request.path == "/empty") return reply->respond({.status = 204, .headers = {}, .body = {}});
    reply->respond(http::Response::text(described(request)));
  }

  RawClient client() const { return RawClient(door_->port()); }
  std::string exchange(const std::string& request) const {
    RawClient one = client();
    one.send(request);
    return one.read_answer();
  }

  Kept kept_;
  std::unique_ptr<http::Server> door_;
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string get(std::string_view path) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
}

std::string post(std::string_view path, std::string_view body) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}", path,
                     body.size(), body);
}

constexpr std::string_view kChunked = "Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";

TEST_F(OpsHttp, HandsOverMethodPathQueryHeadersPeerAndBody) {
  open();
  EXPECT_TRUE(
      has(exchange("POST /a%20b?q=1%2B1 HTTP/1.1\r\nHost: localhost\r\nX-Test: 100%25 %41\r\n"
                   "Content-Length: 5\r\n\r\nhello"),
          "POST /a b q=1+1 x=100%25 %41 peer=127.0.0.1 body=hello"));
}

TEST_F(OpsHttp, AnswersEveryMethodThroughTheOneHandler) {
  open();
  for (const std::string method : {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
    const auto answer = exchange(method + " /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_TRUE(has(answer, method + " /x")) << answer;
  }
}

TEST_F(OpsHttp, ServesManyRequestsOnOneConnectionAlsoWhenSentAtOnce) {
  open();
  RawClient one = client();
  for (int i = 0; i < 300; ++i) {
    one.send(get("/" + std::to_string(i)));
    EXPECT_TRUE(has(one.read_answer(), fmt::format("GET /{} ", i)));
  }
  one.send(post("/first", "1") + get("/second") + post("/third", "3"));
  EXPECT_TRUE(has(one.read_answer(), "/first q= x= peer=127.0.0.1 body=1"));
  EXPECT_TRUE(has(one.read_answer(), "/second"));
  EXPECT_TRUE(has(one.read_answer(), "body=3"));
}

TEST_F(OpsHttp, ClosesWhenTheClientAsksForIt) {
  open();
  RawClient one = client();
  one.send("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(has(one.read_all(), "Connection: close\r\n"));
}

TEST_F(OpsHttp, AnswersHeadWithTheLengthAndWithoutTheBody) {
  open();
  RawClient one = client();
  one.send("HEAD /x HTTP/1.1\r\nHost: localhost\r\n\r\n" + get("/next"));
  const auto head = one.read_until("\r\n\r\n");
  EXPECT_TRUE(has(head, "Content-Length: 34\r\n")) << head;
  EXPECT_TRUE(one.read_answer().starts_with("HTTP/1.1 200 OK"));
}

TEST_F(OpsHttp, ReadsABodyOnGetSoThatItIsNotTheNextRequest) {
  open();
  RawClient one = client();
  one.send("GET /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc" + get("/b"));
  EXPECT_TRUE(has(one.read_answer(), "body=abc"));
  EXPECT_TRUE(has(one.read_answer(), "GET /b"));
}

TEST_F(OpsHttp, JoinsAChunkedBodyWhateverItsPieces) {
  open();
  RawClient one = client();
  one.send("POST /x HTTP/1.1\r\n" + std::string(kChunked));
  for (const char c : std::string("5;ext=1\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n")) {
    one.send({&c, 1});
  }
  EXPECT_TRUE(has(one.read_answer(), "body=hello!"));
  one.send(get("/again"));
  EXPECT_TRUE(has(one.read_answer(), "GET /again"));
}

TEST_F(OpsHttp, RefusesABodyWhoseAnnouncedLengthIsOverTheLimit) {
  open({.body_bytes = 100});
  EXPECT_TRUE(has(exchange(post("/size", std::string(100, 'x'))), "\r\n\r\n100"));
  const auto answer = exchange(post("/size", std::string(101, 'x')));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer;
  EXPECT_TRUE(has(answer, R"("code":"too_large")")) << answer;
  EXPECT_TRUE(has(answer, "Connection: close\r\n")) << answer;
}

TEST_F(OpsHttp, StopsReadingAnEndlessChunkedBodyAtTheLimit) {
  open({.body_bytes = 100'000});
  RawClient one = client();
  one.send("POST /size HTTP/1.1\r\n" + std::string(kChunked));
  const std::string chunk = "4000\r\n" + std::string(0x4000, 'x') + "\r\n";
  for (int i = 0; i < 10; ++i) one.send(chunk);
  EXPECT_TRUE(one.read_answer().starts_with("HTTP/1.1 413 "));
  // It is discarded from now on, and then nobody reads any more.
  int sent = 0;
  while (sent < 1'000'000 && one.send(chunk)) ++sent;
  EXPECT_LT(sent, 1'000'000);
}

TEST_F(OpsHttp, RefusesAmbiguousAndUnreadableFramings) {
  open();
  const auto status = [&](const std::string& fields) {
    return exchange("POST / HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n").substr(9, 3);
  };
  EXPECT_EQ(status("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), "400");
  EXPECT_EQ(status("Content-Length: 1\r\nContent-Length: 2\r\n"), "400");
  EXPECT_EQ(status("Content-Length: -1\r\n"), "400");
  EXPECT_EQ(status("Content-Length: 1x\r\n"), "400");
  EXPECT_EQ(status("Content-Length: 99999999999999999999\r\n"), "400");
  EXPECT_EQ(status("Transfer-Encoding: gzip, chunked\r\n"), "501");
  EXPECT_EQ(exchange("POST / HTTP/1.1\r\n" + std::string(kChunked) + "xyz\r\n").substr(9, 3),
            "400");
  EXPECT_EQ(exchange("POST / HTTP/1.1\r\n" + std::string(kChunked) + "1\r\nab\r\n").substr(9, 3),
            "400");
  EXPECT_EQ(exchange("POST / HTTP/1.1\r\n" + std::string(kChunked) + "ffffffffffffffffff\r\n")
                .substr(9, 3),
            "400");
}

TEST_F(OpsHttp, AcceptsAPostWithoutABodyAtOnce) {
  open();
  EXPECT_TRUE(has(exchange("POST /x HTTP/1.1\r\nHost: localhost\r\n\r\n"), "POST /x"));
}

TEST_F(OpsHttp, RefusesAHeadOverTheLimit) {
  open({.header_bytes = 2000});
  EXPECT_TRUE(
      exchange("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(1900, 'x') + "\r\n\r\n")
          .starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(exchange("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(3000, 'x'))
                  .starts_with("HTTP/1.1 431 "));
}

TEST_F(OpsHttp, RefusesWhatIsNotHttpOrAMethodItDoesNotKnow) {
  open();
  EXPECT_TRUE(exchange("BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n").starts_with("HTTP/1.1 501 "));
  EXPECT_TRUE(exchange("GET /\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(exchange("\x16\x03\x01 hello\r\n\r\n").starts_with("HTTP/1.1 501 "));
  EXPECT_TRUE(exchange(get("/%zz")).starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(exchange(get("/%00")).starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(exchange(get("/" + std::string(9000, 'x'))).starts_with("HTTP/1.1 414 "));
  EXPECT_TRUE(exchange(get("/still-here")).starts_with("HTTP/1.1 200 "));
}

TEST_F(OpsHttp, RefusesForeignHostsAndOrigins) {
  open();
  EXPECT_TRUE(
      exchange("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").starts_with("HTTP/1.1 421 "));
  EXPECT_TRUE(exchange("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(exchange("GET / HTTP/1.1\r\nHost: troupe:6003\r\n\r\n").starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(exchange("POST / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n")
                  .starts_with("HTTP/1.1 403 "));
}

TEST_F(OpsHttp, GivesUpOnAHeadAndABodyThatDoNotComeInTime) {
  open({.header_timeout = Milliseconds(50), .body_timeout = Milliseconds(50)});
  EXPECT_TRUE(exchange("GET / HTTP/1.1\r\nHo").starts_with("HTTP/1.1 408 "));
  EXPECT_TRUE(exchange("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nab")
                  .starts_with("HTTP/1.1 408 "));
  RawClient silent = client();
  EXPECT_EQ(silent.read_all(), "");
}

TEST_F(OpsHttp, ClosesAnIdleConnection) {
  open({.idle_timeout = Milliseconds(50)});
  RawClient one = client();
  one.send(get("/"));
  one.read_answer();
  EXPECT_EQ(one.read_all(), "");
}

TEST_F(OpsHttp, DoesNotCutRangesOrCompress) {
  open();
  const auto answer = exchange(
      "GET /x HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-3\r\nAccept-Encoding: gzip\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
  EXPECT_TRUE(has(answer, "GET /x")) << answer;
}

TEST_F(OpsHttp, AnswersFromAnotherThread) {
  open();
  RawClient one = client();
  one.send(get("/keep"));
  auto reply = kept_.take();
  std::jthread([&] { reply->respond(http::Response::json(R"({"late":true})")); }).join();
  EXPECT_TRUE(has(one.read_answer(), R"({"late":true})"));
}

TEST_F(OpsHttp, AnswersOnceHoweverOftenTheHandlerTries) {
  open();
  RawClient one = client();
  one.send(get("/keep"));
  auto reply = kept_.take();
  reply->respond(http::Response::text("first"));
  reply->respond(http::Response::text("second"));
  reply->begin(200, {});
  EXPECT_FALSE(reply->write("third"));
  EXPECT_TRUE(has(one.read_answer(), "first"));
  one.send(get("/next"));
  EXPECT_TRUE(has(one.read_answer(), "GET /next"));
}

TEST_F(OpsHttp, AnswersInternalErrorForADroppedReplyAndForAnException) {
  open();
  EXPECT_TRUE(exchange(get("/drop")).starts_with("HTTP/1.1 500 "));
  EXPECT_TRUE(has(exchange(get("/throw")), "lost my way"));
  RawClient one = client();
  one.send(get("/keep"));
  kept_.take().reset();
  EXPECT_TRUE(one.read_answer().starts_with("HTTP/1.1 500 "));
}

TEST_F(OpsHttp, FlushesEachPartOfAStreamAndEndsItProperly) {
  open();
  RawClient one = client();
  one.send(get("/keep"));
  auto reply = kept_.take();
  reply->begin(200, {{"Content-Type", "text/event-stream"}, {"X-Own", "1"}});
  const auto head = one.read_until("\r\n\r\n");
  EXPECT_TRUE(has(head, "Content-Type: text/event-stream\r\n")) << head;
  EXPECT_TRUE(has(head, "Transfer-Encoding: chunked\r\n")) << head;
  EXPECT_TRUE(has(head, "X-Own: 1\r\n")) << head;
  EXPECT_TRUE(reply->write("one"));
  EXPECT_EQ(one.read_until("one\r\n"), "3\r\none\r\n");
  EXPECT_TRUE(reply->write("two"));
  EXPECT_EQ(one.read_until("two\r\n"), "3\r\ntwo\r\n");
  reply->end(http::Reply::Ending::Complete);
  EXPECT_EQ(one.read_until("0\r\n\r\n"), "0\r\n\r\n");
  EXPECT_FALSE(reply->write("late"));
  one.send(get("/next"));
  EXPECT_TRUE(has(one.read_answer(), "GET /next"));
}

TEST_F(OpsHttp, CutsAStreamSoThatTheReaderSeesIt) {
  open();
  for (const bool dropped : {false, true}) {
    RawClient one = client();
    one.send(get("/keep"));
    auto reply = kept_.take();
    reply->begin(200, {});
    reply->write("part");
    if (!dropped) reply->end(http::Reply::Ending::Cut);
    reply.reset();
    const auto answer = one.read_all();
    EXPECT_TRUE(answer.ends_with("4\r\npart\r\n")) << answer;
  }
}

TEST_F(OpsHttp, EndsAStreamToAnOldClientByClosing) {
  open();
  RawClient one = client();
  one.send("GET /keep HTTP/1.0\r\nHost: localhost\r\n\r\n");
  auto reply = kept_.take();
  reply->begin(200, {});
  reply->write("all of it");
  reply->end(http::Reply::Ending::Complete);
  EXPECT_TRUE(one.read_all().ends_with("\r\n\r\nall of it"));
}

TEST_F(OpsHttp, TellsTheHandlerWhenTheClientGoes) {
  open();
  RawClient one = client();
  one.send(get("/keep"));
  auto reply = kept_.take();
  EXPECT_FALSE(reply->gone());
  std::promise<void> gone;
  reply->on_gone([&] { gone.set_value(); });
  one.close();
  ASSERT_EQ(gone.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_TRUE(reply->gone());
  std::promise<void> again;
  reply->on_gone([&] { again.set_value(); });
  EXPECT_EQ(again.get_future().wait_for(std::chrono::seconds(0)), std::future_status::ready);
}

TEST_F(OpsHttp, StopsAStreamWhoseReaderHasGone) {
  open();
  RawClient one = client();
  one.send(get("/keep"));
  auto reply = kept_.take();
  reply->begin(200, {});
  std::promise<void> gone;
  reply->on_gone([&] { gone.set_value(); });
  one.close();
  gone.get_future().wait();
  EXPECT_FALSE(reply->write("x"));
}

TEST_F(OpsHttp, StillAnswersAClientThatOnlyStoppedSending) {
  open();
  RawClient one = client();
  one.send(get("/keep"));
  auto reply = kept_.take();
  one.half_close();
  reply->respond(http::Response::text("here"));
  EXPECT_TRUE(has(one.read_all(), "here"));
}

TEST_F(OpsHttp, RefusesToQueueMoreThanTheLimitForAReaderWhoDoesNotRead) {
  open({.send_queue_bytes = 64 * 1024});
  RawClient one = client();
  one.send(get("/keep"));
  auto reply = kept_.take();
  reply->begin(200, {});
  const std::string chunk(16 * 1024, 'x');
  int written = 0;
  while (written < 100'000 && reply->write(chunk)) ++written;
  EXPECT_LT(written, 100'000);
  EXPECT_FALSE(one.read_all().ends_with("0\r\n\r\n"));
}

TEST_F(OpsHttp, AnswersHealthAndRefusesTheRestWhenEveryConnectionIsInUse) {
  open({.connections = 2});
  RawClient first = client();
  RawClient second = client();
  first.send(get("/keep"));
  second.send(get("/keep"));
  const auto held = kept_.take();
  const auto also_held = kept_.take();
  for (const std::string path : {"/health", "/ready", "/metrics"}) {
    EXPECT_TRUE(has(exchange(get(path)), "GET " + path));
  }
  const auto refused = exchange(get("/anything"));
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 503 ")) << refused;
  EXPECT_TRUE(has(refused, R"("code":"overloaded")")) << refused;
  EXPECT_TRUE(has(refused, "Connection: close\r\n")) << refused;
  held->respond(http::Response::text("done"));
  also_held->respond(http::Response::text("done"));
  EXPECT_TRUE(has(first.read_answer(), "done"));
  EXPECT_TRUE(has(second.read_answer(), "done"));
}

TEST_F(OpsHttp, ServesAgainWhenConnectionsHaveEnded) {
  open({.connections = 1});
  RawClient first = client();
  first.send(get("/keep"));
  auto reply = kept_.take();
  EXPECT_TRUE(exchange(get("/x")).starts_with("HTTP/1.1 503 "));
  reply->respond(http::Response::text("done"));
  first.read_answer();
  first.close();
  // The worker may still be closing; the test's own time limit ends a loop that never does.
  while (!exchange(get("/x")).starts_with("HTTP/1.1 200 ")) std::this_thread::yield();
}

TEST_F(OpsHttp, DrainsWhatIsInFlightAndClosesTheRest) {
  open();
  RawClient idle = client();
  idle.send(get("/"));
  idle.read_answer();
  RawClient busy = client();
  busy.send(get("/keep"));
  auto reply = kept_.take();
  std::jthread drain([&] { door_->drain(Milliseconds(10'000)); });
  EXPECT_EQ(idle.read_all(), "");
  reply->respond(http::Response::text("last words"));
  const auto answer = busy.read_all();
  EXPECT_TRUE(has(answer, "last words"));
  EXPECT_TRUE(has(answer, "Connection: close\r\n")) << answer;
  drain.join();
  EXPECT_FALSE(client().connected());
}

TEST_F(OpsHttp, DrainsAStreamToItsEnd) {
  open();
  RawClient one = client();
  one.send(get("/keep"));
  auto reply = kept_.take();
  reply->begin(200, {});
  one.read_until("\r\n\r\n");
  std::jthread drain([&] { door_->drain(Milliseconds(10'000)); });
  while (client().connected()) std::this_thread::yield();
  EXPECT_TRUE(reply->write("to the end"));
  reply->end(http::Reply::Ending::Complete);
  EXPECT_EQ(one.read_all(), "a\r\nto the end\r\n0\r\n\r\n");
}

TEST_F(OpsHttp, GivesUpDrainingAfterTheTimeoutAndClosesWhatStillWaits) {
  open();
  RawClient one = client();
  one.send(get("/keep"));
  auto reply = kept_.take();
  door_->drain(Milliseconds(20));
  door_.reset();
  reply->respond(http::Response::text("too late"));
  EXPECT_FALSE(has(one.read_all(), "too late"));
}

TEST_F(OpsHttp, SaysWhenThePortIsTaken) {
  open();
  const auto second = listen(
      {.bind = "127.0.0.1", .port = door_->port(), .limits = {}, .hosts = {}}, [](auto, auto) {});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Code::Unavailable);
  EXPECT_TRUE(has(second.error().message, "in use")) << second.error().message;
}

TEST_F(OpsHttp, SaysWhenItsAddressIsNone) {
  const auto door =
      listen({.bind = "127.0.0.1x", .port = 0, .limits = {}, .hosts = {}}, [](auto, auto) {});
  ASSERT_FALSE(door.ok());
  EXPECT_TRUE(has(door.error().message, "no such address")) << door.error().message;
}

TEST_F(OpsHttp, AnswersABurstOfConnections) {
  open({.connections = 128});
  std::deque<RawClient> clients;
  for (int i = 0; i < 100; ++i) clients.emplace_back(door_->port());
  for (RawClient& one : clients) one.send(get("/x"));
  for (RawClient& one : clients) EXPECT_TRUE(one.read_answer().starts_with("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace ops_http
