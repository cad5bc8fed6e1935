#include "http/guard.h"

#include <gtest/gtest.h>

namespace http {
namespace {

// The status of the refusal, or 0.
int refused(Headers headers, const std::vector<std::string>& hosts = {"troupe.example"}) {
  Request request;
  request.headers = std::move(headers);
  const auto response = refuse_foreign(request, hosts);
  return response ? response->status : 0;
}

TEST(RefuseForeign, LetsLoopbackAndTheDoorsOwnNamesPass) {
  for (const std::string host : {"localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:6003",
                                 "[::1]", "[::1]:6003", "troupe.example", "Troupe.Example:80"}) {
    EXPECT_EQ(refused({{"Host", host}}), 0) << host;
  }
}

TEST(RefuseForeign, RefusesAnotherHostAsDnsRebindingSendsIt) {
  for (const std::string host :
       {"evil.example", "localhost.evil.example", "evil.example:6003", "127.0.0.1.evil.example", "",
        "[::2]", "[::1].evil.example", "[::1]:80.evil.example", "localhost:80@evil.example", "[::1",
        "127.0.0.2", "troupe.example.evil", "\xFF"}) {
    EXPECT_EQ(refused({{"Host", host}}), 421) << host;
  }
}

TEST(RefuseForeign, WantsExactlyOneHost) {
  EXPECT_EQ(refused({}), 400);
  EXPECT_EQ(refused({{"Host", "localhost"}, {"host", "localhost"}}), 400);
}

TEST(RefuseForeign, AStarAcceptsAnyHost) { EXPECT_EQ(refused({{"Host", "anything"}}, {"*"}), 0); }

TEST(RefuseForeign, AStarAcceptsNoOriginBesideTheHostThatWasAskedFor) {
  const auto origin = [](std::string value) {
    return refused({{"Host", "anything:80"}, {"Origin", std::move(value)}}, {"*"});
  };
  EXPECT_EQ(origin("http://anything"), 0);
  EXPECT_EQ(origin("http://localhost:8080"), 0);
  EXPECT_EQ(origin("http://evil.example"), 403);
  EXPECT_EQ(origin("http://"), 403);
}

TEST(RefuseForeign, RefusesCrossSiteRequestsOfABrowser) {
  EXPECT_EQ(refused({{"Host", "localhost"}, {"Sec-Fetch-Site", "cross-site"}}), 403);
  EXPECT_EQ(refused({{"Host", "localhost"}, {"Sec-Fetch-Site", "same-origin"}}), 0);
  EXPECT_EQ(refused({{"Host", "localhost"}, {"Sec-Fetch-Site", "none"}}), 0);
}

TEST(RefuseForeign, RefusesAForeignOrigin) {
  const auto origin = [](std::string value) {
    return refused({{"Host", "localhost"}, {"Origin", std::move(value)}});
  };
  EXPECT_EQ(origin("http://localhost:8080"), 0);
  EXPECT_EQ(origin("https://troupe.example"), 0);
  EXPECT_EQ(origin("http://evil.example"), 403);
  EXPECT_EQ(origin("null"), 403);
  EXPECT_EQ(origin(""), 403);
  EXPECT_EQ(origin("http://localhost.evil.example"), 403);
  EXPECT_EQ(origin("http://localhost@evil.example"), 403);
  EXPECT_EQ(origin("http://localhost:80@evil.example"), 403);
}

}  // namespace
}  // namespace http
