#include <gtest/gtest.h>

#include "cache/redis.h"

namespace cache {
namespace {

TEST(RedisUrl, NamesHostPortAndDatabase) {
  const auto address = parse_redis_url("redis://cache.example:7000/3").value();
  EXPECT_EQ(address.host, "cache.example");
  EXPECT_EQ(address.port, 7000);
  EXPECT_EQ(address.database, 3);
  EXPECT_EQ(address.text(), "cache.example:7000/3");
}

TEST(RedisUrl, HasTheUsualPortAndDatabaseWithoutThem) {
  for (const char* url : {"redis://redis", "redis://redis/", "redis://redis:6379/0"}) {
    const auto address = parse_redis_url(url).value();
    EXPECT_EQ(address.host, "redis");
    EXPECT_EQ(address.port, 6379);
    EXPECT_EQ(address.database, 0);
    EXPECT_EQ(address.password, "");
  }
}

TEST(RedisUrl, MayCarryAUserAndAPasswordThatIsNeverShown) {
  const auto address = parse_redis_url("redis://:p%40ss:w%2Ford@localhost/1").value();
  EXPECT_EQ(address.user, "");
  EXPECT_EQ(address.password, "p@ss:w/ord");
  EXPECT_EQ(address.text(), "localhost:6379/1");
  const auto named = parse_redis_url("redis://anna:secret@localhost").value();
  EXPECT_EQ(named.user, "anna");
  EXPECT_EQ(named.password, "secret");
}

TEST(RedisUrl, KnowsIpv6AndUnixSockets) {
  const auto address = parse_redis_url("redis://[::1]:7000").value();
  EXPECT_EQ(address.host, "::1");
  EXPECT_EQ(address.port, 7000);
  const auto socket = parse_redis_url("unix:///run/redis.sock").value();
  EXPECT_EQ(socket.host, "");
  EXPECT_EQ(socket.path, "/run/redis.sock");
  EXPECT_EQ(socket.text(), "unix:///run/redis.sock");
}

TEST(RedisUrl, RefusesWhatItCannotReadWithoutRepeatingIt) {
  const std::string zero("redis://host\0secret", 19);
  for (const std::string& url : {std::string(),
                                 std::string("secret"),
                                 std::string("http://secret"),
                                 std::string("rediss://secret"),
                                 std::string("redis://"),
                                 std::string("redis://:secret@"),
                                 std::string("redis://secret@host"),
                                 std::string("redis://:secret%4@host"),
                                 std::string("redis://:secret%zz@host"),
                                 std::string("redis://host:secret"),
                                 std::string("redis://host:"),
                                 std::string("redis://host:0"),
                                 std::string("redis://host:65536"),
                                 std::string("redis://host:-1"),
                                 std::string("redis://host/secret"),
                                 std::string("redis://host/-1"),
                                 std::string("redis://[::1secret"),
                                 std::string("redis://[::1]7000"),
                                 std::string("unix://secret"),
                                 std::string("unix:///") + std::string(200, 's'),
                                 zero}) {
    const auto address = parse_redis_url(url);
    ASSERT_FALSE(address.ok()) << url;
    EXPECT_NE(address.error().message.find("must be redis://"), std::string::npos);
    EXPECT_EQ(address.error().message.find("secret"), std::string::npos) << url;
    EXPECT_EQ(address.error().message.find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace cache
