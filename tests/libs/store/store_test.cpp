#include "store/store.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

#include "libs/store/fixture.h"

namespace store::testing {
namespace {

class BothGrades : public ::testing::TestWithParam<Grade> {
 protected:
  Folder folder_;
  std::string path_ = folder_.file("numbers.db");
};

INSTANTIATE_TEST_SUITE_P(Store, BothGrades, ::testing::Values(Grade::PowerSafe, Grade::CrashSafe));

TEST_P(BothGrades, KeepsWhatItAcknowledged) {
  {
    const auto database = opened(numbers(path_, GetParam()));
    ASSERT_TRUE(database->write(insert(7)).ok());
    EXPECT_EQ(values(*database), (std::vector<std::int64_t>{7}));
  }
  EXPECT_EQ(values(*opened(numbers(path_, GetParam()))), (std::vector<std::int64_t>{7}));
}

TEST_P(BothGrades, CommitsWhatIsQueuedWhenItCloses) {
  auto database = opened(numbers(path_, GetParam()));
  auto held = std::make_unique<HeldWriter>(*database);
  for (std::int64_t value = 1; value <= 300; ++value)
    database->write_async(insert(value), [](auto) {});
  held.reset();
  database.reset();
  EXPECT_EQ(values(*opened(numbers(path_, GetParam()))).size(), 300U);
}

TEST_P(BothGrades, RollsAFailingWorkBackAlone) {
  const auto database = opened(numbers(path_, GetParam()));
  HeldWriter held(*database);
  auto first = queued(*database, insert(1));
  auto failing = queued(*database, [](Connection& connection) -> Result<void> {
    TRY(connection.execute("INSERT INTO numbers(value) VALUES(2)"));
    return Error(Code::InvalidArgument, "no");
  });
  auto throwing = queued(*database, [](Connection& connection) -> Result<void> {
    TRY(connection.execute("INSERT INTO numbers(value) VALUES(3)"));
    throw std::runtime_error("oops");
  });
  auto duplicate = queued(*database, insert(1));
  auto last = queued(*database, insert(4));
  held.release();

  EXPECT_TRUE(first.get().ok());
  EXPECT_EQ(failing.get().error().code, Code::InvalidArgument);
  EXPECT_EQ(throwing.get().error().message, "store: a write threw: oops");
  EXPECT_EQ(duplicate.get().error().code, Code::Conflict);
  EXPECT_TRUE(last.get().ok());
  EXPECT_EQ(values(*database), (std::vector<std::int64_t>{1, 4}));
}

TEST_P(BothGrades, RollsBackAWorkThatFailsFirstInItsGroup) {
  const auto database = opened(numbers(path_, GetParam()));
  const auto failed = database->write([](Connection& connection) -> Result<void> {
    TRY(connection.execute("INSERT INTO numbers(value) VALUES(2)"));
    return Error(Code::NotFound, "no");
  });
  EXPECT_EQ(failed.error().code, Code::NotFound);
  ASSERT_TRUE(database->write(insert(3)).ok());
  EXPECT_EQ(values(*database), (std::vector<std::int64_t>{3}));
}

TEST_P(BothGrades, TakesWritesFromManyThreads) {
  const auto database = opened(numbers(path_, GetParam()));
  std::vector<std::jthread> threads;
  for (std::int64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::int64_t i = 0; i < 50; ++i)
        EXPECT_TRUE(database->write(insert(thread * 50 + i)).ok());
    });
  }
  threads.clear();
  EXPECT_EQ(values(*database).size(), 200U);
}

class Store : public ::testing::Test {
 protected:
  Folder folder_;
  std::string path_ = folder_.file("numbers.db");
};

TEST_F(Store, RefusesAWriteWhenTheQueueIsFull) {
  auto options = numbers(path_);
  options.queue_max = 2;
  const auto database = opened(options);
  HeldWriter held(*database);
  auto first = queued(*database, insert(1));
  auto second = queued(*database, insert(2));
  auto third = queued(*database, insert(3));
  EXPECT_EQ(third.get().error().code, Code::Overloaded);
  EXPECT_EQ(database->write(insert(4)).error().code, Code::Overloaded);
  held.release();
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(second.get().ok());
}

