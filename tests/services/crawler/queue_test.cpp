#include "crawler/queue.h"

#include <gtest/gtest.h>

#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace crawler {
namespace {

using contracts::JobState;

class QueueTest : public ::testing::Test {
 protected:
  QueueTest() { reopen(); }

  // As after a process that ended without a word.
  void reopen() {
    queue_.reset();
    database_.reset();
    store::Database::Options file;
    file.path = dir_.file("queue.db");
    file.grade = store::Grade::PowerSafe;
    file.migrations = {Queue::schema()};
    database_ = store::Database::open(std::move(file)).value();
    queue_ = Queue::open({.lease_ms = 1000, .open_jobs_max = 3, .jobs_kept = 2}, *database_, clock_)
                 .value();
  }
  std::string add(const std::string& source = "http://a/", int pages_max = 100) {
    contracts::AddJob job;
    job.source = source;
    job.pages_max = pages_max;
    const auto added = queue_->add(job, {Task::Page, source, "http://a", 0, {}});
    return added ? added.value().job_id : added.error().message;
  }
  std::optional<Item> lease(const std::vector<std::string>& busy = {}) {
    return queue_->lease(busy).value();
  }
  void finish(const Item& item, Ending::Kind kind, std::vector<Found> found = {}) {
    Ending ending;
    ending.kind = kind;
    ending.reason = kind == Ending::Kind::Given ? "" : "because";
    ending.found = std::move(found);
    ASSERT_TRUE(queue_->finish(item, ending).ok());
  }
  JobState state(const std::string& id) { return queue_->job(id).value().state; }

  support::TempDir dir_;
  support::FakeClock clock_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<Queue> queue_;
};

TEST_F(QueueTest, TakesAJobFromItsBeginningToItsEnd) {
  const auto id = add();
  EXPECT_EQ(state(id), JobState::Queued);
  const auto root = lease();
  ASSERT_TRUE(root);
  EXPECT_EQ(state(id), JobState::Running);
  EXPECT_FALSE(lease());
  finish(*root, Ending::Kind::Given,
         {{Task::Page, "http://a/1", "http://a", 1, {}},
          {Task::Page, "http://a/", "http://a", 1, {}},
          {Task::File, "/x", "", 0, "too dull"}});
  const auto page = lease();
  ASSERT_TRUE(page);
  EXPECT_EQ(page->source, "http://a/1");
  EXPECT_EQ(page->depth, 1);
  EXPECT_EQ(page->root, "http://a/");
  EXPECT_FALSE(lease());
  finish(*page, Ending::Kind::Unchanged);
  const auto job = queue_->job(id).value();
  EXPECT_EQ(job.state, JobState::Done);
  EXPECT_EQ(job.counts.found, 3);
  EXPECT_EQ(job.counts.fetched, 2);
  EXPECT_EQ(job.counts.unchanged, 1);
  ASSERT_EQ(job.skipped.size(), 1U);
  EXPECT_EQ(job.skipped[0].reason, "too dull");
}

TEST_F(QueueTest, ShowsWhatIsToBeSaidOfAPieceThatWasRead) {
  const auto id = add("/folder");
  Ending ending;
  ending.reason = "there is more";
  ending.found = {{Task::File, "/folder/a.png", "", 0, "not read"}};
  ASSERT_TRUE(queue_->finish(*lease(), ending).ok());
  const auto job = queue_->job(id).value();
  ASSERT_EQ(job.skipped.size(), 2U);
  EXPECT_EQ(job.skipped[0].source, "/folder");
  EXPECT_EQ(job.skipped[0].reason, "there is more");
  EXPECT_EQ(job.skipped[1].source, "/folder/a.png");
  EXPECT_EQ(job.counts.skipped, 1);
}

TEST_F(QueueTest, GivesAPieceAgainWhenItsWorkerIsNotHeardOf) {
  add();
  const auto first = lease();
  clock_.advance(999);
  EXPECT_FALSE(lease());
  clock_.advance(1);
  const auto second = lease();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->key, first->key);
  EXPECT_EQ(second->attempts, 1);
  reopen();
  const auto third = lease();
  ASSERT_TRUE(third);
  EXPECT_EQ(third->attempts, 2);
}

