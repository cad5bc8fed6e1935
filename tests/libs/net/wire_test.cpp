#include "net/wire.h"

#include <gtest/gtest.h>

namespace net {
namespace {

TEST(Url, IsSplitIntoItsParts) {
  const auto url = parse_url("http://example.org:8080/a/b?c=d#e");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url.value().host, "example.org");
  EXPECT_EQ(url.value().port, "8080");
  EXPECT_EQ(url.value().authority, "example.org:8080");
  EXPECT_EQ(url.value().target, "/a/b?c=d");
  EXPECT_FALSE(url.value().tls);
}

TEST(Url, HasDefaults) {
  const auto url = parse_url("HTTPS://[::1]?q");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url.value().host, "::1");
  EXPECT_EQ(url.value().port, "443");
  EXPECT_EQ(url.value().authority, "[::1]");
  EXPECT_EQ(url.value().target, "/?q");
  EXPECT_TRUE(url.value().tls);
}

TEST(Url, OfAWebSocketIsOneOfItsOwnSchemes) {
  const auto url = parse_url("wss://gateway.example/?v=10", Scheme::WebSocket);
  ASSERT_TRUE(url.ok());
  EXPECT_TRUE(url.value().tls);
  EXPECT_EQ(url.value().port, "443");
  EXPECT_FALSE(parse_url("ws://a/", Scheme::WebSocket).value().tls);
  EXPECT_FALSE(parse_url("https://a/", Scheme::WebSocket).ok());
  EXPECT_FALSE(parse_url("wss://a/").ok());
}

TEST(Url, IsRefusedWhenItIsNotOne) {
  for (const char* text : {"", "example.org", "ftp://example.org/", "http://", "http:///path",
                           "http://a:0/", "http://a:65536/", "http://a:8o/", "http://a:/",
                           "http://user@a/", "http://[::1/", "http://[::1]x/", "http://a/b c",
                           "http://a/\r\nX: y", "http://a/\xc3\xa4", "http://:80/"}) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url.ok()) << text;
    EXPECT_EQ(url.error().code, Code::InvalidArgument) << text;
  }
}

TEST(ResponseHead, LeavesOutLinesThatWouldBreakIt) {
  const http::Headers headers{{"X-Good", "1"},
                              {"X-Split", "a\r\nSet-Cookie: b"},
                              {"Bad Name", "1"},
                              {"Content-Length", "7"},
                              {"transfer-encoding", "chunked"}};
  std::string head;
  append_head(head, {.status = 201, .headers = headers, .length = 3, .date = "D"});
  EXPECT_EQ(head, "HTTP/1.1 201 Created\r\nX-Good: 1\r\nDate: D\r\nContent-Length: 3\r\n\r\n");
}

TEST(RequestHead, RefusesALineThatWouldSplitIt) {
  std::string head;
  const Url url = parse_url("http://a/").value();
  const auto made = append_request_head(head, http::Method::Get, url, {{"X", "a\r\nY: b"}}, 0);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, Code::InvalidArgument);
}

TEST(RequestHead, NamesHostAndLength) {
  std::string head;
  const Url url = parse_url("http://a:81/x?y").value();
  ASSERT_TRUE(append_request_head(head, http::Method::Post, url, {{"X", "1"}}, 0).ok());
  EXPECT_EQ(head, "POST /x?y HTTP/1.1\r\nHost: a:81\r\nX: 1\r\nContent-Length: 0\r\n\r\n");
  head.clear();
  ASSERT_TRUE(append_request_head(head, http::Method::Get, url, {}, 0).ok());
  EXPECT_EQ(head, "GET /x?y HTTP/1.1\r\nHost: a:81\r\n\r\n");
}

TEST(Date, IsWrittenAsRfc9110Says) {
  EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
}

}  // namespace
}  // namespace net
