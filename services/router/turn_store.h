#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "contracts/router.h"
#include "store/store.h"

namespace router {

// The turn records on disk (crash-safe grade). A turn is written when it has been open for a little
// and when it closes, keyed by its id, so writing twice changes nothing. Thread-safe, but for the
// three that write turns: those are of one thread.
class TurnStore {
 public:
  static Result<std::unique_ptr<TurnStore>> open(const std::string& path);

  // Written by the next flush(), if the turn is still open then: most are over before.
  void opened(const contracts::TurnRecord& record);
  void flush();
  // `done` is called on the store's thread once the record is written. A turn that was drafted
  // waits from then on in the outbox for what became of it to be reported.
  void closed(const contracts::TurnRecord& record, std::function<void(Result<void>)> done);

  // Turns whose outcome is still to be told, and that it has been told. `done` as above.
  Result<std::vector<contracts::TurnRecord>> unreported(int limit) const;
  void reported(std::vector<std::string> turn_ids, std::function<void(Result<void>)> done);

  // The line of a turn stands under this message id. The record as it was before; NotFound. `done`
  // is called on the store's thread once that is on disk, as below.
  using Found = std::function<void(Result<contracts::TurnRecord>)>;
  void posted(const std::string& turn_id, const std::string& message_id, Found done);
  // Another reason for how a turn has ended. `done` as of closed().
  void amend(const std::string& turn_id, const std::string& reason,
             std::function<void(Result<void>)> done);

  // At most `limit` turns that answered a person, whose outcomes are not told any more; and their
  // end.
  using FoundAll = std::function<void(Result<std::vector<contracts::TurnRecord>>)>;
  void withhold(const std::string& author_id, int limit, FoundAll done);
  void erase(std::vector<std::string> turn_ids, std::function<void(Result<void>)> done);

  Result<contracts::TurnRecord> find(const std::string& turn_id) const;  // NotFound
  Result<std::vector<contracts::TurnRecord>> list(const contracts::TurnsQuery& query) const;
  // The turns that have said a line to this message, oldest first.
  Result<std::vector<contracts::TurnRecord>> said_to(const std::string& channel,
                                                     const std::string& message_id) const;
  // Turns closed since `since_ms`, for answering repeats after a restart.
  Result<std::vector<contracts::TurnRecord>> recent(std::int64_t since_ms, int limit) const;

  // At the start: shows what a crash has left open as interrupted ("router_restarted") and returns
  // it. Whether its line was said the coordinator knows; until closed() tells what came of asking,
  // it is returned at every start.
  Result<std::vector<contracts::TurnRecord>> recover();
  // Forgets the records of turns that began before `before_ms`.
  void forget(std::int64_t before_ms);

 private:
  explicit TurnStore(std::unique_ptr<store::Database> database) : database_(std::move(database)) {}
  Result<std::vector<contracts::TurnRecord>> select(const std::string& where,
                                                    std::vector<store::Value> arguments) const;

  std::map<std::string, std::vector<store::Value>> open_;  // rows to be written, by turn
  std::unique_ptr<store::Database> database_;
};

}  // namespace router
