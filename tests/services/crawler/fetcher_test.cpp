#include "crawler/fetcher.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "support/fake_clock.h"

namespace crawler {
namespace {

// A server on loopback whose pages a test sets, and a fetcher that may reach it.
class FetcherTest : public ::testing::Test {
 protected:
  FetcherTest() {
    server_ =
        net::listen(loop_, {}, [this](http::Request request, std::shared_ptr<http::Reply> reply) {
          const std::lock_guard lock(mutex_);
          seen_.push_back(request);
          const auto found = pages_.find(request.target);
          if (found == pages_.end()) return held_.push_back(std::move(reply));
          reply->respond(found->second);
        }).value();
    fetcher_ = std::make_unique<Fetcher>(loop_, options(place()));
  }
  ~FetcherTest() override {
    fetcher_.reset();
    held_.clear();
  }

  static Fetcher::Options options(const std::string& allowed) {
    return {"TestBot/1", AllowedPlaces::parse(allowed).value(), Milliseconds(5000), 5, ""};
  }
  std::string place() const { return fmt::format("127.0.0.1:{}", server_->port()); }
  Url url(const std::string& target) const {
    return parse_url("http://" + place() + target).value();
  }
  void redirect(const std::string& from, const std::string& to) {
    pages_[from] = {302, {{"Location", to}}, ""};
  }
  Result<Fetched> fetch(const std::string& target, std::size_t bytes_max = 1000) {
    return fetcher_->fetch({url(target), "", "", bytes_max}, {}, stop_.get_token());
  }
  static void expect_error(const Result<Fetched>& outcome, Code code, std::string_view part) {
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(name(outcome.error().code), name(code)) << outcome.error().message;
    EXPECT_NE(outcome.error().message.find(part), std::string::npos) << outcome.error().message;
  }

  net::Loop loop_;
  std::mutex mutex_;
  std::map<std::string, http::Response> pages_;
  std::vector<http::Request> seen_;
  std::vector<std::shared_ptr<http::Reply>> held_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<Fetcher> fetcher_;
  std::stop_source stop_;
};

TEST_F(FetcherTest, FetchesAndTellsWhatItKnowsAlready) {
  pages_["/a?b=c"] = {200, {{"ETag", "\"v1\""}, {"Content-Type", "text/plain"}}, "hello"};
  const auto fetched = fetch("/a?b=c");
  ASSERT_TRUE(fetched.ok()) << fetched.error().message;
  EXPECT_EQ(fetched.value().body, "hello");
  EXPECT_EQ(fetched.value().etag, "\"v1\"");
  EXPECT_EQ(fetched.value().content_type, "text/plain");
  EXPECT_EQ(seen_[0].headers.get("User-Agent"), "TestBot/1");
  EXPECT_EQ(seen_[0].headers.get("Accept-Encoding"), "identity");
  EXPECT_FALSE(seen_[0].headers.get("If-None-Match"));
  pages_["/a?b=c"] = {304, {}, ""};
  const auto again = fetcher_->fetch({url("/a?b=c"), "\"v1\"", "Mon", 1000}, {}, {});
  EXPECT_EQ(again.value().status, 304);
  EXPECT_EQ(seen_[1].headers.get("If-None-Match"), "\"v1\"");
  EXPECT_EQ(seen_[1].headers.get("If-Modified-Since"), "Mon");
}

TEST_F(FetcherTest, HoldsEveryHopToTheRulesAndAsksTheGate) {
  redirect("/a", "b?x");
  pages_["/b?x"] = {200, {}, "b"};
  std::vector<std::string> asked;
  const Fetcher::Gate gate = [&](const Url& hop) -> Result<void> {
    asked.push_back(hop.target);
    if (hop.target == "/no") return Error{Code::PermissionDenied, "closed"};
    return {};
  };
  EXPECT_EQ(fetcher_->fetch({url("/a"), "", "", 1000}, gate, {}).value().url.target, "/b?x");
  EXPECT_EQ(asked, (std::vector<std::string>{"/a", "/b?x"}));
  redirect("/a", "/no");
  expect_error(fetcher_->fetch({url("/a"), "", "", 1000}, gate, {}), Code::PermissionDenied,
               "closed");
  for (const std::string target :
       {"http://10.0.0.1/", "http://[::ffff:10.0.0.1]/", "http://169.254.169.254/",
        "http://127.0.0.1/", "http://example.org:8080/", "file:///etc/passwd", "http://u:p@h/",
        "http://localhost/", "https://localhost/"}) {
    redirect("/a", target);
    expect_error(fetch("/a"), Code::PermissionDenied, "");
  }
}

TEST_F(FetcherTest, EndsALoopOfRedirects) {
  redirect("/a", "/a");
  expect_error(fetch("/a"), Code::InvalidArgument, "more than 5 times");
  EXPECT_EQ(seen_.size(), 6U);
  pages_["/a"] = {302, {}, ""};
  expect_error(fetch("/a"), Code::InvalidArgument, "leads nowhere");
}

TEST_F(FetcherTest, RefusesWhatIsTooLargeOrCompressed) {
  pages_["/large"] = {200, {}, std::string(1001, 'x')};
  expect_error(fetch("/large"), Code::TooLarge, "1000");
  pages_["/gzip"] = {200, {{"Content-Encoding", "gzip"}}, "x"};
  expect_error(fetch("/gzip"), Code::InvalidArgument, "compressed");
}

TEST_F(FetcherTest, ReachesOnlyTheExactPlacesThatAreAllowed) {
  pages_["/"] = {200, {}, "x"};
  Fetcher strict(loop_, options(""));
  expect_error(strict.fetch({url("/"), "", "", 1000}, {}, {}), Code::PermissionDenied, "ports");
  const Url other = parse_url(fmt::format("http://localhost:{}/", server_->port())).value();
  expect_error(fetcher_->fetch({other, "", "", 1000}, {}, {}), Code::PermissionDenied, "ports");
  EXPECT_TRUE(seen_.empty());
}

TEST_F(FetcherTest, TellsWhenToComeBack) {
  pages_["/busy"] = {429, {{"Retry-After", "7"}}, ""};
  EXPECT_EQ(fetch("/busy").value().retry_after, Milliseconds(7000));
  pages_["/busy"] = {503, {{"Retry-After", "999999"}}, ""};
  EXPECT_EQ(fetch("/busy").value().retry_after, Milliseconds(600'000));
  pages_["/busy"] = {503, {{"Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT"}}, ""};
  EXPECT_EQ(fetch("/busy").value().retry_after, Milliseconds(0));
}

TEST_F(FetcherTest, DoesNotTakeTheSitesPaceFromThePagesTime) {
  redirect("/a", "/b");
  pages_["/b"] = {200, {}, "b"};
  support::FakeClock clock;
  Fetcher paced(loop_, options(place()), clock);
  const auto fetched = paced.fetch({url("/a"), "", "", 1000},
                                   [&](const Url&) -> Result<void> {
                                     clock.advance(30'000);
                                     return {};
                                   },
                                   {});
  ASSERT_TRUE(fetched.ok()) << fetched.error().message;
  EXPECT_EQ(fetched.value().body, "b");
}

TEST_F(FetcherTest, LetsGoWhenItIsStoppedOrTimeIsOver) {
  Fetcher::Options impatient = options(place());
  impatient.timeout = Milliseconds(30);
  Fetcher quick(loop_, impatient);
  expect_error(quick.fetch({url("/held"), "", "", 1000}, {}, {}), Code::DeadlineExceeded, "");
  stop_.request_stop();
  expect_error(fetch("/held"), Code::Cancelled, "");
}

}  // namespace
}  // namespace crawler
