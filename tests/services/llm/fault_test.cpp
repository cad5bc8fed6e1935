#include "llm/fault.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "llm/wire_json.h"

namespace llm {
namespace {

TEST(Fault, KnowsWhatAStatusSaysAndAboutWhom) {
  struct Case {
    int status;
    std::string body;
    Code code;
    Blame blame;
    std::string text;
  };
  const std::vector<Case> cases{
      {500, R"({"error":"no"})", Code::Unavailable, Blame::Provider, "HTTP 500: no"},
      {503, "<html>", Code::Unavailable, Blame::Provider, "HTTP 503: <html>"},
      {502, "", Code::Unavailable, Blame::Provider, "HTTP 502: "},
      {302, "", Code::Unavailable, Blame::Provider, "HTTP 302: "},
      {408, "{}", Code::Unavailable, Blame::Provider, "HTTP 408: {}"},
      {400, R"({"error":{"message":"bad","type":"invalid_request_error","code":null}})",
       Code::Unavailable, Blame::Nobody, "HTTP 400: bad"},
      {400, R"({"error":{"message":"long","code":"context_length_exceeded"}})", Code::TooLarge,
       Blame::Nobody, "HTTP 400: long"},
      {413, "", Code::TooLarge, Blame::Nobody, "HTTP 413: "},
      {404, R"({"error":{"message":"none","code":"model_not_found"}})", Code::NotFound,
       Blame::Nobody, "HTTP 404: it does not have the model 'm': none"},
      {403, R"({"error":{"message":"no access","code":"model_not_found"}})", Code::NotFound,
       Blame::Nobody, "HTTP 403: it does not have the model 'm': no access"},
      {401, R"({"error":{"message":"Incorrect API key: sk-a***z"}})", Code::Unavailable, Blame::Key,
       "HTTP 401: the key is refused"},
      {403, R"({"message":"country"})", Code::Unavailable, Blame::Nobody,
       "HTTP 403: access is refused: country"},
      {403, R"({"error":{"message":"flagged by moderation","code":403}})", Code::Unavailable,
       Blame::Nobody, "HTTP 403: access is refused: flagged by moderation"},
      {403, R"({"error":{"message":"bad key","code":"invalid_api_key"}})", Code::Unavailable,
       Blame::Key, "HTTP 403: access is refused: bad key"},
      {403, R"({"error":{"message":"who","type":"authentication_error"}})", Code::Unavailable,
       Blame::Key, "HTTP 403: access is refused: who"},
      {429, R"({"error":{"message":"slow down","type":"requests"}})", Code::Overloaded,
       Blame::Nobody, "HTTP 429: slow down"}};
  for (const auto& [status, body, code, blame, text] : cases) {
    const Failure failure = failure_of_status(status, "", body, "m");
    EXPECT_EQ(failure.error.message, text);
    EXPECT_EQ(name(failure.error.code), name(code)) << text;
    EXPECT_EQ(failure.blame, blame) << text;
    EXPECT_EQ(failure.pause.count(), 0) << text;
  }
}

TEST(Fault, HeedsRetryAfterWithinReason) {
  const std::vector<std::pair<std::string, int>> cases{{"7", 7000},
                                                       {"0", 0},
                                                       {"3600", 60'000},
                                                       {"-5", 0},
                                                       {"soon", 0},
                                                       {"1.5", 0},
                                                       {"99999999999999999999", 0},
                                                       {"Wed, 21 Oct 2015 07:28:00 GMT", 0},
                                                       {"60s", 0},
                                                       {"", 0}};
  for (const auto& [header, pause_ms] : cases) {
    EXPECT_EQ(failure_of_status(429, header, "", "m").pause.count(), pause_ms) << header;
  }
  EXPECT_EQ(failure_of_status(500, "7", "", "m").pause.count(), 0);
}

TEST(Fault, KnowsWhatAnErrorInAStreamMeans) {
  struct Case {
    std::string body;
    Code code;
    Blame blame;
    std::string text;
  };
  const std::vector<Case> cases{
      {R"({"error":{"message":"boom","type":"server_error"}})", Code::Unavailable, Blame::Provider,
       "boom"},
      {R"({"error":{"message":"slow","code":"rate_limit_exceeded"}})", Code::Overloaded,
       Blame::Nobody, "slow"},
      {R"({"error":{"message":"pay","type":"insufficient_quota"}})", Code::Overloaded,
       Blame::Nobody, "pay"},
      {R"({"error":{"message":"slow","code":429}})", Code::Overloaded, Blame::Nobody, "slow"},
      {R"({"error":{"message":"who","type":"authentication_error"}})", Code::Unavailable,
       Blame::Key, "who"},
      {R"({"error":"plain"})", Code::Unavailable, Blame::Provider, "plain"},
      {R"({"error":{"odd":1}})", Code::Unavailable, Blame::Provider, R"({"odd":1})"},
      {R"({"detail":"d"})", Code::Unavailable, Blame::Provider, R"({"detail":"d"})"},
      {"\xff\xfe", Code::Unavailable, Blame::Provider, "\xef\xbf\xbd\xef\xbf\xbd"}};
  for (const auto& [body, code, blame, text] : cases) {
    const Failure failure = failure_of(error_in(body));
    EXPECT_EQ(failure.error.message, text);
    EXPECT_EQ(name(failure.error.code), name(code)) << text;
    EXPECT_EQ(failure.blame, blame) << text;
  }
}

TEST(Fault, RepeatsNoKey) {
  EXPECT_EQ(without_key("bad sk-1, I say: sk-1", "sk-1"), "bad (key), I say: (key)");
  EXPECT_EQ(without_key("bad", ""), "bad");
  // A key across the place where the text is cut stays out as well.
  EXPECT_EQ(without_key(std::string(198, 'x') + "sk-secret", "sk-secret"),
            std::string(198, 'x') + "(k");
}

TEST(Fault, RepeatsNoKeyThatIsAPartOfWhatStandsInItsPlace) {
  EXPECT_EQ(without_key("my key is key", "key"), "my (key) is (key)");
  EXPECT_EQ(without_key("(k)", "k"), "((key))");
  EXPECT_EQ(without_key("(key)(key)", "(key)"), "(key)(key)");
}

}  // namespace
}  // namespace llm
