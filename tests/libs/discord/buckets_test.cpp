#include "discord/buckets.h"

#include <gtest/gtest.h>

namespace discord {
namespace {

using http::Headers;
using http::Method;
using std::chrono::milliseconds;
using std::chrono::seconds;

class BucketsTest : public ::testing::Test {
 protected:
  Buckets::Admission admit(const Route& route) {
    return buckets.admit(route, Buckets::Global::Bound, now);
  }
  void learn(const Route& route, const Headers& headers, int status = 200) {
    buckets.learn(route, held, {status, headers}, now);
  }
  // Sends and has it answered.
  bool pass(const Route& route, const Headers& headers, int status = 200) {
    const auto admission = admit(route);
    held = admission.held;
    if (admission.go) learn(route, headers, status);
    return admission.go;
  }

  SteadyTime now = SteadyTime{} + std::chrono::hours(1);
  Buckets buckets{{.per_second = 50, .invalid_max = 3}};
  std::string held;
  const Route post = route_of(Method::Post, "/channels/1/messages");
  const Route elsewhere = route_of(Method::Post, "/channels/2/messages");
};

TEST(RouteOf, KeepsTheMajorParameterApart) {
  const auto is = [](Method method, std::string_view path, const char* name, const char* major) {
    const Route route = route_of(method, path);
    EXPECT_EQ(route.name, name);
    EXPECT_EQ(route.major, major);
  };
  is(Method::Get, "/channels/12/messages?limit=5", "GET /channels/{}/messages", "channels/12");
  is(Method::Delete, "/channels/1/messages/2", "DELETE /channels/{}/messages/{}", "channels/1");
  is(Method::Put, "/channels/1/messages/2/reactions/%F0%9F%91%8D/@me",
     "PUT /channels/{}/messages/{}/reactions/{}/@me", "channels/1");
  is(Method::Post, "/interactions/5/secret/callback", "POST /interactions/{}/{}/callback",
     "interactions/5/secret");
  is(Method::Patch, "/webhooks/5/secret/messages/@original",
     "PATCH /webhooks/{}/{}/messages/@original", "webhooks/5/secret");
  is(Method::Get, "/gateway/bot", "GET /gateway/bot", "");
  is(Method::Put, "/applications/1/guilds/2/commands", "PUT /applications/{}/guilds/{}/commands",
     "");
  is(Method::Get, "", "GET ", "");
}

TEST_F(BucketsTest, LetsOneAtATimeIntoABucketThatItDoesNotKnow) {
  const auto first = admit(post);
  EXPECT_TRUE(first.go);
  EXPECT_FALSE(admit(post).go);
  EXPECT_TRUE(admit(elsewhere).go) << "another channel has a bucket of its own";
  buckets.done(first.held);
  EXPECT_TRUE(admit(post).go);
}

TEST_F(BucketsTest, WaitsTheDecimalSecondsOfAnEmptyBucket) {
  ASSERT_TRUE(pass(post, {{"X-RateLimit-Bucket", "abc"},
                          {"X-RateLimit-Remaining", "0"},
                          {"X-RateLimit-Reset-After", "1.2345"}}));
  const auto refused = admit(post);
  EXPECT_FALSE(refused.go);
  EXPECT_EQ(refused.at, now + milliseconds(1235));
  EXPECT_TRUE(admit(elsewhere).go);
  now += milliseconds(1235);
  EXPECT_TRUE(admit(post).go);
}

TEST_F(BucketsTest, TypingNeitherWaitsForMessagesNorTakesFromThem) {
  const Route typing = route_of(Method::Post, "/channels/1/typing");
  ASSERT_TRUE(pass(typing, {{"X-RateLimit-Bucket", "t"},
                            {"X-RateLimit-Remaining", "0"},
                            {"X-RateLimit-Reset-After", "5"}}));
  ASSERT_TRUE(pass(post, {{"X-RateLimit-Bucket", "m"},
                          {"X-RateLimit-Remaining", "1"},
                          {"X-RateLimit-Reset-After", "5"}}));
  ASSERT_TRUE(pass(post, {{"X-RateLimit-Bucket", "m"},
                          {"X-RateLimit-Remaining", "0"},
                          {"X-RateLimit-Reset-After", "2"}}));
  now += seconds(2);
  EXPECT_TRUE(admit(post).go);
  EXPECT_EQ(admit(typing).at, now + seconds(3));
}

TEST_F(BucketsTest, RoutesOfOneBucketShareIt) {
  const Route edit = route_of(Method::Patch, "/channels/1/messages/7");
  ASSERT_TRUE(pass(edit, {{"X-RateLimit-Bucket", "abc"}}));
  ASSERT_TRUE(pass(post, {{"X-RateLimit-Bucket", "abc"},
                          {"X-RateLimit-Remaining", "0"},
                          {"X-RateLimit-Reset-After", "2"}}));
  EXPECT_FALSE(admit(edit).go);
}

TEST_F(BucketsTest, ALimitOfAllStopsAll) {
  ASSERT_TRUE(pass(post, {{"X-RateLimit-Global", "true"}, {"Retry-After", "3"}}, 429));
  EXPECT_EQ(admit(elsewhere).at, now + seconds(3));
  EXPECT_TRUE(buckets.admit(elsewhere, Buckets::Global::Free, now).go);
}

TEST_F(BucketsTest, ALimitOfOneBucketStopsOnlyThat) {
  ASSERT_TRUE(pass(post, {{"X-RateLimit-Scope", "user"}, {"Retry-After", "3"}}, 429));
  EXPECT_EQ(admit(post).at, now + seconds(3));
  EXPECT_TRUE(admit(elsewhere).go);
}

TEST_F(BucketsTest, A429OfTheNetworkBeforeDiscordStopsAll) {
  ASSERT_TRUE(pass(post, {{"Retry-After", "60"}}, 429));
  EXPECT_EQ(admit(elsewhere).at, now + seconds(60));
}

TEST_F(BucketsTest, HeedsTheLimitPerSecond) {
  int went = 0;
  for (int i = 0; i < 200; ++i) {
    went += admit(route_of(Method::Get, "/channels/" + std::to_string(i))).go ? 1 : 0;
  }
  EXPECT_EQ(went, 50);
  EXPECT_TRUE(admit(post).at.has_value());
}

TEST_F(BucketsTest, StopsBeforeInvalidRequestsBringABan) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(pass(post, {}, 403));
  EXPECT_EQ(admit(elsewhere).at, now + std::chrono::minutes(10));
  now += std::chrono::minutes(10);
  EXPECT_TRUE(admit(elsewhere).go);
}

TEST_F(BucketsTest, SharedLimitsAreNotInvalidRequests) {
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(pass(post, {{"X-RateLimit-Scope", "shared"}, {"Retry-After", "0"}}, 429)) << i;
  }
}

TEST_F(BucketsTest, HeadersThatMakeNoSenseChangeNothing) {
  for (const char* value : {"", "x", "-1", "nan", "1e999", "inf", "0x"}) {
    ASSERT_TRUE(pass(post, {{"X-RateLimit-Remaining", "1"}, {"X-RateLimit-Reset-After", value}}))
        << value;
  }
}

TEST_F(BucketsTest, ForgetsBucketsThatAreFull) {
  Buckets many({.per_second = 1e6});
  for (int i = 0; i < 5000; ++i) {
    const Route route = route_of(Method::Get, "/channels/" + std::to_string(i));
    const auto admission = many.admit(route, Buckets::Global::Free, now);
    ASSERT_TRUE(admission.go);
    many.learn(route, admission.held, {200, {}}, now);
  }
  EXPECT_LE(many.size(), 1001U);
}

}  // namespace
}  // namespace discord