TEST_F(QueueTest, WaitsBeforeAnotherTryAndCountsItOrNot) {
  const auto id = add();
  ASSERT_TRUE(queue_->postpone(*lease(), 500, "broken", Queue::Attempt::Counts).ok());
  EXPECT_FALSE(lease());
  EXPECT_EQ(queue_->job(id).value().waiting.at(0).reason, "broken");
  clock_.advance(500);
  ASSERT_TRUE(queue_->postpone(*lease(), 0, "away", Queue::Attempt::DoesNotCount).ok());
  EXPECT_EQ(lease()->attempts, 1);
}

TEST_F(QueueTest, PassesOverSitesThatAreBusy) {
  add();
  EXPECT_FALSE(lease({"http://a"}));
  EXPECT_TRUE(lease({"http://b"}));
}

TEST_F(QueueTest, TakesUpAgainWhatWasGivenUp) {
  const auto id = add();
  finish(*lease(), Ending::Kind::Failed);
  auto job = queue_->job(id).value();
  EXPECT_EQ(job.state, JobState::Failed);
  EXPECT_EQ(job.failed.at(0).reason, "because");
  EXPECT_EQ(job.failed.at(0).attempts, 1);
  ASSERT_TRUE(queue_->retry(id).ok());
  EXPECT_EQ(state(id), JobState::Running);
  const auto again = lease();
  EXPECT_EQ(again->attempts, 0);
  finish(*again, Ending::Kind::Given);
  ASSERT_TRUE(queue_->retry(id).ok());
  EXPECT_EQ(state(id), JobState::Done);
}

TEST_F(QueueTest, ForgetsThePiecesOfACancelledJob) {
  const auto id = add();
  const auto item = lease();
  ASSERT_TRUE(queue_->cancel(id).ok());
  EXPECT_FALSE(queue_->wanted(id).value());
  finish(*item, Ending::Kind::Given, {{Task::Page, "http://a/1", "", 1, {}}});
  EXPECT_EQ(state(id), JobState::Cancelled);
  EXPECT_FALSE(lease());
  EXPECT_EQ(queue_->job(id).value().counts.found, 1);
  for (const auto& outcome : {queue_->cancel("none"), queue_->retry("none")}) {
    EXPECT_EQ(outcome.error().code, Code::NotFound);
  }
}

TEST_F(QueueTest, FollowsNoMorePagesThanWasAsked) {
  const auto id = add("http://a/", 3);
  std::vector<Found> links;
  for (int i = 0; i < 10; ++i) {
    links.push_back({Task::Page, "http://a/" + std::to_string(i), "http://a", 1, {}});
  }
  finish(*lease(), Ending::Kind::Given, links);
  EXPECT_EQ(queue_->job(id).value().counts.found, 3);
}

TEST_F(QueueTest, IsBoundedAndForgetsTheOldest) {
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(add());
  EXPECT_EQ(add(), "3 jobs wait already");
  EXPECT_EQ(queue_->backlog().value().jobs, 3);
  clock_.advance(700);
  EXPECT_EQ(queue_->backlog().value().oldest_ms, 700);
  while (const auto item = lease()) finish(*item, Ending::Kind::Given);
  EXPECT_EQ(queue_->backlog().value().oldest_ms, 0);
  add();
  EXPECT_EQ(queue_->job(ids[0]).error().code, Code::NotFound);
  EXPECT_TRUE(queue_->job(ids[1]).ok());
  EXPECT_EQ(queue_->jobs({JobState::Done, 50}).value().jobs.size(), 2U);
  EXPECT_EQ(queue_->jobs({std::nullopt, 2}).value().jobs.size(), 2U);
}

TEST_F(QueueTest, WakesWhoWaitsWhenSomethingIsAdded) {
  const auto seen = queue_->version();
  std::jthread waiter(
      [&](const std::stop_token& stop) { queue_->wait(seen, SteadyTime::max(), stop); });
  add();
  waiter.join();
  EXPECT_NE(queue_->version(), seen);
}

}  // namespace
}  // namespace crawler
