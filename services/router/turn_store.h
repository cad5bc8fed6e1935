#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "contracts/router.h"
#include "store/store.h"

namespace router {

// The turn records on disk (crash-safe grade). A turn is written when it opens and when it closes,
// keyed by its id, so writing twice changes nothing. Thread-safe.
class TurnStore {
 public:
  static Result<std::unique_ptr<TurnStore>> open(const std::string& path);

  void opened(const contracts::TurnRecord& record);
  // `done` is called on the store's thread once the record is written.
  void closed(const contracts::TurnRecord& record, std::function<void(Result<void>)> done);

  Result<contracts::TurnRecord> find(const std::string& turn_id) const;  // NotFound
  Result<std::vector<contracts::TurnRecord>> list(const contracts::TurnsQuery& query) const;
  // Turns closed since `since_ms`, for answering repeats after a restart.
  Result<std::vector<contracts::TurnRecord>> recent(std::int64_t since_ms, int limit) const;

  // At the start: closes what a crash has left open as interrupted ("router_restarted"), and
  // forgets records older than `retention_days`. Returns how many were closed.
  Result<int> recover(std::int64_t now_ms, int retention_days);

 private:
  explicit TurnStore(std::unique_ptr<store::Database> database) : database_(std::move(database)) {}
  Result<std::vector<contracts::TurnRecord>> select(const std::string& where,
                                                    std::vector<store::Value> arguments) const;

  std::unique_ptr<store::Database> database_;
};

}  // namespace router
