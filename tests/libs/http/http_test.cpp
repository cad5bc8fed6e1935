#include "http/http.h"

#include <gtest/gtest.h>

namespace http {
namespace {

TEST(SetTarget, SplitsAndDecodesPathAndQuery) {
  Request request;
  ASSERT_TRUE(set_target(request, "/a%20b/%C3%A9+c?q=1%2B1+2&empty=&flag&&q=last&%6b=v"));
  EXPECT_EQ(request.target, "/a%20b/%C3%A9+c?q=1%2B1+2&empty=&flag&&q=last&%6b=v");
  EXPECT_EQ(request.path, "/a b/\xC3\xA9+c");
  const std::map<std::string, std::string> expected{
      {"q", "last"}, {"empty", ""}, {"flag", ""}, {"k", "v"}};
  EXPECT_EQ(request.query, expected);
}

TEST(SetTarget, KeepsEqualsSignsInAValueAndSlashesThatWereEncoded) {
  Request request;
  ASSERT_TRUE(set_target(request, "/a%2Fb?token=x==&path=/c?d"));
  EXPECT_EQ(request.path, "/a/b");
  EXPECT_EQ(request.query.at("token"), "x==");
  EXPECT_EQ(request.query.at("path"), "/c?d");
}

TEST(SetTarget, ForgetsTheQueryOfTheTargetBefore) {
  Request request;
  ASSERT_TRUE(set_target(request, "/a?b=c"));
  ASSERT_TRUE(set_target(request, "/d"));
  EXPECT_TRUE(request.query.empty());
}

TEST(SetTarget, RefusesWhatIsNoOriginForm) {
  Request request;
  for (const std::string_view target :
       {"", "*", "a", "http://localhost/a", "localhost:80", "/%", "/%4", "/%zz", "/%00", "/%ff",
        "/\xFF", "/a?b=%", "/a?%c3=b", "/a?b=%80"}) {
    EXPECT_FALSE(set_target(request, target)) << target;
  }
}

TEST(Headers, CompareNamesWithoutCaseAndKeepTheOrder) {
  Headers headers{{"Content-Type", "a"}, {"X", "1"}};
  headers.add("x", "2");
  EXPECT_EQ(headers.get("content-TYPE"), "a");
  EXPECT_EQ(headers.get("X"), "1");
  EXPECT_EQ(headers.count("x"), 2U);
  headers.set("X", "3");
  EXPECT_EQ(headers.count("x"), 1U);
  EXPECT_EQ(headers.get("x"), "3");
  EXPECT_EQ(headers.get("absent"), std::nullopt);
}

TEST(Method, HasItsNameBothWays) {
  for (const Method method : {Method::Get, Method::Head, Method::Post, Method::Put, Method::Patch,
                              Method::Delete, Method::Options}) {
    EXPECT_EQ(method_from_name(name(method)), method);
  }
  EXPECT_EQ(name(Method::Delete), "DELETE");
  EXPECT_EQ(method_from_name("get"), std::nullopt);
  EXPECT_EQ(method_from_name("BREW"), std::nullopt);
}

TEST(Response, SaysAnErrorAsJsonWhateverItsMessageHolds) {
  const auto response = Response::error({Code::TooLarge, "a \"b\"\\\n\x01\xFF"});
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(response.headers.get("Content-Type"), "application/json");
  EXPECT_EQ(response.body,
            "{\"error\":{\"code\":\"too_large\",\"message\":"
            "\"a \\\"b\\\"\\\\\\u000a\\u0001\xEF\xBF\xBD\"}}");
}

}  // namespace
}  // namespace http
