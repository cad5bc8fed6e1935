#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "libs/net/certificates.h"
#include "net/net.h"

namespace net {
namespace {

constexpr std::string_view kAsk = "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n";

class TlsTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<http::Server>> listen_with(TlsFiles files, http::Handler handler = {},
                                                    http::ServerLimits limits = {}) {
    return listen(loop_, {.bind = "127.0.0.1", .port = 0, .limits = limits, .hosts = {}},
                  std::move(handler), {.tls = std::move(files), .upgrade = {}});
  }
  // A door that answers with path and body.
  void open(TlsFiles files, http::ServerLimits limits = {}) {
    auto door = listen_with(
        std::move(files),
        [](http::Request request, std::shared_ptr<http::Reply> reply) {
          reply->respond(http::Response::text(request.path + " " + request.body));
        },
        limits);
    ASSERT_TRUE(door.ok()) << door.error().message;
    door_ = std::move(door).value();
  }
  void open() { open(authority_.issue("DNS:localhost,IP:127.0.0.1")); }

  std::string url(std::string_view host, std::uint16_t port) const {
    return fmt::format("https://{}:{}/a?secret", host, port);
  }
  Result<http::Response> fetch(std::string url) { return fetch(std::move(url), {}); }
  Result<http::Response> fetch(std::string url, ClientRequest request) {
    request.url = std::move(url);
    return client_.fetch(std::move(request));
  }
  void expect_refused(const std::string& url, std::string_view why) {
    const auto response = fetch(url);
    ASSERT_FALSE(response.ok());
    EXPECT_EQ(name(response.error().code), "unavailable");
    EXPECT_NE(response.error().message.find(why), std::string::npos) << response.error().message;
    EXPECT_EQ(response.error().message.find("secret"), std::string::npos);
    EXPECT_EQ(response.error().message.find('\n'), std::string::npos);
  }
  // What a client of a server makes of `answer`, after which the server ends well or just goes.
  enum class End { Said, Cut };
  Result<http::Response> fetch_answer(std::string_view answer, End end) {
    RawServer server;
    std::jthread peer([&] {
      RawTls tls(server.accept(), RawTls::Role::Server, authority_.issue("IP:127.0.0.1"));
      tls.read_until("\r\n\r\n");
      tls.send(answer);
      if (end == End::Said) tls.shut_down();
    });
    return fetch(url("127.0.0.1", server.port()));
  }
  RawTls speak(int version_max = 0) {
    return RawTls(RawPeer::connect_to(door_->port()), RawTls::Role::Client, {}, version_max);
  }

