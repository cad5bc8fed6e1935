#include "store/readers.h"

#include <chrono>
#include <utility>

namespace store {
namespace {

constexpr std::chrono::seconds kWaitMax{2};

}  // namespace

Readers::Readers(std::string path, std::size_t readers_max, std::size_t cache_kib)
    : path_(std::move(path)), cache_kib_(cache_kib), unopened_(readers_max) {}

Result<std::unique_ptr<SqliteConnection>> Readers::take() {
  {
    std::unique_lock lock(mutex_);
    const auto free = [&] { return !idle_.empty() || unopened_ > 0; };
    if (!freed_.wait_for(lock, kWaitMax, free)) {
      return Error(Code::Overloaded, "store " + path_ + ": all readers are busy");
    }
    if (!idle_.empty()) {
      // The last one back has the warmest page cache.
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
    --unopened_;
  }
  auto opened = SqliteConnection::open(path_, SqliteConnection::Access::ReadOnly, cache_kib_);
  if (!opened) give_back(nullptr);
  return opened;
}

void Readers::give_back(std::unique_ptr<SqliteConnection> connection) {
  {
    const std::lock_guard lock(mutex_);
    if (connection) {
      idle_.push_back(std::move(connection));
    } else {
      ++unopened_;
    }
  }
  freed_.notify_one();
}

Result<void> Readers::read(const Work& work) {
  // Ends the snapshot and returns the connection also when `work` throws.
  struct Lease {
    Readers& pool;
    std::unique_ptr<SqliteConnection> connection;
    ~Lease() {
      const bool ended = !connection->in_transaction() || connection->execute("COMMIT").ok();
      pool.give_back(ended ? std::move(connection) : nullptr);
    }
  };
  const Lease lease{*this, TRY(take())};
  TRY(lease.connection->execute("BEGIN"));
  return work(*lease.connection);
}

}  // namespace store
