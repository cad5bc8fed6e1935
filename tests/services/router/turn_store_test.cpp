#include "router/turn_store.h"

#include <gtest/gtest.h>

#include <future>

#include "services/router/play.h"
#include "support/temp_dir.h"

namespace router::testing {
namespace {

constexpr std::int64_t kDayMs = 24LL * 3600 * 1000;
constexpr std::int64_t kNow = 1'700'000'000'000;

class TurnStoreTest : public ::testing::Test {
 protected:
  TurnStoreTest() { reopen(); }

  void reopen() {
    store_.reset();
    store_ = TurnStore::open(dir_.file("turns.db")).value();
  }
  void close(const contracts::TurnRecord& record) {
    std::promise<Result<void>> done;
    store_->closed(record, [&](Result<void> written) { done.set_value(std::move(written)); });
    done.get_future().get().value();
  }
  static contracts::TurnRecord record(const std::string& id, std::int64_t started_ms = kNow) {
    contracts::TurnRecord made = over().state.record;
    made.turn_id = id;
    made.started_ms = started_ms;
    return made;
  }
  static contracts::TurnRecord open_record(const std::string& id) {
    contracts::TurnRecord made = drafting().state.record;
    made.turn_id = id;
    made.started_ms = kNow;
    return made;
  }
  static std::vector<std::string> ids(const Result<std::vector<contracts::TurnRecord>>& records) {
    std::vector<std::string> all;
    for (const auto& record : records.value()) all.push_back(record.turn_id);
    return all;
  }

  support::TempDir dir_;
  std::unique_ptr<TurnStore> store_;
};

TEST_F(TurnStoreTest, GivesBackTheWholeRecordAlsoAfterARestart) {
  close(record("t1"));
  reopen();
  const auto found = store_->find("t1");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found.value().text, "A cube, you fool.");
  EXPECT_EQ(found.value().status, contracts::TurnStatus::Said);
  EXPECT_EQ(found.value().attempts.size(), 1U);
  EXPECT_EQ(found.value().attempts[0].assessment->score, 88);
  EXPECT_EQ(found.value().stages.size(), 6U);
  EXPECT_EQ(found.value().scores.at("stewie").at("total"), 100);
}

TEST_F(TurnStoreTest, SaysWhichTurnItDoesNotKnow) {
  const auto found = store_->find("t9");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, Code::NotFound);
  EXPECT_EQ(found.error().message, "turn_id: no turn 't9'");
}

TEST_F(TurnStoreTest, ClosesWhatACrashHasLeftOpen) {
  store_->opened(open_record("open"));
  store_->flush();
  close(record("said"));
  reopen();
  EXPECT_EQ(store_->recover().value().size(), 1U);
  const auto closed = store_->find("open").value();
  EXPECT_EQ(closed.status, contracts::TurnStatus::Interrupted);
  EXPECT_EQ(closed.reason, "router_restarted");
  EXPECT_EQ(closed.faults, std::vector<std::string>{"the router ended before this turn did"});
  EXPECT_EQ(store_->find("said").value().status, contracts::TurnStatus::Said);
}

TEST_F(TurnStoreTest, RecoversATurnAtEveryStartUntilItIsSettled) {
  store_->opened(open_record("open"));
  store_->flush();
  for (int start = 0; start < 2; ++start) {
    reopen();
    const auto left = store_->recover().value();
    ASSERT_EQ(left.size(), 1U);
    EXPECT_EQ(left.front().status, contracts::TurnStatus::Interrupted);
    EXPECT_EQ(left.front().faults.size(), 1U);
  }
  close(store_->find("open").value());
  EXPECT_TRUE(store_->recover().value().empty());
}

TEST_F(TurnStoreTest, WritesATurnThatIsOverAtOnceOnlyOnce) {
  store_->opened(open_record("quick"));
  close(record("quick"));
  store_->flush();
  EXPECT_TRUE(store_->recover().value().empty());
  EXPECT_EQ(store_->find("quick").value().status, contracts::TurnStatus::Said);
}

TEST_F(TurnStoreTest, KeepsWhatIsToBeReportedUntilItIs) {
  auto drafted = record("t1");
  if (drafted.attempts.empty()) drafted.attempts.emplace_back();
  auto silent = record("t2");
  silent.attempts.clear();
  close(drafted);
  close(silent);
  reopen();
  EXPECT_EQ(ids(store_->unreported(10)), std::vector<std::string>{"t1"});
  std::promise<void> cleared;
  store_->reported({"t1"}, [&](const Result<void>&) { cleared.set_value(); });
  cleared.get_future().wait();
  EXPECT_TRUE(ids(store_->unreported(10)).empty());
}

TEST_F(TurnStoreTest, FindsTheLinesThatAnsweredAMessage) {
  auto interrupted = record("t3");
  interrupted.status = contracts::TurnStatus::Interrupted;
  close(interrupted);
  close(record("t2", kNow + 1));
  close(record("t1"));
  EXPECT_EQ(ids(store_->said_to(interrupted.channel, "m1")),
            (std::vector<std::string>{"t1", "t2"}));
  EXPECT_TRUE(store_->said_to(interrupted.channel, "m2").value().empty());
  EXPECT_TRUE(store_->said_to("elsewhere", "m1").value().empty());
}

TEST_F(TurnStoreTest, ForgetsWhatIsOlderThanItsRetention) {
  close(record("old", kNow - 30 * kDayMs - 1));
  close(record("kept", kNow - 30 * kDayMs));
  store_->forget(kNow - 30 * kDayMs);
  reopen();
  EXPECT_FALSE(store_->find("old").ok());
  EXPECT_TRUE(store_->find("kept").ok());
}

