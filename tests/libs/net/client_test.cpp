#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "libs/net/raw_peer.h"
#include "net/net.h"

namespace net {
namespace {

// What happened to one call.
struct Outcome {
  int status = 0;
  std::string body;
  std::promise<void> headed;
  std::promise<std::string> data;  // the first piece
  std::promise<Result<void>> done;
  bool has_data = false;

  ClientEvents events() {
    return {.head =
                [this](int code, const http::Headers&) {
                  status = code;
                  headed.set_value();
                },
            .data =
                [this](std::string_view bytes) {
                  body.append(bytes);
                  if (!std::exchange(has_data, true)) data.set_value(body);
                },
            .done = [this](Result<void> outcome) { done.set_value(std::move(outcome)); }};
  }
  Result<void> wait() {
    auto future = done.get_future();
    if (!arrives(future)) return Error{Code::Internal, "the call did not end"};
    return future.get();
  }
};

class ClientTest : public ::testing::Test {
 protected:
  ClientRequest get(std::string url) const {
    ClientRequest request;
    request.url = std::move(url);
    return request;
  }
  Client& client(Client::Options options = {}) {
    client_ = std::make_unique<Client>(loop_, options);
    return *client_;
  }
  // A door on the same loop whose answers a test gives itself; its port.
  std::uint16_t open_door() {
    auto door = listen(loop_, {}, [this](http::Request, std::shared_ptr<http::Reply> reply) {
      asked_.set_value(std::move(reply));
    });
    door_ = std::move(door).value();
    return door_->port();
  }
  // The reply to a request of this asker; null when it does not arrive.
  std::shared_ptr<http::Reply> asked_at_the_door(RawPeer& asker) {
    asked_ = {};
    auto reply = asked_.get_future();
    if (!asker.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")) return nullptr;
    return arrives(reply) ? reply.get() : nullptr;
  }

  Loop loop_;
  RawServer server_;
  std::promise<std::shared_ptr<http::Reply>> asked_;
  std::unique_ptr<http::Server> door_;
  std::unique_ptr<Client> client_;
};

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

void expect_error(const Result<void>& outcome, Code code, std::string_view part) {
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(name(outcome.error().code), name(code)) << outcome.error().message;
  EXPECT_NE(outcome.error().message.find(part), std::string::npos) << outcome.error().message;
}

TEST_F(ClientTest, SpeaksWithOurOwnServer) {
  auto door = listen(loop_, {}, [](http::Request request, std::shared_ptr<http::Reply> reply) {
    http::Response response = http::Response::text(request.body + request.query["q"], 201);
    response.headers.add("X-Seen", std::string(*request.headers.get("X-Sent")));
    reply->respond(std::move(response));
  });
  ASSERT_TRUE(door.ok());
  Client& client = this->client();
  ClientRequest request = get(fmt::format("http://localhost:{}/path?q=1", door.value()->port()));
  request.method = http::Method::Post;
  request.headers.add("X-Sent", "yes");
  request.body = std::string(300'000, 'b');
  const auto response = client.fetch(request);
  ASSERT_TRUE(response.ok()) << response.error().message;
  EXPECT_EQ(response.value().status, 201);
  EXPECT_EQ(response.value().headers.get("x-seen"), "yes");
  EXPECT_EQ(response.value().body, request.body + "1");
}

TEST_F(ClientTest, KeepsItsConnectionForTheNextRequest) {
  Client& client = this->client();
  std::jthread peer([&] {
    RawPeer connection = server_.accept();
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(connection.read_until("\r\n\r\n").starts_with("GET /"));
      connection.send(kOk);
    }
  });
  for (int i = 0; i < 3; ++i) {
    const auto response = client.fetch(get(server_.url()));
    ASSERT_TRUE(response.ok()) << response.error().message;
    EXPECT_EQ(response.value().body, "ok");
  }
}

TEST_F(ClientTest, ReplacesAKeptConnectionThatTheServerClosed) {
  Client& client = this->client();
  std::jthread peer([&] {
    {
      RawPeer first = server_.accept();
      first.read_until("\r\n\r\n");
      first.send(kOk);
      // Closes only when the second request is on its way: the client cannot know beforehand.
      first.read_until("\r\n\r\n");
    }
    RawPeer second = server_.accept();
    second.read_until("\r\n\r\n");
    second.send(kOk);
  });
  EXPECT_TRUE(client.fetch(get(server_.url())).ok());
  EXPECT_TRUE(client.fetch(get(server_.url())).ok());
}

TEST_F(ClientTest, NeverRepeatsAKeptConnectionsRequestThatIsNotIdempotent) {
  Client& client = this->client();
  std::jthread peer([&] {
    for (int i = 0; i < 2; ++i) {
      RawPeer kept = server_.accept();
      kept.read_until("\r\n\r\n");
      kept.send(kOk);
      kept.read_until("\r\n\r\n");
    }
    server_.close();
  });
  for (const http::Method method : {http::Method::Post, http::Method::Patch}) {
    ASSERT_TRUE(client.fetch(get(server_.url())).ok());
    ClientRequest request = get(server_.url());
    request.method = method;
    const auto response = client.fetch(request);
    ASSERT_FALSE(response.ok());
    EXPECT_EQ(response.error().code, Code::Unavailable);
  }
}

TEST_F(ClientTest, SendsAPostAnewWhenItsKeptConnectionWasClosedBefore) {
  Client& client = this->client();
  std::promise<void> closed;
  std::jthread peer([&] {
    {
      RawPeer first = server_.accept();
      first.read_until("\r\n\r\n");
      first.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
    closed.set_value();
    RawPeer second = server_.accept();
    second.read_until("\r\n\r\n");
    second.send(kOk);
  });
  ASSERT_TRUE(client.fetch(get(server_.url())).ok());
  closed.get_future().wait();
  ClientRequest request = get(server_.url());
  request.method = http::Method::Post;
  const auto response = client.fetch(request);
  EXPECT_TRUE(response.ok()) << response.error().message;
}

// The loop has not heard of it yet when it takes the connection: only a look at the socket shows
// it.
TEST_F(ClientTest, LooksAtAKeptConnectionBeforeItIsUsedAgain) {
  for (const std::string_view last_words :
       {"", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold"}) {
    SCOPED_TRACE(last_words);
    Client& client = this->client();
    Outcome first;
    client.send(get(server_.url()), first.events());
    RawPeer kept = server_.accept();
    kept.read_until("\r\n\r\n");
    kept.send(kOk);
    ASSERT_TRUE(first.wait().ok());
    Outcome second;
    ClientRequest request = get(server_.url());
    request.method = http::Method::Post;  // is never repeated
    loop_.post([&] {
      if (last_words.empty()) {
        kept.half_close();
      } else {
        kept.send(last_words);
      }
      client.send(request, second.events());
    });
    std::jthread peer([&] {
      if (!server_.asked_within(2000)) return kept.close();
      RawPeer fresh = server_.accept();
      fresh.read_until("\r\n\r\n");
      fresh.send(kOk);
    });
    const Result<void> outcome = second.wait();
    EXPECT_TRUE(outcome.ok()) << outcome.error().message;
    EXPECT_EQ(second.body, "ok");
    peer.join();
    client_.reset();
  }
}

TEST_F(ClientTest, LeavesAConnectionBeforeItsServerDoes) {
  Client& client = this->client();
  std::jthread peer([&] {
    RawPeer first = server_.accept();
    first.read_until("\r\n\r\n");
    first.send("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok");
    RawPeer second = server_.accept();
    second.read_until("\r\n\r\n");
    second.send(kOk);
    EXPECT_EQ(first.read_all(), "");
  });
  EXPECT_TRUE(client.fetch(get(server_.url())).ok());
  EXPECT_TRUE(client.fetch(get(server_.url())).ok());
}

TEST_F(ClientTest, ClosesAnIdleConnectionThatTheServerCloses) {
  Client& client = this->client();
  std::jthread peer([&] {
    RawPeer only = server_.accept();
    only.read_until("\r\n\r\n");
    only.send(kOk);
    only.half_close();
    EXPECT_EQ(only.read_all(), "");
  });
  EXPECT_TRUE(client.fetch(get(server_.url())).ok());
}

TEST_F(ClientTest, DoesNotRepeatARequestOnAFreshConnection) {
  Client& client = this->client();
  std::jthread peer([&] {
    RawPeer only = server_.accept();
    only.read_until("\r\n\r\n");
    server_.close();
  });
  const auto response = client.fetch(get(server_.url()));
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, Code::Unavailable);
}

TEST_F(ClientTest, HandsOnAStreamAsItComes) {
  Client& client = this->client();
  Outcome outcome;
  client.send(get(server_.url()), outcome.events());
  RawPeer peer = server_.accept();
  peer.read_until("\r\n\r\n");
  peer.send("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
  peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  auto first = outcome.data.get_future();
  ASSERT_TRUE(arrives(first));
  EXPECT_EQ(first.get(), "abc");
  peer.send("3\r\ndef\r\n0\r\n\r\n");
  EXPECT_TRUE(outcome.wait().ok());
  EXPECT_EQ(outcome.status, 200);
  EXPECT_EQ(outcome.body, "abcdef");
}

// As a gateway does it: what an upstream's bytes begin to stream goes before all else.
TEST_F(ClientTest, SendsTheBeginningOfAStreamWithWhatItHears) {
  RawPeer asker = RawPeer::connect_to(open_door());
  const std::shared_ptr<http::Reply> reply = asked_at_the_door(asker);
  ASSERT_NE(reply, nullptr);

  Outcome outcome;
  ClientEvents events = outcome.events();
  std::promise<bool> there;
  events.data = [&](std::string_view bytes) {
    loop_.post([&] { there.set_value(asker.readable_within(0)); });
    reply->begin(200, {});
    reply->write(std::string(bytes));
  };
  client().send(get(server_.url()), std::move(events));
  RawPeer upstream = server_.accept();
  upstream.read_until("\r\n\r\n");
  upstream.send(kOk);
  EXPECT_TRUE(outcome.wait().ok());
  auto seen = there.get_future();
  ASSERT_TRUE(arrives(seen));
  EXPECT_TRUE(seen.get());
  EXPECT_NE(asker.read_until("ok\r\n").find("200"), std::string::npos);
  reply->end(http::Reply::Ending::Complete);
}

// Behind a stream that came all at once the loop rests in the next one: nothing of it is lost, and
// whoever ends it meanwhile ends it.
TEST_F(ClientTest, HandsOnStreamsThatComeFasterThanTheyAreRead) {
  const std::uint16_t port = open_door();
  Client& client = this->client();
  std::optional<RawPeer> upstream;
  for (int i = 0; i < 30; ++i) {
    RawPeer asker = RawPeer::connect_to(port);
    const std::shared_ptr<http::Reply> reply = asked_at_the_door(asker);
    ASSERT_NE(reply, nullptr);
    Outcome outcome;
    ClientEvents events = outcome.events();
    bool begun = false;
    events.data = [&](std::string_view bytes) {
      outcome.body.append(bytes);
      if (!std::exchange(begun, true)) reply->begin(200, {});
      reply->write(std::string(bytes));
    };
    const auto call = client.send(get(server_.url()), std::move(events));
    if (!upstream) upstream.emplace(server_.accept());
    upstream->read_until("\r\n\r\n");
    std::string sent;
    upstream->send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int token = 0; token < 50; ++token) {
      upstream->send("2\r\nab\r\n");
      sent += "ab";
    }
    if (i % 3 == 2) {  // somewhere in it
      asker.read_until("ab");
      call->cancel();
      EXPECT_FALSE(outcome.wait().ok());
      upstream.reset();
      continue;
    }
    upstream->send("0\r\n\r\n");
    ASSERT_TRUE(outcome.wait().ok());
    EXPECT_EQ(outcome.body, sent);
    reply->end(http::Reply::Ending::Complete);
    const std::string heard = asker.read_until("\r\n0\r\n\r\n");
    EXPECT_GE(std::count(heard.begin(), heard.end(), 'b'), 50);
  }
}

TEST_F(ClientTest, TakesABodyThatLastsUntilTheClose) {
  Client& client = this->client();
  std::jthread peer([&] {
    RawPeer connection = server_.accept();
    connection.read_until("\r\n\r\n");
    connection.send("HTTP/1.1 200 OK\r\n\r\nabc");
  });
  EXPECT_EQ(client.fetch(get(server_.url())).value().body, "abc");
}

TEST_F(ClientTest, SeesAResponseThatWasCut) {
  for (const std::string_view head : {"Content-Length: 100", "Transfer-Encoding: chunked"}) {
    RawServer server;
    Client& client = this->client();
    Outcome outcome;
    client.send(get(server.url()), outcome.events());
    RawPeer peer = server.accept();
    peer.read_until("\r\n\r\n");
    peer.send(fmt::format("HTTP/1.1 200 OK\r\n{}\r\n\r\n3\r\nabc\r\n", head));
    auto first = outcome.data.get_future();
    ASSERT_TRUE(arrives(first));
    peer.close();
    expect_error(outcome.wait(), Code::Unavailable, "cut");
    client_.reset();
  }
}

TEST_F(ClientTest, RefusesMalformedResponses) {
  for (const std::string& answer :
       {std::string("SSH-2.0-OpenSSH\r\n\r\n"), std::string("HTTP/1.1 2x0 OK\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        "HTTP/1.1 200 OK\r\nX: " + std::string(200'000, 'x'),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(200'000, 'x')}) {
    RawServer server;
    Client& client = this->client();
    Outcome outcome;
    client.send(get(server.url()), outcome.events());
    RawPeer peer = server.accept();
    peer.read_until("\r\n\r\n");
    peer.send(answer);
    expect_error(outcome.wait(), Code::Unavailable, "malformed");
    client_.reset();
  }
}

TEST_F(ClientTest, StopsAtTheBodyLimit) {
  Client& client = this->client();
  Outcome outcome;
  ClientRequest request = get(server_.url());
  request.body_bytes_max = 5;
  client.send(request, outcome.events());
  RawPeer peer = server_.accept();
  peer.read_until("\r\n\r\n");
  peer.send(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
  expect_error(outcome.wait(), Code::TooLarge, "5 bytes");
}

TEST_F(ClientTest, NamesTheTimeoutThatPassed) {
  Client& client = this->client();
  {
    Outcome outcome;
    ClientRequest request = get(server_.url());
    request.first_byte_timeout = Milliseconds(20);
    client.send(request, outcome.events());
    expect_error(outcome.wait(), Code::DeadlineExceeded, "first byte");
  }
  {
    RawServer server;
    Outcome outcome;
    ClientRequest request = get(server.url());
    request.idle_timeout = Milliseconds(20);
    client.send(request, outcome.events());
    RawPeer peer = server.accept();
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
    expect_error(outcome.wait(), Code::DeadlineExceeded, "idle");
    EXPECT_EQ(peer.read_all(), "");  // closed, not abandoned
  }
  {
    Outcome outcome;
    ClientRequest request = get(server_.url());
    request.total_timeout = Milliseconds(20);
    client.send(request, outcome.events());
    expect_error(outcome.wait(), Code::DeadlineExceeded, "total");
  }
}

// A listening socket whose queue is full: the kernel leaves further connection attempts unanswered.
class UnansweringServer {
 public:
  UnansweringServer() : server_(0), filler_(RawPeer::connect_to(server_.port())) {}
  std::string url() const { return server_.url(); }

 private:
  RawServer server_;
  RawPeer filler_;
};

TEST_F(ClientTest, NamesTheConnectTimeout) {
  const UnansweringServer server;
  Outcome outcome;
  ClientRequest request = get(server.url());
  request.connect_timeout = Milliseconds(20);
  client().send(request, outcome.events());
  expect_error(outcome.wait(), Code::DeadlineExceeded, "connect");
}

TEST_F(ClientTest, CannotConnectWhereNobodyListens) {
  server_.close();
  Outcome outcome;
  client().send(get(server_.url()), outcome.events());
  expect_error(outcome.wait(), Code::Unavailable, "cannot connect");
}

TEST_F(ClientTest, RefusesBadUrlsAndHeaders) {
  Client& client = this->client();
  EXPECT_EQ(client.fetch(get("no url")).error().code, Code::InvalidArgument);
  const auto foreign = client.fetch(get("ftp://example.org/"));
  ASSERT_FALSE(foreign.ok());
  EXPECT_EQ(foreign.error().message,
            "URL: the scheme 'ftp' is not spoken here, only http and https");
  ClientRequest request = get(server_.url());
  request.headers.add("X", "a\r\nb");
  EXPECT_EQ(client.fetch(request).error().code, Code::InvalidArgument);
}

TEST_F(ClientTest, IsCancelledWhileItConnects) {
  const UnansweringServer server;
  Outcome outcome;
  const auto call = client().send(get(server.url()), outcome.events());
  call->cancel();
  expect_error(outcome.wait(), Code::Cancelled, "");
  call->cancel();  // of no consequence
}

TEST_F(ClientTest, DialsNobodyWhenItIsCancelledByItsOwnersQuestion) {
  Outcome outcome;
  std::shared_ptr<Client::Call> call;
  Client::Options options;
  options.may_connect = [&](const Client::Place&) {
    call->cancel();
    return true;
  };
  Client& client = this->client(options);
  const std::string url = fmt::format("http://localhost:{}/", server_.port());
  loop_.post([&] { call = client.send(get(url), outcome.events()); });
  expect_error(outcome.wait(), Code::Cancelled, "");
  settle(loop_);
  EXPECT_FALSE(server_.asked_within(0));
}

TEST_F(ClientTest, IsCancelledWhileItWaitsForAConnection) {
  Client& client = this->client({.connections_per_host = 1});
  Outcome first;
  Outcome second;
  Outcome third;
  client.send(get(server_.url("/1")), first.events());
  const auto waiting = client.send(get(server_.url("/2")), second.events());
  client.send(get(server_.url("/3")), third.events());
  RawPeer peer = server_.accept();
  EXPECT_TRUE(peer.read_until("\r\n\r\n").starts_with("GET /1 "));
  waiting->cancel();
  expect_error(second.wait(), Code::Cancelled, "");
  peer.send(kOk);
  EXPECT_TRUE(peer.read_until("\r\n\r\n").starts_with("GET /3 "));
  peer.send(kOk);
  EXPECT_TRUE(first.wait().ok());
  EXPECT_TRUE(third.wait().ok());
}

TEST_F(ClientTest, SendsNothingWhenItIsCancelledJustBeforeItsTurn) {
  Client& client = this->client({.connections_per_host = 1});
  Outcome first;
  Outcome second;
  Outcome third;
  std::shared_ptr<Client::Call> waiting;
  ClientEvents events = first.events();
  events.data = [&](std::string_view) { waiting->cancel(); };  // the first ends in the same breath
  loop_.post([&] {
    client.send(get(server_.url("/1")), std::move(events));
    waiting = client.send(get(server_.url("/2")), second.events());
    client.send(get(server_.url("/3")), third.events());
  });
  RawPeer peer = server_.accept();
  peer.read_until("\r\n\r\n");
  peer.send(kOk);
  expect_error(second.wait(), Code::Cancelled, "");
  EXPECT_TRUE(peer.read_until("\r\n\r\n").starts_with("GET /3 "));
  peer.send(kOk);
  EXPECT_TRUE(first.wait().ok());
  client_.reset();
}

TEST_F(ClientTest, IsCancelledBeforeTheHeadAndTheServerSeesIt) {
  Outcome outcome;
  const auto call = client().send(get(server_.url()), outcome.events());
  RawPeer peer = server_.accept();
  peer.read_until("\r\n\r\n");
  call->cancel();
  expect_error(outcome.wait(), Code::Cancelled, "");
  EXPECT_EQ(peer.read_all(), "");
}

TEST_F(ClientTest, IsCancelledInTheMiddleOfTheBody) {
  Outcome outcome;
  const auto call = client().send(get(server_.url()), outcome.events());
  RawPeer peer = server_.accept();
  peer.read_until("\r\n\r\n");
  peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
  auto first = outcome.data.get_future();
  ASSERT_TRUE(arrives(first));
  call->cancel();
  expect_error(outcome.wait(), Code::Cancelled, "");
  EXPECT_EQ(peer.read_all(), "");
}

TEST_F(ClientTest, IsCancelledFromItsOwnCallback) {
  Outcome outcome;
  ClientEvents events = outcome.events();
  std::shared_ptr<Client::Call> call;
  int pieces = 0;
  events.data = [&](std::string_view) {
    ++pieces;
    call->cancel();
  };
  call = client().send(get(server_.url()), std::move(events));
  RawPeer peer = server_.accept();
  peer.read_until("\r\n\r\n");
  peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
  expect_error(outcome.wait(), Code::Cancelled, "");
  EXPECT_EQ(pieces, 1);
}

TEST_F(ClientTest, EndsACallWhoseCallbackThrows) {
  Outcome outcome;
  ClientEvents events = outcome.events();
  events.head = [](int, const http::Headers&) { throw std::runtime_error("bug"); };
  client().send(get(server_.url()), std::move(events));
  RawPeer peer = server_.accept();
  peer.read_until("\r\n\r\n");
  peer.send(kOk);
  expect_error(outcome.wait(), Code::Internal, "");
}

TEST_F(ClientTest, RefusesMoreThanMayWait) {
  Client& client = this->client({.connections_per_host = 1, .waiting_max = 1});
  Outcome first;
  Outcome second;
  Outcome third;
  client.send(get(server_.url()), first.events());
  client.send(get(server_.url()), second.events());
  client.send(get(server_.url()), third.events());
  expect_error(third.wait(), Code::Overloaded, "wait");
  client_.reset();
  expect_error(first.wait(), Code::Cancelled, "");
  expect_error(second.wait(), Code::Cancelled, "");
}

TEST_F(ClientTest, DestroyedOnItsLoopItCancelsItsCalls) {
  Outcome outcome;
  client().send(get(server_.url()), outcome.events());
  RawPeer peer = server_.accept();
  peer.read_until("\r\n\r\n");
  loop_.post([&] { client_.reset(); });
  expect_error(outcome.wait(), Code::Cancelled, "");
}

TEST_F(ClientTest, ReadsARefusalThatComesBeforeTheBodyWasSent) {
  auto door = listen(loop_, {},
                     [](http::Request, std::shared_ptr<http::Reply> reply) { reply->respond({}); });
  ASSERT_TRUE(door.ok());
  ClientRequest request = get(fmt::format("http://127.0.0.1:{}/", door.value()->port()));
  request.method = http::Method::Post;
  request.body = std::string(20 * 1024 * 1024, 'x');
  const auto response = client().fetch(request);
  ASSERT_TRUE(response.ok()) << response.error().message;
  EXPECT_EQ(response.value().status, 413);
}

TEST_F(ClientTest, ConnectsOnlyWhereItsOwnerAllows) {
  auto door = listen(loop_, {},
                     [](http::Request, std::shared_ptr<http::Reply> reply) { reply->respond({}); });
  ASSERT_TRUE(door.ok());
  const std::uint16_t port = door.value()->port();
  std::atomic<bool> open = false;
  std::vector<Client::Place> asked;  // on the loop's thread, read after the answers
  Client::Options options;
  options.may_connect = [&](const Client::Place& place) {
    asked.push_back(place);
    return open.load();
  };
  Client& client = this->client(options);
  for (const std::string host : {"127.0.0.1", "localhost"}) {
    const auto refused = client.fetch(get(fmt::format("http://{}:{}/", host, port)));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::PermissionDenied) << refused.error().message;
  }
  ASSERT_GE(asked.size(), 2U);
  EXPECT_EQ(asked.front().host, "127.0.0.1");
  EXPECT_EQ(asked.front().address, "127.0.0.1");
  EXPECT_EQ(asked.back().host, "localhost");
  EXPECT_EQ(asked.back().port, port);
  open = true;
  EXPECT_TRUE(client.fetch(get(fmt::format("http://localhost:{}/", port))).ok());
}

TEST_F(ClientTest, CarriesManyCallsFromManyThreads) {
  auto door = listen(loop_, {}, [](http::Request request, std::shared_ptr<http::Reply> reply) {
    reply->begin(200, {});
    reply->write(request.path);
    reply->end(http::Reply::Ending::Complete);
  });
  ASSERT_TRUE(door.ok());
  Client& client = this->client({.connections_per_host = 4});
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> callers;
    for (int thread = 0; thread < 8; ++thread) {
      callers.emplace_back([&, thread] {
        for (int i = 0; i < 100; ++i) {
          const std::string path = fmt::format("/{}/{}", thread, i);
          const auto response =
              client.fetch(get(fmt::format("http://127.0.0.1:{}{}", door.value()->port(), path)));
          if (response.ok() && response.value().body == path) ++right;
        }
      });
    }
  }
  EXPECT_EQ(right, 800);
}

}  // namespace
}  // namespace net
