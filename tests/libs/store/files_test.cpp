#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "libs/store/fixture.h"

namespace store::testing {
namespace {

class StoreFiles : public ::testing::Test {
 protected:
  Folder folder_;
  std::string path_ = folder_.file("numbers.db");
};

// Three versions of a schema; each adds a column and fills it from the one before.
Database::Options at_version(const std::string& path, std::size_t version) {
  const std::vector<std::string> steps{
      "CREATE TABLE t(a INTEGER); INSERT INTO t VALUES(1);",
      "ALTER TABLE t ADD COLUMN b INTEGER; UPDATE t SET b = a + 1;",
      "ALTER TABLE t ADD COLUMN c INTEGER; UPDATE t SET c = b + 1;"};
  Database::Options options;
  options.path = path;
  options.migrations = {steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(version)};
  return options;
}

std::string whole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_F(StoreFiles, MigratesFromEveryVersion) {
  for (std::size_t version = 0; version <= 3; ++version) {
    const std::string path = folder_.file("from" + std::to_string(version));
    opened(at_version(path, version)).reset();
    const auto database = opened(at_version(path, 3));
    std::int64_t c = 0;
    const auto read = database->read([&](Connection& connection) {
      return connection.query("SELECT c FROM t", {}, [&](const Row& row) { c = row.integer(0); });
    });
    EXPECT_TRUE(read.ok());
    EXPECT_EQ(c, 3) << "from version " << version;
  }
}

TEST_F(StoreFiles, LeavesTheOldVersionWhenAMigrationFails) {
  opened(at_version(path_, 1)).reset();
  auto broken = at_version(path_, 2);
  broken.migrations[1] = "ALTER TABLE t ADD COLUMN b INTEGER; nonsense;";
  EXPECT_FALSE(Database::open(broken).ok());
  EXPECT_TRUE(Database::open(at_version(path_, 3)).ok());
}

TEST_F(StoreFiles, RefusesAFileOfANewerVersionAndLeavesIt) {
  opened(at_version(path_, 3)).reset();
  const std::string before = whole(path_);
  const auto refused = Database::open(at_version(path_, 2));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::DataLoss);
  EXPECT_EQ(whole(path_), before);
}

TEST_F(StoreFiles, RefusesAFileThatIsNoDatabase) {
  std::ofstream(path_) << std::string(8192, 'x');
  const auto refused = Database::open(numbers(path_));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::DataLoss);
}

TEST_F(StoreFiles, RefusesADamagedFile) {
  {
    const auto database = opened(numbers(path_));
    for (std::int64_t value = 0; value < 2000; ++value)
      ASSERT_TRUE(database->write(insert(value)).ok());
  }
  const auto size = static_cast<std::streamoff>(std::filesystem::file_size(path_));
  ASSERT_GT(size, 3 * 4096);
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(size - 4096);
  file << std::string(4096, '\x5A');
  file.close();
  const auto refused = Database::open(numbers(path_));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::DataLoss);
}

TEST_F(StoreFiles, SaysUnavailableWhenTheFolderIsMissing) {
  const auto refused = Database::open(numbers(folder_.file("missing/numbers.db")));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::Unavailable);
}

TEST_F(StoreFiles, AreForTheirOwnerOnly) {
  const auto database = opened(numbers(path_));
  ASSERT_TRUE(database->write(insert(1)).ok());
  ASSERT_TRUE(database->backup(folder_.file("copy.db")).ok());
  for (const char* name : {"numbers.db", "numbers.db-wal", "copy.db"}) {
    const auto mode = std::filesystem::status(folder_.file(name)).permissions();
    EXPECT_EQ(static_cast<unsigned>(mode), 0600U) << name;
  }
}

TEST_F(StoreFiles, BackUpAConsistentCopyWhileWritesGoOn) {
  const auto database = opened(numbers(path_));
  std::promise<void> some_written;
  std::atomic<bool> enough = false;
  std::jthread writing([&] {
    // Each write adds a pair: a copy with an odd count would be cut through a write.
    for (std::int64_t value = 0; !enough; value += 2) {
      const auto written = database->write([value](Connection& connection) -> Result<void> {
        TRY(connection.execute("INSERT INTO numbers(value) VALUES(?)", {value}));
        return connection.execute("INSERT INTO numbers(value) VALUES(?)", {value + 1});
      });
      EXPECT_TRUE(written.ok());
      if (value == 20) some_written.set_value();
    }
  });
  some_written.get_future().wait();
  for (int round = 0; round < 5; ++round)
    EXPECT_TRUE(database->backup(folder_.file("copy.db")).ok());
  enough = true;
  writing.join();

  const auto copied = values(*opened(numbers(folder_.file("copy.db"))));
  EXPECT_GE(copied.size(), 22U);
  EXPECT_EQ(copied.size() % 2, 0U);
  EXPECT_EQ(copied.back(), static_cast<std::int64_t>(copied.size()) - 1);
}

TEST_F(StoreFiles, LeaveNothingBehindWhenABackupFails) {
  const auto database = opened(numbers(path_));
  std::filesystem::create_directories(folder_.file("taken/by"));
  EXPECT_FALSE(database->backup(folder_.file("taken")).ok());
  for (const auto& entry : std::filesystem::directory_iterator(folder_.file("."))) {
    EXPECT_EQ(entry.path().string().find(".part"), std::string::npos) << entry.path();
  }
}

}  // namespace
}  // namespace store::testing