TEST_F(TurnStoreTest, ListsTheNewestFirstOfAllOrOfOneChannel) {
  close(record("t1", kNow + 1));
  close(record("t3", kNow + 3));
  auto elsewhere = record("t2", kNow + 2);
  elsewhere.channel = "quahog";
  close(elsewhere);
  EXPECT_EQ(ids(store_->list({})), (std::vector<std::string>{"t3", "t2", "t1"}));
  EXPECT_EQ(ids(store_->list({std::nullopt, 1})), std::vector<std::string>{"t3"});
  EXPECT_EQ(ids(store_->list({"quahog", 20})), std::vector<std::string>{"t2"});
  EXPECT_TRUE(ids(store_->list({"nowhere", 20})).empty());
}

TEST_F(TurnStoreTest, RemembersRecentTurnsThatAreOver) {
  close(record("early", kNow - 10));
  close(record("late", kNow));
  store_->opened(open_record("open"));
  store_->flush();
  reopen();
  EXPECT_EQ(ids(store_->recent(kNow - 5, 10)), std::vector<std::string>{"late"});
  EXPECT_EQ(ids(store_->recent(kNow - 10, 10)), (std::vector<std::string>{"late", "early"}));
}

TEST_F(TurnStoreTest, ReplacesARecordThatIsWrittenTwice) {
  store_->opened(open_record("t1"));
  close(record("t1"));
  close(record("t1"));
  EXPECT_EQ(ids(store_->list({})), std::vector<std::string>{"t1"});
  EXPECT_TRUE(store_->recover().value().empty());
}

class PostedTest : public TurnStoreTest {
 protected:
  Result<contracts::TurnRecord> post(const std::string& turn_id, const std::string& message_id) {
    std::promise<Result<contracts::TurnRecord>> done;
    store_->posted(turn_id, message_id, [&](auto found) { done.set_value(std::move(found)); });
    return done.get_future().get();
  }
  std::vector<std::string> at(const std::string& message_id) {
    return ids(store_->list({.channel = {}, .limit = 20, .posted = message_id}));
  }
  std::vector<std::string> withhold(const std::string& author, int limit = 10) {
    std::promise<Result<std::vector<contracts::TurnRecord>>> done;
    store_->withhold(author, limit, [&](auto found) { done.set_value(std::move(found)); });
    return ids(done.get_future().get());
  }
  void erase(const std::vector<std::string>& turn_ids) {
    std::promise<Result<void>> done;
    store_->erase(turn_ids, [&](Result<void> erased) { done.set_value(std::move(erased)); });
    done.get_future().get().value();
  }
  static contracts::TurnRecord by(const std::string& author, const std::string& id) {
    contracts::TurnRecord made = record(id);
    made.author_id = author;
    return made;
  }
};

TEST_F(PostedTest, FindsTheTurnWhoseLineStandsUnderAMessage) {
  close(record("t1"));
  const auto before = post("t1", "18446744073709551615");
  EXPECT_FALSE(before.value().posted_id);
  EXPECT_EQ(post("t1", "18446744073709551615").value().posted_id, "18446744073709551615");
  reopen();
  EXPECT_EQ(at("18446744073709551615"), std::vector<std::string>{"t1"});
  EXPECT_EQ(store_->find("t1").value().posted_id, "18446744073709551615");
  EXPECT_TRUE(at("7").empty());
}

TEST_F(PostedTest, OfSeveralTurnsTheLatestThatSpokeStandsThere) {
  for (const char* id : {"t1", "t2", "t3"}) {
    contracts::TurnRecord made = record(id, kNow + id[1]);
    made.posted_id = "p";
    if (made.turn_id == "t3") made.status = contracts::TurnStatus::Interrupted;
    close(made);
  }
  EXPECT_EQ(at("p"), std::vector<std::string>{"t2"});
}

TEST_F(PostedTest, ATurnThatIsNotThereStandsNowhere) {
  EXPECT_EQ(post("t9", "p").error().code, Code::NotFound);
}

TEST_F(PostedTest, TellsAnotherReasonAndKeepsTheRest) {
  close(record("t1"));
  EXPECT_TRUE(post("t1", "p").ok());
  std::promise<Result<void>> done;
  store_->amend("t1", "undelivered", [&](auto written) { done.set_value(std::move(written)); });
  done.get_future().get().value();
  EXPECT_EQ(store_->find("t1").value().reason, "undelivered");
  EXPECT_EQ(store_->find("t1").value().posted_id, "p");
  EXPECT_EQ(store_->find("t1").value().text, "A cube, you fool.");
}

TEST_F(PostedTest, ErasesTheTurnsOfOnePersonAndTellsTheirOutcomesNoMore) {
  for (const char* id : {"a1", "a2", "a3"}) close(by("ann", id));
  close(by("bob", "b1"));
  close(record("c1"));
  EXPECT_EQ(withhold("ann", 2), (std::vector<std::string>{"a1", "a2"}));
  EXPECT_EQ(ids(store_->unreported(10)), (std::vector<std::string>{"b1", "c1"}));
  erase({"a1", "a2"});
  EXPECT_EQ(withhold("ann", 2), std::vector<std::string>{"a3"});
  erase({"a3"});
  reopen();
  EXPECT_TRUE(withhold("ann").empty());
  EXPECT_EQ(store_->find("a1").error().code, Code::NotFound);
  EXPECT_TRUE(store_->find("b1").ok());
}

}  // namespace
}  // namespace router::testing
