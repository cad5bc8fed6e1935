#include "store/writer.h"

#include <gtest/gtest.h>

#include <functional>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "libs/store/fixture.h"

namespace store::testing {
namespace {

// A writer whose groups end only when the queue is empty, so that a test decides what is in one.
class OneGroup : public ::testing::Test {
 protected:
  OneGroup() {
    opened(numbers(path_)).reset();
    connection_ = SqliteConnection::open(path_, SqliteConnection::Access::ReadWrite, 512).value();
    Writer::Options options;
    options.path = path_;
    options.group_within = std::chrono::hours(1);
    writer_ = std::make_unique<Writer>(options, *connection_);
    // Holds the group open until all works of the test are queued.
    submit([gate = gate_.get_future().share()](Connection&) -> Result<void> {
      gate.wait();
      return {};
    });
  }

  std::future<Result<void>> submit(Work work) {
    auto answer = std::make_shared<std::promise<Result<void>>>();
    auto future = answer->get_future();
    const auto accepted = writer_->submit(
        std::move(work), [answer](Result<void> result) { answer->set_value(std::move(result)); });
    EXPECT_TRUE(accepted.ok());
    return future;
  }

  std::vector<std::int64_t> kept() {
    writer_.reset();
    return values(*connection_);
  }

  Folder folder_;
  std::string path_ = folder_.file("numbers.db");
  std::unique_ptr<SqliteConnection> connection_;
  std::promise<void> gate_;
  std::unique_ptr<Writer> writer_;
};

TEST_F(OneGroup, RollsAFailingWorkBackToItsSavepoint) {
  auto first = submit(insert(1));
  auto failing = submit([](Connection& connection) -> Result<void> {
    TRY(connection.execute("INSERT INTO numbers(value) VALUES(2)"));
    return Error(Code::InvalidArgument, "no");
  });
  auto last = submit(insert(3));
  gate_.set_value();
  EXPECT_TRUE(first.get().ok());
  EXPECT_EQ(failing.get().error().code, Code::InvalidArgument);
  EXPECT_TRUE(last.get().ok());
  EXPECT_EQ(kept(), (std::vector<std::int64_t>{1, 3}));
}

TEST_F(OneGroup, FailsAsAWholeWhenAWorkEndsItsTransaction) {
  auto innocent = submit(insert(1));
  auto breaking = submit([](Connection& connection) { return connection.execute("ROLLBACK"); });
  auto later = submit(insert(2));
  gate_.set_value();
  EXPECT_EQ(breaking.get().error().code, Code::Internal);
  EXPECT_EQ(innocent.get().error().code, Code::Internal);
  EXPECT_TRUE(later.get().ok());
  EXPECT_EQ(kept(), (std::vector<std::int64_t>{2}));
}

// A loop that runs when the test says so.
class Loop {
 public:
  RunOn run_on() {
    return [this](std::function<void()> task) {
      const std::lock_guard lock(mutex_);
      if (!closed_) tasks_.push_back(std::move(task));
      return !closed_;
    };
  }
  // How many tasks there were.
  std::size_t run() {
    std::vector<std::function<void()>> tasks;
    {
      const std::lock_guard lock(mutex_);
      tasks.swap(tasks_);
    }
    for (const auto& task : tasks) task();
    return tasks.size();
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }

 private:
  std::mutex mutex_;
  std::vector<std::function<void()>> tasks_;
  bool closed_ = false;
};

class OnALoop : public ::testing::Test {
 protected:
  std::unique_ptr<Database> open() {
    Database::Options options = numbers(folder_.file("numbers.db"));
    options.write_on = loop_.run_on();
    return opened(options);
  }

  Folder folder_;
  Loop loop_;
};

bool answered(const std::future<Result<void>>& answer) {
  return answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

TEST_F(OnALoop, WritesWhatIsQueuedInOneTaskOfTheThreadThatItIsGiven) {
  const auto database = open();
  std::thread::id writing;
  auto first = queued(*database, [&](Connection& connection) {
    writing = std::this_thread::get_id();
    return insert(1)(connection);
  });
  auto second = queued(*database, insert(2));
  EXPECT_FALSE(answered(first));
  EXPECT_EQ(loop_.run(), 1U);
  EXPECT_TRUE(answered(first) && first.get().ok());
  EXPECT_TRUE(answered(second) && second.get().ok());
  EXPECT_EQ(writing, std::this_thread::get_id());
  EXPECT_EQ(values(*database), (std::vector<std::int64_t>{1, 2}));
}

TEST_F(OnALoop, WritesInATaskOfItsOwnWhatAnAnswerQueues) {
  const auto database = open();
  std::future<Result<void>> second;
  database->write_async(insert(1),
                        [&](const Result<void>&) { second = queued(*database, insert(2)); });
  EXPECT_EQ(loop_.run(), 1U);
  EXPECT_FALSE(answered(second));  // the loop has a turn between two groups
  EXPECT_EQ(loop_.run(), 1U);
  EXPECT_TRUE(answered(second) && second.get().ok());
  EXPECT_EQ(loop_.run(), 0U);
}

TEST_F(OnALoop, GoesOnBehindAnAnswerThatThrows) {
  const auto database = open();
  database->write_async(insert(1),
                        [](const Result<void>&) { throw std::runtime_error("not heard"); });
  auto second = queued(*database, insert(2));
  loop_.run();
  auto third = queued(*database, insert(3));
  loop_.run();
  EXPECT_TRUE(answered(second) && second.get().ok());
  EXPECT_TRUE(answered(third) && third.get().ok());
}

TEST_F(OnALoop, WritesByItselfOnceThatThreadRunsNothingMore) {
  const auto database = open();
  loop_.close();
  EXPECT_TRUE(database->write(insert(1)).ok());
  EXPECT_TRUE(database->write(insert(2)).ok());
  EXPECT_EQ(values(*database), (std::vector<std::int64_t>{1, 2}));
}

TEST_F(OnALoop, IsNotClosedBeforeTheTaskThatItGaveAwayHasRun) {
  auto database = open();
  auto last = queued(*database, insert(1));
  std::jthread closing([&] { database.reset(); });
  EXPECT_EQ(loop_.run(), 1U);
  closing.join();
  EXPECT_TRUE(last.get().ok());
  EXPECT_EQ(values(*open()), (std::vector<std::int64_t>{1}));
}

}  // namespace
}  // namespace store::testing
