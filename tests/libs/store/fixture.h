#pragma once

#include <stdlib.h>

#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/store.h"

namespace store::testing {

// A folder of its own, gone at the end.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "troupe-store-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline Database::Options numbers(std::string path, Grade grade = Grade::CrashSafe) {
  Database::Options options;
  options.path = std::move(path);
  options.grade = grade;
  options.migrations = {"CREATE TABLE numbers(value INTEGER PRIMARY KEY, note TEXT)"};
  return options;
}

inline std::unique_ptr<Database> opened(const Database::Options& options) {
  return Database::open(options).value();
}

inline Work insert(std::int64_t value) {
  return [value](Connection& connection) {
    return connection.execute("INSERT INTO numbers(value) VALUES(?)", {value});
  };
}

inline std::vector<std::int64_t> values(Connection& connection) {
  std::vector<std::int64_t> all;
  connection
      .query("SELECT value FROM numbers ORDER BY value", {},
             [&](const Row& row) { all.push_back(row.integer(0)); })
      .value();
  return all;
}

inline std::vector<std::int64_t> values(Database& database) {
  std::vector<std::int64_t> all;
  const auto read = database.read([&](Connection& connection) -> Result<void> {
    all = values(connection);
    return {};
  });
  read.value();
  return all;
}

// Keeps the writer inside a work until it is let go, so that a test decides what is in a group.
class HeldWriter {
 public:
  explicit HeldWriter(Database& database) {
    auto held = std::make_shared<std::promise<void>>();
    auto inside = held->get_future();
    database.write_async(
        [held, gate = gate_.get_future().share()](Connection&) -> Result<void> {
          held->set_value();
          gate.wait();
          return {};
        },
        [](const Result<void>&) {});
    inside.wait();
  }
  ~HeldWriter() {
    if (!released_) release();
  }
  HeldWriter(const HeldWriter&) = delete;
  HeldWriter& operator=(const HeldWriter&) = delete;

  void release() {
    released_ = true;
    gate_.set_value();
  }

 private:
  std::promise<void> gate_;
  bool released_ = false;
};

// A queued write whose answer is asked for later.
inline std::future<Result<void>> queued(Database& database, Work work) {
  auto answer = std::make_shared<std::promise<Result<void>>>();
  auto future = answer->get_future();
  database.write_async(std::move(work),
                       [answer](Result<void> result) { answer->set_value(std::move(result)); });
  return future;
}

}  // namespace store::testing