TEST_F(Store, ReadsASnapshotThatLaterWritesDoNotChange) {
  const auto database = opened(numbers(path_));
  ASSERT_TRUE(database->write(insert(1)).ok());
  const auto read = database->read([&](Connection& connection) -> Result<void> {
    EXPECT_EQ(values(connection).size(), 1U);
    TRY(database->write(insert(2)));
    EXPECT_EQ(values(connection).size(), 1U);
    return {};
  });
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(values(*database).size(), 2U);
}

TEST_F(Store, DoesNotShowAWriteBeforeItIsCommitted) {
  const auto database = opened(numbers(path_));
  const auto written = database->write([&](Connection& connection) -> Result<void> {
    TRY(connection.execute("INSERT INTO numbers(value) VALUES(1)"));
    EXPECT_TRUE(values(*database).empty());
    return {};
  });
  ASSERT_TRUE(written.ok());
  EXPECT_EQ(values(*database).size(), 1U);
}

TEST_F(Store, RefusesToWriteInARead) {
  const auto database = opened(numbers(path_));
  EXPECT_EQ(database->read(insert(1)).error().code, Code::PermissionDenied);
}

TEST_F(Store, GivesAReaderBackAfterAnErrorAndAnException) {
  auto options = numbers(path_);
  options.readers = 1;
  const auto database = opened(options);
  EXPECT_FALSE(database->read([](Connection& c) { return c.execute("nonsense"); }).ok());
  EXPECT_THROW((void)database->read([](Connection& connection) -> Result<void> {
    TRY(connection.query("SELECT 1", {}, [](const Row&) { throw std::runtime_error("oops"); }));
    return {};
  }),
               std::runtime_error);
  EXPECT_TRUE(values(*database).empty());
}

TEST_F(Store, KeepsEveryKindOfValue) {
  const auto database = opened(numbers(path_));
  const std::string text("a\0b", 3);
  const Blob blob{std::byte{0}, std::byte{255}};
  const auto read = database->read([&](Connection& connection) {
    return connection.query("SELECT ?, ?, ?, ?, ?, ?, ?",
                            {nullptr, std::int64_t{-5}, 0.5, text, blob, "", Blob{}},
                            [&](const Row& row) {
                              EXPECT_TRUE(row.null(0));
                              EXPECT_EQ(row.text(0), "");
                              EXPECT_EQ(row.integer(1), -5);
                              EXPECT_EQ(row.real(2), 0.5);
                              EXPECT_EQ(row.text(3), text);
                              EXPECT_EQ(Blob(row.blob(4).begin(), row.blob(4).end()), blob);
                              EXPECT_FALSE(row.null(5));
                              EXPECT_FALSE(row.null(6));
                            });
  });
  EXPECT_TRUE(read.ok());
}

TEST_F(Store, RunsAStatementInsideItsOwnRows) {
  const auto database = opened(numbers(path_));
  ASSERT_TRUE(database->write(insert(1)).ok());
  ASSERT_TRUE(database->write(insert(2)).ok());
  std::size_t pairs = 0;
  const auto read = database->read([&](Connection& connection) {
    return connection.query("SELECT value FROM numbers ORDER BY value", {},
                            [&](const Row&) { pairs += values(connection).size(); });
  });
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(pairs, 4U);
}

TEST_F(Store, TellsTheIdAndTheNumberOfChangedRows) {
  const auto database = opened(numbers(path_));
  const auto written = database->write([](Connection& connection) -> Result<void> {
    TRY(connection.execute("INSERT INTO numbers(value) VALUES(41),(42)"));
    EXPECT_EQ(connection.last_insert_id(), 42);
    TRY(connection.execute("UPDATE numbers SET note='x'"));
    EXPECT_EQ(connection.changes(), 2);
    return {};
  });
  EXPECT_TRUE(written.ok());
}

TEST_F(Store, RefusesAWrongNumberOfArgumentsAndASecondStatement) {
  const auto database = opened(numbers(path_));
  const auto error = [&](std::string_view sql, std::vector<Value> arguments) {
    return database->read([&](Connection& c) { return c.execute(sql, arguments); }).error().code;
  };
  EXPECT_EQ(error("SELECT ?", {}), Code::Internal);
  EXPECT_EQ(error("SELECT 1", {std::int64_t{1}}), Code::Internal);
  EXPECT_EQ(error("SELECT 1; SELECT 2", {}), Code::Internal);
  EXPECT_EQ(error("", {}), Code::Internal);
}

}  // namespace
}  // namespace store::testing
