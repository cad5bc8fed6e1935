#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hub/refusal.h"
#include "hub/wire.h"
#include "hub/world.h"
#include "store/store.h"

namespace hub {

// A message about to be kept.
struct Draft {
  MessageForm form;
  Snowflake id = 0;
  Snowflake channel = 0;
  Snowflake author = 0;
  std::string nonce{};     // of enforce_nonce, else empty
  Snowflake reply_to = 0;  // 0: none
  bool must_exist = true;  // what it replies to; else the reply becomes a plain message
  bool mention_replied = false;
};

// A message as it may be sent to anybody: its form, and its JSON with reactions and what it replies
// to.
struct Said {
  MessageForm form;
  std::string json;
};

// Ids of attachments whose message is gone: they may go as well.
using Files = std::vector<Snowflake>;

// What history() and search() look for; ids of 0 are no condition.
struct Wanted {
  Snowflake reader = 0;
  std::vector<Snowflake> channels{};
  Snowflake only = 0;
  Snowflake before = 0;
  Snowflake after = 0;
  Snowflake around = 0;
  Snowflake author = 0;
  std::string text{};
  int limit = 50;
  int offset = 0;
};

struct Found {
  std::vector<Said> messages;
  std::int64_t total = 0;  // of search
};

// The world and the messages on disk, power-safe: what its `done` tells has happened survives.
// Thread-safe. `done` runs on the store's thread; reads block and run where they are called.
class Archive {
 public:
  static Result<std::unique_ptr<Archive>> open(const std::string& path);

  Result<std::vector<Change>> load() const;
  struct Recent {
    Snowflake id = 0;
    Snowflake author = 0;
    std::string nonce;
  };
  Result<std::vector<Recent>> recent_nonces(Snowflake since) const;
  Result<std::vector<std::pair<Snowflake, Snowflake>>> last_messages() const;  // channel, message

  Result<Files> files() const;  // of all messages

  void keep(std::vector<Change> changes, Done<Nothing> done);
  // Keeps what is queued; afterwards no `done` of an earlier call runs any more.
  void flush();

  void insert(Draft draft, Done<Said> done);
  // `change` may refuse; it runs on the store's thread.
  void edit(Snowflake channel, Snowflake id, Snowflake reader,
            std::function<std::optional<Refusal>(MessageForm&)> change, Done<Said> done);
  // `own`: only what this user wrote (0: whoever wrote it), else 50013.
  void remove(Snowflake channel, Snowflake id, Snowflake own, Done<Files> done);
  // With all its messages, and `changes` of the world.
  void remove_channel(Snowflake channel, std::vector<Change> changes, Done<Files> done);
  // False when nothing has changed.
  void react(Snowflake channel, Snowflake id, const std::string& emoji, Snowflake user,
             Done<bool> done);
  void unreact(Snowflake channel, Snowflake id, const std::string& emoji, Snowflake user,
               Done<bool> done);

  Outcome<Found> history(const Wanted& wanted) const;  // newest first
  Outcome<Found> search(const Wanted& wanted) const;   // newest first
  Outcome<std::vector<Snowflake>> reactors(Snowflake channel, Snowflake id,
                                           const std::string& emoji, int limit) const;

 private:
  explicit Archive(std::unique_ptr<store::Database> database) : database_(std::move(database)) {}
  template <class T>
  void write(std::function<Outcome<T>(store::Connection&)> work, Done<T> done);

  std::unique_ptr<store::Database> database_;
};

}  // namespace hub
