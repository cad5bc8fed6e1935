#include <gtest/gtest.h>
#include <signal.h>

#include "cache/redis_connection.h"
#include "libs/cache/redis_server.h"

namespace cache::testing {
namespace {

using Kind = RedisConnection::Reply::Kind;

Result<std::vector<RedisConnection::Reply>> ask(const FakeServer& server, Milliseconds timeout) {
  const auto connection = RedisConnection::open(server.address(), kPatience).value();
  return connection->exchange({{"GET", "key"}}, timeout);
}

TEST(RedisConnection, GivesOneReplyForEachCommandInOrder) {
  const RedisServer server;
  const auto connection = RedisConnection::open(server.address(), kPatience).value();
  const std::string binary("a\0\r\n\xFF", 5);
  const auto replies = connection
                           ->exchange({{"SET", "key", binary},
                                       {"GET", "key"},
                                       {"GET", "other"},
                                       {"PTTL", "key"},
                                       {"NONSENSE"}},
                                      kPatience)
                           .value();
  ASSERT_EQ(replies.size(), 5U);
  EXPECT_EQ(replies[0].text, "OK");
  EXPECT_EQ(replies[1].text, binary);
  EXPECT_EQ(replies[2].kind, Kind::Nil);
  EXPECT_EQ(replies[3].kind, Kind::Number);
  EXPECT_EQ(replies[3].number, -1);
  EXPECT_EQ(replies[4].kind, Kind::Refused);
}

TEST(RedisConnection, CarriesMoreThanTheSocketHolds) {
  const RedisServer server;
  const auto connection = RedisConnection::open(server.address(), kPatience).value();
  const std::string large(8 * 1024 * 1024, 'x');
  std::vector<RedisConnection::Command> commands{{"SET", "key", large}};
  for (int i = 0; i < 4; ++i) commands.push_back({"GET", "key"});
  const auto replies = connection->exchange(commands, kPatience).value();
  ASSERT_EQ(replies.size(), 5U);
  EXPECT_EQ(replies[4].text, large);
}

TEST(RedisConnection, IsRefusedWhereNobodyListens) {
  RedisAddress address;
  address.path = support::TempDir().file("absent.sock");
  const auto connection = RedisConnection::open(address, kPatience);
  ASSERT_FALSE(connection.ok());
  EXPECT_EQ(connection.error().code, Code::Unavailable);
}

TEST(RedisConnection, TakesWhatIsNoRespForLostData) {
  for (const char* garbage : {"HTTP/1.1 400 Bad Request\r\n\r\n", "\x16\x03\x01\x02", "*-2\r\n",
                              "*1\r\n+OK\r\n", "$-7\r\n", "$x\r\n"}) {
    const FakeServer server([&](const std::string&) { return garbage; });
    const auto replies = ask(server, kPatience);
    ASSERT_FALSE(replies.ok()) << garbage;
    EXPECT_EQ(replies.error().code, Code::DataLoss) << garbage;
  }
}

TEST(RedisConnection, NeverTakesAReplyTooManyForThatOfTheNextCommand) {
  const FakeServer server([](const std::string&) { return "$3\r\none\r\n$3\r\ntwo\r\n"; });
  const auto replies = ask(server, kPatience);
  ASSERT_FALSE(replies.ok());
  EXPECT_EQ(replies.error().code, Code::DataLoss);
}

TEST(RedisConnection, DoesNotTakeInAReplyWithoutAnEnd) {
  const FakeServer server([](const std::string&) {
    return "$999999999\r\n" + std::string(RedisConnection::kReplyBytesMax + 65536, 'x');
  });
  const auto replies = ask(server, kPatience);
  ASSERT_FALSE(replies.ok());
  EXPECT_EQ(replies.error().code, Code::TooLarge);
}

TEST(RedisConnection, WaitsNoLongerThanItsTimeOutAlsoForHalfAReply) {
  for (const char* part : {"", "$5\r\nab"}) {
    const FakeServer server([&](const std::string&) { return part; });
    const auto replies = ask(server, Milliseconds(20));
    ASSERT_FALSE(replies.ok());
    EXPECT_EQ(replies.error().code, Code::DeadlineExceeded);
  }
}

TEST(RedisConnection, NoticesThatItsPeerEnds) {
  RedisServer server;
  const auto connection = RedisConnection::open(server.address(), kPatience).value();
  server.kill_now();
  signal(SIGPIPE, SIG_IGN);
  const auto replies = connection->exchange({{"GET", "key"}}, kPatience);
  ASSERT_FALSE(replies.ok());
  EXPECT_EQ(replies.error().code, Code::Unavailable);
}

TEST(RedisConnection, SaysWhatTheServerHasAgainstItsPassword) {
  const RedisServer server({"--requirepass", "right"});
  RedisAddress address = server.address();
  address.password = "wrong";
  const auto wrong = RedisConnection::open(address, kPatience);
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().code, Code::PermissionDenied);
  EXPECT_EQ(wrong.error().message.find("wrong\""), std::string::npos);
  address.password = "right";
  EXPECT_TRUE(RedisConnection::open(address, kPatience).ok());
  address.user = "default";
  EXPECT_TRUE(RedisConnection::open(address, kPatience).ok());
  address.database = 999;
  EXPECT_EQ(RedisConnection::open(address, kPatience).error().code, Code::PermissionDenied);
}

}  // namespace
}  // namespace cache::testing
