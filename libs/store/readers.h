#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "store/connection.h"

namespace store {

// A bounded pool of read-only connections, opened when first needed. Thread-safe.
class Readers {
 public:
  Readers(std::string path, std::size_t readers_max, std::size_t cache_kib);

  // Runs `work` on the caller's thread in a transaction of its own. Overloaded when no connection
  // comes free in time.
  Result<void> read(const Work& work);

 private:
  Result<std::unique_ptr<SqliteConnection>> take();
  void give_back(std::unique_ptr<SqliteConnection> connection);

  const std::string path_;
  const std::size_t cache_kib_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<SqliteConnection>> idle_;  // guarded by mutex_
  std::size_t unopened_;                                 // guarded by mutex_
};

}  // namespace store
