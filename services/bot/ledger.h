#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "bot/ports.h"
#include "store/store.h"

namespace bot {

// What became of one message of a line.
//   pending  it may have been posted already: written before the first try
//   sent     it stands under message_id
//   unsure   it was tried, and nobody can tell; it is not posted again
//   refused  it does not stand there
enum class PartState { Pending, Sent, Unsure, Refused };
constexpr auto enum_names(PartState) {
  return EnumNames<PartState, 4>{{{PartState::Pending, "pending"},
                                  {PartState::Sent, "sent"},
                                  {PartState::Unsure, "unsure"},
                                  {PartState::Refused, "refused"}}};
}

// One message of the line of a turn.
struct Part {
  std::string turn_id;
  int number = 0;  // from 0
  std::string channel;
  std::string content;  // emptied once the router knows that the line is said
  std::string nonce;
  std::string reply_to;  // a message id, or empty
  PartState state = PartState::Pending;
  std::string message_id;
  std::int64_t created_ms = 0;  // since 1970
  bool told = false;            // nothing is left to do about it
};

// Where a line of this bot stands.
struct Standing {
  std::string turn_id;
  std::string channel;
  std::vector<std::string> message_ids;
};

// The lines that this bot has posted or was about to, on disk before they are (power-safe grade).
// Any thread may call; `done` comes through `home`.
class Ledger {
 public:
  static Result<std::unique_ptr<Ledger>> open(const std::string& path, Home home);

  // Writes the parts of a turn unless it has some already; gives what then stands there, in order.
  void claim(std::vector<Part> parts, std::function<void(Result<std::vector<Part>>)> done);
  void settle(const Part& part);  // its state and message id; a failure is logged
  void told(const std::string& turn_id);
  // Turns with parts that are pending or not told, oldest first.
  void unfinished(std::function<void(Result<std::vector<Part>>)> done);

  // Which messages of a channel the lines since then reply to.
  void answered(const std::string& channel, std::int64_t since_ms,
                std::function<void(Result<std::set<std::string>>)> done);

  // The line that has this message, and the last one in a channel; nothing when there is none.
  using Found = std::function<void(Result<std::optional<Standing>>)>;
  void find(const std::string& message_id, Found done);
  void last_in(const std::string& channel, Found done);
  // The messages of a line now hold the line of another turn.
  void replaced(const Standing& line, const std::string& turn_id, std::int64_t now_ms);

  void forget(std::int64_t before_ms);

 private:
  Ledger(std::unique_ptr<store::Database> database, Home home)
      : home_(std::move(home)), database_(std::move(database)) {}

  void write(std::string what, store::Work work);
  template <class T>
  void answer(std::function<Result<T>(store::Connection&)> work,
              std::function<void(Result<T>)> done);
  void standing(std::string where, std::string value, Found done);

  const Home home_;
  const std::unique_ptr<store::Database> database_;
};

}  // namespace bot
