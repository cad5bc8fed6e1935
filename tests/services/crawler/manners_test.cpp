#include "crawler/manners.h"

#include <gtest/gtest.h>

#include "support/fake_clock.h"

namespace crawler {
namespace {

TEST(Pacer, GivesEachSiteItsTurns) {
  const support::FakeClock clock;
  Pacer pacer(clock);
  const SteadyTime start = clock.now();
  EXPECT_EQ(pacer.reserve("a", Milliseconds(1000)), start);
  EXPECT_EQ(pacer.reserve("a", Milliseconds(1000)), start + Milliseconds(1000));
  EXPECT_EQ(pacer.reserve("b", Milliseconds(500)), start);
  const auto busy = pacer.busy();
  EXPECT_EQ(busy.sites.size(), 2U);
  EXPECT_EQ(busy.first_free, start + Milliseconds(500));
}

TEST(Pacer, ForgetsSitesWhoseTimeHasComeAndBoundsTheRest) {
  support::FakeClock clock;
  Pacer pacer(clock, 2);
  for (const auto* site : {"a", "b", "c", "d"}) pacer.reserve(site, Milliseconds(1000));
  // c and d share a turn: there is no room for more sites.
  EXPECT_EQ(pacer.reserve("e", Milliseconds(1000)), clock.now() + Milliseconds(2000));
  EXPECT_LE(pacer.busy().sites.size(), 3U);
  clock.advance(5000);
  EXPECT_TRUE(pacer.busy().sites.empty());
  EXPECT_EQ(pacer.busy().first_free, SteadyTime::max());
}

class MannersTest : public ::testing::Test {
 protected:
  Result<void> enter(const std::string& url) { return manners_.enter(parse_url(url).value(), {}); }
  Code refusal(const std::string& url) {
    const auto entered = enter(url);
    return entered ? Code::Internal : entered.error().code;
  }

  support::FakeClock clock_;
  Pacer pacer_{clock_};
  Result<Manners::Answer> answer_ = Manners::Answer{200, "User-agent: *\nDisallow: /no\n"};
  std::vector<std::string> asked_;
  Manners manners_{{.agent = "TestBot", .delay = Milliseconds(0)},
                   pacer_,
                   [this](const Url& url, const std::stop_token&) {
                     asked_.push_back(url.text());
                     return answer_;
                   },
                   clock_};
};

TEST_F(MannersTest, AskOnceADayAndObey) {
  EXPECT_TRUE(enter("http://a.org/x?y").ok());
  EXPECT_EQ(refusal("http://a.org/no/x"), Code::PermissionDenied);
  EXPECT_EQ(asked_, std::vector<std::string>{"http://a.org/robots.txt"});
  EXPECT_TRUE(enter("https://a.org/").ok());  // another origin
  EXPECT_EQ(asked_.size(), 2U);
  clock_.advance(Milliseconds(86'400'001));
  EXPECT_TRUE(enter("http://a.org/").ok());
  EXPECT_EQ(asked_.size(), 3U);
}

TEST_F(MannersTest, TakeAMissingFileForYesAndABrokenServerForNotNow) {
  answer_ = Manners::Answer{404, ""};
  EXPECT_TRUE(enter("http://a.org/no").ok());
  answer_ = Manners::Answer{503, ""};
  EXPECT_EQ(refusal("http://b.org/"), Code::Unavailable);
  answer_ = Manners::Answer{429, ""};
  EXPECT_EQ(refusal("http://c.org/"), Code::Unavailable);
  answer_ = Error{Code::DeadlineExceeded, "slow"};
  EXPECT_EQ(refusal("http://d.org/"), Code::Unavailable);
  answer_ = Error{Code::TooLarge, "endless"};
  EXPECT_EQ(refusal("http://e.org/"), Code::Unavailable);
  answer_ = Error{Code::PermissionDenied, "private"};
  EXPECT_EQ(refusal("http://f.org/"), Code::PermissionDenied);
  // Which is asked again soon.
  answer_ = Manners::Answer{404, ""};
  EXPECT_EQ(refusal("http://b.org/"), Code::Unavailable);
  clock_.advance(60'001);
  EXPECT_TRUE(enter("http://b.org/").ok());
}

TEST_F(MannersTest, KeepTheDistanceThatASiteAsksForWithinReason) {
  answer_ = Manners::Answer{200, "User-agent: *\nCrawl-delay: 5\n"};
  EXPECT_TRUE(enter("http://a.org/").ok());
  EXPECT_EQ(pacer_.busy().first_free, clock_.now() + Milliseconds(5000));
  answer_ = Manners::Answer{200, "User-agent: *\nCrawl-delay: 5000\n"};
  clock_.advance(10'000);
  EXPECT_TRUE(enter("http://b.org/").ok());
  EXPECT_EQ(pacer_.busy().first_free, clock_.now() + Milliseconds(30'000));
}

}  // namespace
}  // namespace crawler
