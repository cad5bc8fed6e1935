#include "crawler/worker.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <mutex>

#include "crawler/routes.h"
#include "services/crawler/fake_shelf.h"

namespace crawler {
namespace {

using contracts::Job;
using contracts::JobState;

// A crew at work on a site of loopback, a folder and a fake knowledge base.
class CrewTest : public WithLibrary {
 protected:
  CrewTest() {
    ::signal(SIGPIPE, SIG_IGN);  // as the runtime does
    server_ =
        net::listen(loop_, {}, [this](http::Request request, std::shared_ptr<http::Reply> reply) {
          const std::lock_guard lock(mutex_);
          seen_.push_back(request);
          reply->respond(pages_.contains(request.target) ? pages_[request.target]
                                                         : http::Response{404, {}, ""});
        }).value();
    allowed_ = AllowedPlaces::parse(place()).value();
    fetcher_ = std::make_unique<Fetcher>(
        loop_, Fetcher::Options{"TestBot/1", allowed_, Milliseconds(5000), 5, ""});
    hire();
  }
  ~CrewTest() override {
    crew_.reset();
    fetcher_.reset();
  }

  void hire(const std::string& program = EXTRACT_PROGRAM,
            Milliseconds patience = Milliseconds(20'000)) {
    crew_.reset();
    extractor_ = std::make_unique<Extractor>(Extractor::Options{program, patience});
    Crew::Options options;
    options.threads = 1;
    options.walk = walk_;
    options.retry = {2, Milliseconds(1), 1.0, Milliseconds(1), false};
    options.library_retry = Milliseconds(1);
    crew_ = std::make_unique<Crew>(
        options, Tools{*queue_, library_, *fetcher_, manners_, pacer_, *extractor_, roots_},
        nullptr);
  }
  // A reader of HTML that does this.
  std::string reader(const std::string& script) {
    const std::string path = dir_.write("reader", "#!/bin/sh\n" + script + "\n");
    ::chmod(path.c_str(), 0700);
    return path;
  }

  std::string place() const { return fmt::format("127.0.0.1:{}", server_->port()); }
  std::string url(const std::string& target) const { return "http://" + place() + target; }
  void publish(const std::string& target, const std::string& text, http::Headers headers = {}) {
    const std::lock_guard lock(mutex_);
    headers.set("Content-Type", "text/html");
    pages_[target] = {200, headers, "<html><body><main><p>" + text + "</p></main></body></html>"};
  }
  void answer(const std::string& target, http::Response response) {
    const std::lock_guard lock(mutex_);
    pages_[target] = std::move(response);
  }

  Result<Found> first(contracts::AddJob& job) { return first_piece(job, roots_, allowed_); }
  // The job from its beginning to its end.
  Job crawled(const std::string& source) {
    contracts::AddJob job;
    job.source = source;
    const Found piece = first(job).value();
    const std::string id = queue_->add(job, piece).value().job_id;
    for (;;) {
      const auto version = queue_->version();
      Job now = queue_->job(id).value();
      if (now.state != JobState::Queued && now.state != JobState::Running) return now;
      queue_->wait(version, SteadyTime::max(), {});
    }
  }
  // What the knowledge base says, by where it is from.
  std::map<std::string, std::string> shelf() const {
    std::map<std::string, std::string> texts;
    for (const auto& [id, document] : shelf_.documents) texts[document.uri] = document.content;
    return texts;
  }
  using Texts = std::map<std::string, std::string>;

  const Clock& clock_ = SystemClock::instance();
  std::mutex mutex_;
  std::map<std::string, http::Response> pages_;  // guarded by mutex_
  std::vector<http::Request> seen_;              // guarded by mutex_
  net::Loop loop_;
  std::unique_ptr<http::Server> server_;
  AllowedPlaces allowed_;
  std::unique_ptr<Queue> queue_ = Queue::open({}, *database_, clock_).value();
  Pacer pacer_{clock_};
  Manners manners_{{.agent = "TestBot", .delay = Milliseconds(0)},
                   pacer_,
                   [](const Url&, const std::stop_token&) {
                     return Manners::Answer{404, ""};
                   },
                   clock_};
  Roots roots_ = Roots::open(dir_.path() + "/root").value();
  WalkLimits walk_;
  std::unique_ptr<Fetcher> fetcher_;
  std::unique_ptr<Extractor> extractor_;
  std::unique_ptr<Crew> crew_;
};

TEST_F(CrewTest, KeepsWhatItHasWhenTheReaderBreaksDownOverTheNextVersion) {
  publish("/a", "one");
  dir_.write("root/a.html", "<p>file one");
  ASSERT_EQ(crawled(url("/a")).state, JobState::Done);
  ASSERT_EQ(crawled("a.html").state, JobState::Done);
  const Texts before = shelf();
  ASSERT_EQ(before.size(), 2U);
  publish("/a", "two");
  dir_.write("root/a.html", "<p>file two");
  const std::pair<const char*, const char*> cases[] = {
      {"kill -KILL $$", "it cannot be read: the reader broke down over it"},
      {"echo nonsense", "it cannot be read: the reader made nonsense of it"},
      {"exec tail -f /dev/null", "reading it takes too long"}};
  for (const auto& [script, reason] : cases) {
    hire(reader(script), Milliseconds(script[0] == 'e' && script[1] == 'x' ? 50 : 20'000));
    for (const std::string& source : {url("/a"), std::string("a.html")}) {
      const Job job = crawled(source);
      EXPECT_EQ(job.state, JobState::Failed) << script;
      ASSERT_EQ(job.failed.size(), 1U) << script;
      EXPECT_EQ(job.failed[0].reason, reason);
      EXPECT_EQ(job.failed[0].attempts, 2);
      EXPECT_EQ(job.counts.deleted, 0);
    }
    EXPECT_EQ(shelf(), before) << script;
  }
  // A reader that has looked and found nothing is believed.
  hire(reader("echo 'no text' >&2; exit 3"));
  EXPECT_EQ(crawled(url("/a")).counts.deleted, 1);
  EXPECT_EQ(crawled("a.html").counts.deleted, 1);
  EXPECT_TRUE(shelf().empty());
}

TEST_F(CrewTest, BringsBackWhatTheKnowledgeBaseHasLost) {
  publish("/a", "words", {{"ETag", "\"v1\""}});
  dir_.write("root/a.md", "file words");
  for (const std::string& source : {url("/a"), std::string("a.md")}) {
    ASSERT_EQ(crawled(source).counts.documents, 1);
    EXPECT_EQ(crawled(source).counts.unchanged, 1);
    shelf_.documents.clear();
    const Job again = crawled(source);
    EXPECT_EQ(again.counts.unchanged, 0) << source;
    EXPECT_EQ(again.counts.chunks, 1) << source;
    EXPECT_EQ(shelf().size(), 1U) << source;
  }
}

TEST_F(CrewTest, AsksOnlyForWhatIsNewSinceWhatIsStillKnown) {
  publish("/a", "words", {{"ETag", "\"v1\""}});
  crawled(url("/a"));
  crawled(url("/a"));
  shelf_.documents.clear();
  crawled(url("/a"));
  const std::lock_guard lock(mutex_);
  ASSERT_EQ(seen_.size(), 3U);
  EXPECT_FALSE(seen_[0].headers.get("If-None-Match"));
  EXPECT_EQ(seen_[1].headers.get("If-None-Match"), "\"v1\"");
  EXPECT_FALSE(seen_[2].headers.get("If-None-Match"));
}

TEST_F(CrewTest, TakesAPageThatHasMovedFromItsOldPlace) {
  publish("/old", "closes at ten");
  crawled(url("/old"));
  answer("/old", {301, {{"Location", "/new"}}, ""});
  publish("/new", "closes at midnight");
  const Job job = crawled(url("/old"));
  EXPECT_EQ(job.counts.documents, 1);
  EXPECT_EQ(job.counts.deleted, 1);
  EXPECT_EQ(shelf(), (Texts{{url("/new"), "closes at midnight"}}));
  EXPECT_EQ(crawled(url("/old")).counts.deleted, 0);
  EXPECT_EQ(shelf().size(), 1U);
}

TEST_F(CrewTest, KeepsTheOldPlaceOfAPageUntilTheNewOneIsRead) {
  publish("/old", "closes at ten");
  crawled(url("/old"));
  answer("/old", {301, {{"Location", "/new"}}, ""});
  publish("/new", "the key is ghp_" + std::string(36, 'x'));
  EXPECT_EQ(crawled(url("/old")).counts.skipped, 1);
  EXPECT_EQ(shelf(), (Texts{{url("/old"), "closes at ten"}}));
}

TEST_F(CrewTest, SaysOfAFolderThatItWasNotReadToItsEnd) {
  walk_ = {.files_max = 2, .skipped_max = 1};
  hire();
  for (const auto* name : {"a.png", "b.png", "c.png", "a.md", "b.md"}) {
    dir_.write(std::string("root/") + name, "words");
  }
  Job job = crawled(".");
  EXPECT_EQ(job.counts.documents, 2);
  ASSERT_EQ(job.skipped.size(), 2U);
  EXPECT_EQ(job.skipped[0].reason, "2 more files were left out than are named");
  dir_.write("root/c.md", "words");
  job = crawled(".");
  EXPECT_EQ(job.skipped.at(0).reason,
            "there is more than is read of one folder: nothing was deleted");
}

TEST_F(CrewTest, RefusesAJobWhoseMetadataNoReplyCouldHold) {
  contracts::AddJob job;
  job.source = url("/a");
  job.metadata["deep"] = {std::string(9, '[') + std::string(9, ']')};
  const auto refused = first(job);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::InvalidArgument);
  EXPECT_EQ(refused.error().message, "metadata.deep: nested deeper than 8 levels");
  job.metadata["deep"] = {std::string(8, '[') + std::string(8, ']')};
  EXPECT_TRUE(first(job).ok());
}

}  // namespace
}  // namespace crawler
