#include "crawler/robots.h"

#include <gtest/gtest.h>

namespace crawler {
namespace {

Robots parse(std::string_view text) { return Robots::parse(text, "TroupeBot"); }

TEST(Robots, AllowsAllWithoutRules) {
  EXPECT_TRUE(parse("").allows("/x"));
  EXPECT_TRUE(parse("User-agent: *\nDisallow:\n").allows("/x"));
  EXPECT_TRUE(parse("Disallow: /\n").allows("/x"));  // before any group
  EXPECT_TRUE(parse("<html>not a robots file</html>").allows("/x"));
  EXPECT_FALSE(Robots::disallow_all().allows("/x"));
  EXPECT_TRUE(Robots::disallow_all().allows("/robots.txt"));
}

TEST(Robots, TakesTheGroupsThatNameIt) {
  const auto robots = parse(
      "User-agent: *\nDisallow: /\n\nUser-agent: other\nUser-agent: troupebot/9 x\nDisallow: /a\n"
      "user-AGENT : someone\nDisallow: /s\n\nUser-agent: TroupeBot\nDisallow: /b\n");
  EXPECT_TRUE(robots.allows("/"));
  EXPECT_FALSE(robots.allows("/a"));
  EXPECT_FALSE(robots.allows("/b"));
  EXPECT_TRUE(robots.allows("/s"));
  EXPECT_FALSE(parse("User-agent: *\nDisallow: /\nUser-agent: TroupeBotty\nAllow: /").allows("/x"));
}

TEST(Robots, LetsTheLongestMatchDecideAndAllowOfEquals) {
  const auto robots = parse(
      "User-agent: *\nDisallow: /shop\nAllow: /shop/open\nDisallow: /shop/open/secret\n"
      "Disallow: /same\nAllow: /same\n");
  EXPECT_FALSE(robots.allows("/shop"));
  EXPECT_FALSE(robots.allows("/shopping"));
  EXPECT_TRUE(robots.allows("/shop/open/x"));
  EXPECT_FALSE(robots.allows("/shop/open/secret/1"));
  EXPECT_TRUE(robots.allows("/same"));
}

TEST(Robots, KnowsStarsAndTheEnd) {
  const auto robots = parse(
      "User-agent: *\nDisallow: /*.gif$\nDisallow: /a*b*c\nDisallow: *?session=\n"
      "Disallow: /exact$\n");
  EXPECT_FALSE(robots.allows("/x/y.gif"));
  EXPECT_TRUE(robots.allows("/x/y.gif?z"));
  EXPECT_FALSE(robots.allows("/axxbxxcxx"));
  EXPECT_TRUE(robots.allows("/axxcxxb"));
  EXPECT_FALSE(robots.allows("/p?session=1"));
  EXPECT_FALSE(robots.allows("/exact"));
  EXPECT_TRUE(robots.allows("/exactly"));
}

TEST(Robots, ComparesPercentEncodedTextByMeaning) {
  const auto robots = parse("User-agent: *\nDisallow: /caf\xc3\xa9\nDisallow: /%7Euser\n");
  EXPECT_FALSE(robots.allows("/caf%c3%a9/menu"));
  EXPECT_FALSE(robots.allows("/~user"));
  EXPECT_TRUE(robots.allows("/cafe"));
}

TEST(Robots, ReadsEveryLineEndAndPassesOverTheRest) {
  const auto robots = parse(
      "\xef\xbb\xbfUser-agent: * # all\r\nSitemap: http://x/s\rDisallow: /a # not "
      "this\r\nnonsense\n"
      "Crawl-delay: 2.5\n");
  EXPECT_FALSE(robots.allows("/a"));
  EXPECT_EQ(robots.crawl_delay(), Milliseconds(2500));
  EXPECT_FALSE(parse("User-agent: *\nCrawl-delay: -1").crawl_delay());
  EXPECT_FALSE(parse("User-agent: *\nCrawl-delay: nan").crawl_delay());
  EXPECT_FALSE(parse("User-agent: *\nCrawl-delay: 1e99").crawl_delay());
}

TEST(Robots, ReadsOnlyTheFirst500KiB) {
  std::string text = "User-agent: *\nDisallow: /early\n";
  text += std::string(Robots::kBytesMax, '#') + "\nDisallow: /late\n";
  EXPECT_FALSE(parse(text).allows("/early"));
  EXPECT_TRUE(parse(text).allows("/late"));
}

TEST(Robots, MatchesAManyStarredPatternInTime) {
  std::string pattern = "/";
  for (int i = 0; i < 900; ++i) pattern += "*a";
  const auto robots = parse("User-agent: *\nDisallow: " + pattern + "b$\n");
  EXPECT_TRUE(robots.allows("/" + std::string(2000, 'a')));
}

}  // namespace
}  // namespace crawler
