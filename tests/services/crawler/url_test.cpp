#include "crawler/url.h"

#include <gtest/gtest.h>

namespace crawler {
namespace {

std::string normal(std::string_view text) {
  const auto url = parse_url(text);
  return url ? url.value().text() : "";
}

TEST(Url, HasOneSpelling) {
  EXPECT_EQ(normal("HTTP://Example.ORG"), "http://example.org/");
  EXPECT_EQ(normal("https://example.org:443/a?b=c#d"), "https://example.org/a?b=c");
  EXPECT_EQ(normal("http://example.org:8080/"), "http://example.org:8080/");
  EXPECT_EQ(normal(" http://example.org./a/./b/../c "), "http://example.org/a/c");
  EXPECT_EQ(normal("http://example.org/a b/\xc3\xa9?q=\xc3\xa9"),
            "http://example.org/a%20b/%C3%A9?q=%C3%A9");
  EXPECT_EQ(normal("http://example.org/../../x"), "http://example.org/x");
  EXPECT_EQ(normal("http://[2606:4700::1]:80/"), "http://[2606:4700::1]/");
  EXPECT_EQ(normal("http://93.184.216.34/"), "http://93.184.216.34/");
}

TEST(Url, IsRefusedWhenItHidesWhereItLeads) {
  for (const auto* bad : {"ftp://example.org/",
                          "file:///etc/passwd",
                          "javascript:alert(1)",
                          "//example.org/",
                          "example.org",
                          "http:example.org",
                          "http://user@example.org/",
                          "http://a:b@example.org/",
                          "http://2130706433/",
                          "http://0x7f.0.0.1/",
                          "http://0177.0.0.1/",
                          "http://127.1/",
                          "http://0x7f000001/",
                          "http://1.2.3.4.5/",
                          "http://[::1%25lo]/",
                          "http://[::1/",
                          "http://[example.org]/",
                          "http:///x",
                          "http://exa mple.org/",
                          "http://ex\xc3\xa4mple.org/",
                          "http://example.org:0/",
                          "http://example.org:65536/",
                          "http://example.org:x/",
                          "http://a..b/",
                          "http://example.org\\@evil.org/x@y:z@"}) {
    EXPECT_EQ(normal(bad).find("http://example.org\\"), std::string::npos);
    if (std::string_view(bad).find('\\') == std::string_view::npos) {
      EXPECT_EQ(normal(bad), "") << bad;
    }
  }
  EXPECT_EQ(normal("http://example.org/" + std::string(kUrlBytesMax, 'a')), "");
}

// RFC 3986 section 5.4, where the scheme is one of ours.
TEST(Url, IsResolvedAsTheRfcDoes) {
  const Url base = parse_url("http://a/b/c/d;p?q").value();
  const std::pair<const char*, const char*> cases[] = {
      {"g", "http://a/b/c/g"},       {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},     {"/g", "http://a/g"},
      {"//g", "http://g/"},          {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},   {"#s", "http://a/b/c/d;p?q"},
      {"g#s", "http://a/b/c/g"},     {";x", "http://a/b/c/;x"},
      {"", "http://a/b/c/d;p?q"},    {".", "http://a/b/c/"},
      {"..", "http://a/b/"},         {"../g", "http://a/b/g"},
      {"../..", "http://a/"},        {"../../../g", "http://a/g"},
      {"/./g", "http://a/g"},        {"g.", "http://a/b/c/g."},
      {"./g/.", "http://a/b/c/g/"},  {"g;x=1/../y", "http://a/b/c/y"},
      {"https://x/y", "https://x/y"}};
  for (const auto& [reference, expected] : cases) {
    const auto url = resolve(base, reference);
    ASSERT_TRUE(url.ok()) << reference;
    EXPECT_EQ(url.value().text(), expected) << reference;
  }
  for (const auto* bad : {"mailto:x@y", "javascript:x", "data:text/plain,x", "http://u@h/"}) {
    EXPECT_FALSE(resolve(base, bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace crawler
