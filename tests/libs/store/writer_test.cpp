#include "store/writer.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace store::testing