  Authority authority_;
  Loop loop_;
  Client client_{loop_, {.ca_file = authority_.ca_file()}};
  std::unique_ptr<http::Server> door_;
};

TEST_F(TlsTest, CarriesRequestsBetweenOurOwnClientAndServer) {
  open();
  ClientRequest request;
  request.method = http::Method::Post;
  request.body = std::string(900'000, 'b');
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const auto response = fetch(url(host, door_->port()), request);
    ASSERT_TRUE(response.ok()) << response.error().message;
    EXPECT_EQ(response.value().body, "/a " + request.body);
  }
}

TEST_F(TlsTest, KeepsItsConnectionAndNamesTheHost) {
  RawServer server;
  std::string server_name;
  std::jthread peer([&] {
    RawTls tls(server.accept(), RawTls::Role::Server, authority_.issue("DNS:localhost"));
    server_name = tls.server_name();
    for (int i = 0; i < 3; ++i) {
      tls.read_until("\r\n\r\n");
      tls.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  for (int i = 0; i < 3; ++i) {
    const auto response = fetch(url("localhost", server.port()));
    ASSERT_TRUE(response.ok()) << response.error().message;
    EXPECT_EQ(response.value().body, "ok");
  }
  peer.join();
  EXPECT_EQ(server_name, "localhost");
}

TEST_F(TlsTest, NeverTakesWhatAServerSaysUnaskedForTheNextAnswer) {
  RawServer server;
  std::jthread peer([&] {
    RawPeer plain = server.accept();
    const int socket = plain.handle();
    RawTls first(std::move(plain), RawTls::Role::Server, authority_.issue("IP:127.0.0.1"));
    first.read_until("\r\n\r\n");
    // Two records in one piece: the client has the second before it reuses the connection.
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
    first.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst");
    first.send("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nunasked");
    const int off = 0;
    setsockopt(socket, IPPROTO_TCP, TCP_CORK, &off, sizeof off);
    RawTls second(server.accept(), RawTls::Role::Server, authority_.issue("IP:127.0.0.1"));
    second.read_until("\r\n\r\n");
    second.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond");
  });
  for (const char* answer : {"first", "second"}) {
    const auto response = fetch(url("127.0.0.1", server.port()));
    ASSERT_TRUE(response.ok()) << response.error().message;
    EXPECT_EQ(response.value().body, answer);
  }
}

TEST_F(TlsTest, PoolsPlainAndSecureConnectionsApart) {
  RawServer server;
  std::jthread peer([&] {
    RawPeer plain = server.accept();
    plain.read_until("\r\n\r\n");
    plain.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    RawTls tls(server.accept(), RawTls::Role::Server, authority_.issue("IP:127.0.0.1"));
    tls.read_until("\r\n\r\n");
    tls.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecure");
  });
  EXPECT_TRUE(fetch(server.url()).ok());
  const auto response = fetch(url("127.0.0.1", server.port()));
  ASSERT_TRUE(response.ok()) << response.error().message;
  EXPECT_EQ(response.value().body, "secure");
}

TEST_F(TlsTest, RefusesACertificateForAnotherName) {
  open(authority_.issue("DNS:example.org,DNS:*.localhost,IP:127.0.0.2"));
  expect_refused(url("localhost", door_->port()), "certificate of localhost: name mismatch");
  expect_refused(url("127.0.0.1", door_->port()), "certificate of 127.0.0.1: name mismatch");
}

TEST_F(TlsTest, DoesNotTakeACommonNameForTheNameOfAHost) {
  open(authority_.issue("IP:127.0.0.1", Authority::kDay, "localhost"));
  expect_refused(url("localhost", door_->port()), "certificate of localhost: name mismatch");
}

TEST_F(TlsTest, RefusesACertificateForAnotherAddressAlsoWhenTheUrlNamesAZone) {
  open(authority_.issue("DNS:example.org,IP:127.0.0.2"));
  for (const char* host : {"::ffff:127.0.0.1", "::ffff:127.0.0.1%1"}) {
    expect_refused(url(fmt::format("[{}]", host), door_->port()),
                   fmt::format("certificate of {}: name mismatch", host));
  }
}

TEST_F(TlsTest, RefusesAnExpiredCertificate) {
  open(authority_.issue("IP:127.0.0.1", -3600));
  expect_refused(url("127.0.0.1", door_->port()), "certificate has expired");
}

TEST_F(TlsTest, RefusesAnAuthorityThatItDoesNotKnow) {
  Authority other;
  open(other.issue("IP:127.0.0.1"));
  expect_refused(url("127.0.0.1", door_->port()), "certificate of 127.0.0.1: unable to get local");
}

TEST_F(TlsTest, RefusesACertificateThatSignedItself) {
  open({authority_.ca_file(), authority_.ca_key_file()});
  Client trusting_the_system(loop_, {});
  ClientRequest request;
  request.url = url("127.0.0.1", door_->port());
  const auto response = trusting_the_system.fetch(request);
  ASSERT_FALSE(response.ok());
  EXPECT_NE(response.error().message.find("self-signed certificate"), std::string::npos)
      << response.error().message;
}

TEST_F(TlsTest, NamesACaFileThatCannotBeUsed) {
  open();
  const std::string path = authority_.folder().write("bad.pem", "no certificate");
  for (const std::string& file : {path, authority_.folder().file("none.pem")}) {
    Client client(loop_, {.ca_file = file});
    ClientRequest request;
    request.url = url("127.0.0.1", door_->port());
    const auto response = client.fetch(request);
    ASSERT_FALSE(response.ok());
    EXPECT_EQ(name(response.error().code), "invalid_argument");
    EXPECT_NE(response.error().message.find(file), std::string::npos) << response.error().message;
  }
}

TEST_F(TlsTest, SaysThatAServerDoesNotSpeakTls) {
  auto plain = listen(loop_, {}, [](http::Request, std::shared_ptr<http::Reply>) {});
  ASSERT_TRUE(plain.ok());
  expect_refused(url("127.0.0.1", plain.value()->port()), "does not speak TLS");
}

TEST_F(TlsTest, SaysThatAServerHungUpInTheHandshake) {
  RawServer server;
  std::jthread peer([&] { server.accept().close(); });
  expect_refused(url("127.0.0.1", server.port()), "TLS handshake");
}

TEST_F(TlsTest, GivesUpOnAHandshakeThatStalls) {
  RawServer server;
  ClientRequest request;
  request.connect_timeout = Milliseconds(30);
  const auto response = fetch(url("127.0.0.1", server.port()), request);
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(name(response.error().code), "deadline_exceeded");
  EXPECT_NE(response.error().message.find("TLS handshake time-out"), std::string::npos)
      << response.error().message;
}

TEST_F(TlsTest, IsCancelledInTheHandshake) {
  RawServer server;
  std::promise<Result<void>> done;
  ClientRequest request;
  request.url = url("127.0.0.1", server.port());
  const auto call = client_.send(request, {.head = {}, .data = {}, .done = [&](Result<void> how) {
                                             done.set_value(std::move(how));
                                           }});
  RawPeer peer = server.accept();
  EXPECT_EQ(peer.read_bytes(1), "\x16");  // its hello
  call->cancel();
  auto future = done.get_future();
  ASSERT_TRUE(arrives(future));
  EXPECT_EQ(name(future.get().error().code), "cancelled");
}

TEST_F(TlsTest, TakesABodyWhoseEndWasSaid) {
  const auto response = fetch_answer("HTTP/1.1 200 OK\r\n\r\nall of it", End::Said);
  ASSERT_TRUE(response.ok()) << response.error().message;
  EXPECT_EQ(response.value().body, "all of it");
}

TEST_F(TlsTest, SeesABodyThatWasCutInEachOfItsForms) {
  for (const char* head :
       {"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n"}) {
    const auto response = fetch_answer(std::string(head) + "half of", End::Cut);
    ASSERT_FALSE(response.ok()) << head;
    EXPECT_NE(response.error().message.find("cut after 7 body bytes"), std::string::npos)
        << response.error().message;
  }
}

TEST_F(TlsTest, TellsAPlainClientToUseHttps) {
  open();
  RawPeer peer = RawPeer::connect_to(door_->port());
  peer.send(kAsk);
  const std::string answer = peer.read_all();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
  EXPECT_NE(answer.find("https"), std::string::npos);
}

TEST_F(TlsTest, ClosesOnBytesThatAreNoHandshake) {
  open();
  RawPeer peer = RawPeer::connect_to(door_->port());
  peer.send(std::string(64, '\xff'));
  peer.read_all();  // an alert at most, then the end
  EXPECT_TRUE(fetch(url("127.0.0.1", door_->port())).ok());
}

TEST_F(TlsTest, ClosesAClientThatDoesNotFinishItsHandshake) {
  open(authority_.issue("IP:127.0.0.1"), {.header_timeout = Milliseconds(30)});
  RawPeer silent = RawPeer::connect_to(door_->port());
  EXPECT_EQ(silent.read_all(), "");
  RawPeer begun = RawPeer::connect_to(door_->port());
  begun.send(std::string_view("\x16\x03\x01\x02", 4));
  EXPECT_EQ(begun.read_all(), "");
}

TEST_F(TlsTest, RefusesOldVersions) {
  open();
  EXPECT_FALSE(speak(TLS1_1_VERSION).ready());
  EXPECT_TRUE(speak(TLS1_2_VERSION).ready());
}

TEST_F(TlsTest, AnswersPipelinedRequestsInOrder) {
  open();
  RawTls tls = speak();
  std::string all;
  for (int i = 0; i < 200; ++i) {
    all += fmt::format("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", 100 + i);
  }
  tls.send(all);
  for (int i = 0; i < 200; ++i) {
    tls.read_until("\r\n\r\n");
    ASSERT_EQ(tls.read_until(" "), fmt::format("/{} ", 100 + i));
  }
}

TEST_F(TlsTest, ReadsNoBodyBeforeItsInvitationHasLeft) {
  std::promise<std::shared_ptr<http::Reply>> first;
  std::atomic<int> handled = 0;
  auto door = listen_with(authority_.issue("IP:127.0.0.1"),
                          [&](http::Request request, std::shared_ptr<http::Reply> reply) {
                            if (request.path == "/first") return first.set_value(std::move(reply));
                            ++handled;
                            reply->respond(http::Response::text(request.path + request.body + "."));
                          });
  ASSERT_TRUE(door.ok()) << door.error().message;
  door_ = std::move(door).value();
  RawPeer plain = RawPeer::connect_to(door_->port());
  const int socket = plain.handle();
  RawTls tls(std::move(plain), RawTls::Role::Client);
  tls.send("GET /first HTTP/1.1\r\nHost: localhost\r\n\r\n");
  std::shared_ptr<http::Reply> reply = first.get_future().get();
  tls.send(
      "POST /second HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
      "Content-Length: 5\r\n\r\n");
  settle(loop_);
  // Behind the record of the first answer: the next one, with the invitation, cannot leave.
  std::promise<std::size_t> filled;
  loop_.post([&] {
    reply->respond(http::Response::text("first."));
    loop_.post([&] { filled.set_value(stuff(other_end(socket))); });
  });
  const std::size_t stuffed = filled.get_future().get();
  settle(loop_);
  tls.send("helloGET /third HTTP/1.1\r\nHost: localhost\r\n\r\n");
  settle(loop_);
  EXPECT_EQ(handled, 0);
  EXPECT_TRUE(tls.read_until("first.").ends_with("first."));
  std::string between(stuffed, 0);
  ASSERT_EQ(::recv(socket, between.data(), stuffed, MSG_WAITALL), static_cast<ssize_t>(stuffed));
  EXPECT_EQ(tls.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_TRUE(tls.read_until("\r\n\r\n").starts_with("HTTP/1.1 200 OK"));
  EXPECT_EQ(tls.read_until("."), "/secondhello.");
  EXPECT_TRUE(tls.read_until("/third.").ends_with("\r\n\r\n/third."));
}

TEST_F(TlsTest, SaysThatItEndsSoThatNoBodyLooksCut) {
  auto door = listen_with(authority_.issue("IP:127.0.0.1"),
                          [](http::Request, std::shared_ptr<http::Reply> reply) {
                            reply->begin(200, {});
                            reply->write("until the close");
                            reply->end(http::Reply::Ending::Complete);
                          });
  ASSERT_TRUE(door.ok()) << door.error().message;
  door_ = std::move(door).value();
  RawTls tls = speak();
  tls.send("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(tls.read_all().ends_with("until the close"));
  EXPECT_TRUE(tls.ended_well());
}

TEST_F(TlsTest, StopsAStreamWhoseReaderIsTooSlow) {
  std::promise<std::shared_ptr<http::Reply>> held;
  auto door = listen_with(
      authority_.issue("IP:127.0.0.1"),
      [&](http::Request, std::shared_ptr<http::Reply> reply) { held.set_value(std::move(reply)); },
      {.send_queue_bytes = 256 * 1024});
  ASSERT_TRUE(door.ok()) << door.error().message;
  door_ = std::move(door).value();
  RawTls tls = speak();
  tls.send(kAsk);
  const auto reply = held.get_future().get();
  std::promise<void> gone;
  reply->on_gone([&] { gone.set_value(); });
  reply->begin(200, {});
  const std::string piece(64 * 1024, 'x');
  int written = 0;
  while (written < 10'000 && reply->write(piece)) ++written;
  EXPECT_LT(written, 10'000);
  auto future = gone.get_future();
  EXPECT_TRUE(arrives(future));
  tls.read_all();
  EXPECT_FALSE(tls.ended_well());
}

TEST_F(TlsTest, DoesNotWaitForeverForAClientThatNeverSaysGoodbye) {
  std::promise<std::shared_ptr<http::Reply>> held;
  auto door = listen_with(
      authority_.issue("IP:127.0.0.1"),
      [&](http::Request, std::shared_ptr<http::Reply> reply) { held.set_value(std::move(reply)); });
  ASSERT_TRUE(door.ok()) << door.error().message;
  door_ = std::move(door).value();
  RawPeer plain = RawPeer::connect_to(door_->port());
  const int socket = plain.handle();
  RawTls tls(std::move(plain), RawTls::Role::Client);
  tls.send("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  // Late, so that the door has a read pending, behind which its goodbye has to wait.
  held.get_future().get()->respond(http::Response::text("late"));
  EXPECT_TRUE(tls.read_all().ends_with("late"));
  EXPECT_TRUE(tls.ended_well());
  char byte = 0;
  EXPECT_EQ(::recv(socket, &byte, 1, 0), 0);
}

TEST_F(TlsTest, DrainClosesIdleConnections) {
  open();
  RawTls tls = speak();
  tls.send(kAsk);
  tls.read_until("/a ");
  door_->drain(std::chrono::duration_cast<Milliseconds>(kPatience));
  EXPECT_EQ(tls.read_all(), "");
}

TEST_F(TlsTest, ADoorNamesTheFileThatItCannotUse) {
  const TlsFiles good = authority_.issue("IP:127.0.0.1");
  const std::string none = authority_.folder().file("none");
  const std::string junk = authority_.folder().write("junk", "no PEM");
  const TlsFiles other = authority_.issue("IP:127.0.0.1");
  for (const auto& [files, named] :
       {std::pair{TlsFiles{none, good.key_file}, none},
        std::pair{TlsFiles{junk, good.key_file}, junk},
        std::pair{TlsFiles{good.certificate_file, none}, none},
        std::pair{TlsFiles{good.certificate_file, junk}, junk},
        std::pair{TlsFiles{good.certificate_file, other.key_file}, other.key_file}}) {
    const auto door = listen_with(files);
    ASSERT_FALSE(door.ok());
    EXPECT_EQ(name(door.error().code), "invalid_argument");
    EXPECT_NE(door.error().message.find(named), std::string::npos) << door.error().message;
    EXPECT_EQ(door.error().message.find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace net
