#pragma once

#include <functional>
#include <memory>
#include <optional>
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
  // The line that a turn has said to this message, if one has.
  Result<std::optional<contracts::TurnRecord>> said_to(const std::string& channel,
                                                       const std::string& message_id) const;
  // Turns closed since `since_ms`, for answering repeats after a restart.
  Result<std::vector<contracts::TurnRecord>> recent(std::int64_t since_ms, int limit) const;

  // At the start: closes what a crash has left open. A turn whose line was decided may have said
  // it, so it counts as said ("recovered"): a repeat gets that line and no other. All others are
  // interrupted ("router_restarted"). Returns how many were closed.
  Result<int> recover();
  // Forgets the records of turns that began before `before_ms`.
  void forget(std::int64_t before_ms);

 private:
  explicit TurnStore(std::unique_ptr<store::Database> database) : database_(std::move(database)) {}
  Result<std::vector<contracts::TurnRecord>> select(const std::string& where,
                                                    std::vector<store::Value> arguments) const;

  std::unique_ptr<store::Database> database_;
};

}  // namespace router
