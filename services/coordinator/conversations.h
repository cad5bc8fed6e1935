#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "contracts/coordinator.h"
#include "coordinator/selector.h"
#include "store/store.h"

// What was said in each channel, and the energy its bots have left.
namespace coordinator {

// A follow-up whose energy is spent before its line is said.
struct Reservation {
  std::string after;      // the message id that it follows
  std::string character;  // who speaks
  double cost = 0;
  friend bool operator==(const Reservation&, const Reservation&) = default;
};

// A channel as it stood after one of its lines.
struct Conversation {
  std::vector<contracts::Line> lines;  // oldest first, at most 64
  std::string last_id;                 // message id of the last line, empty: no line yet
  std::int64_t message_count = 0;      // lines in the last 24 h before the last line; stops at 1000
  double energy = 0;
  int bot_lines = 0;  // since the last person's line
  std::optional<Reservation> reservation;
  std::int64_t quiet_until_ms = 0;            // 0: not quiet
  bool repeated = false;                      // of observe(): the line was there already
  std::vector<contracts::Answered> answered;  // of a repeated line: what was said to it
};

struct ConversationStats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t evictions = 0;
  std::uint64_t bytes = 0;
  std::uint64_t channels = 0;
};

// Lines on disk (crash-safe before the answer), recent channels in memory (conv_history:{channel}),
// so that a line costs one write and no read. Thread-safe. Changes and cache fills happen on the
// thread that writes the database alone, which orders them; the mutex is never held across I/O.
class Conversations {
 public:
  struct Options {
    std::string path;
    Weights weights;                            // energy budget and costs
    std::size_t cache_bytes = 8 * 1024 * 1024;  // least recently used channels go first
    std::int64_t cache_ttl_ms = 24 * 3600 * 1000LL;
    std::int64_t quiet_asked_ms = 2 * 60 * 1000;  // after a person's "be quiet, guys"
    store::RunOn write_on{};                      // as of the database
  };

  static Result<std::unique_ptr<Conversations>> open(Options options,
                                                     const Clock& clock = SystemClock::instance());
  ~Conversations();

  // Stores a line once by (channel, message_id): a person's refills the energy, a bot's spends it
  // unless it was reserved. A repeat changes nothing and answers with the channel as it stood after
  // that line, with the energy of today. Of a bot's line the conversation's lines are left out.
  // `done` is called once, on the thread that writes.
  using Observed = std::function<void(Result<Conversation>)>;
  void observe(contracts::ObserveRequest request, Observed done);
  // The same, waiting for it.
  Result<Conversation> observe(const contracts::ObserveRequest& request);
  // Returns when every line told before is answered.
  void settle();

  Result<Conversation> recent(const std::string& channel);

  // Spends the energy of a follow-up. Conflict when a line was said or a follow-up was reserved
  // since `seen` was read: decide again.
  Result<Conversation> reserve(const std::string& channel, const Conversation& seen,
                               const Reservation& reservation);

  // Makes a channel quiet for that long from now; 0 ends it.
  Result<Conversation> set_quiet(const std::string& channel, std::int64_t for_ms);

  // The last `limit` lines, oldest first; reads the disk.
  Result<std::vector<contracts::Line>> history(const std::string& channel, int limit);
  // What was said to a message, the latest first; reads the disk.
  Result<std::vector<contracts::Answered>> answers_to(const std::string& channel,
                                                      const std::string& message_id);

  // The latest lines that turns have said, of all channels, newest first; reads the disk.
  Result<std::vector<contracts::SaidLine>> said(int limit);

  // Deletes lines older than `days`, at most `batch` at a time so that no line waits long. Returns
  // how many went.
  Result<std::int64_t> forget_older_than(int days, int batch = 500);

  // Deletes the lines of a person and those that answered them, channel by channel: on disk when it
  // returns. Returns how many went. What was told without an author's id is nobody's.
  Result<std::int64_t> forget_author(const std::string& author_id);

  ConversationStats stats() const;

 private:
  struct Channel;  // a cached conversation
  using Entries = std::list<std::pair<std::string, std::shared_ptr<const Channel>>>;

  Conversations(Options options, const Clock& clock, std::unique_ptr<store::Database> database);

  Result<void> store_line(store::Connection& db, const contracts::ObserveRequest& request,
                          Conversation& result);
  Result<void> restore_repeat(store::Connection& db, const contracts::ObserveRequest& request,
                              Conversation& result);
  // On the thread that writes: the channel from memory or disk, as a copy to change.
  Result<std::shared_ptr<Channel>> load(store::Connection& db, const std::string& channel);
  Result<std::shared_ptr<Channel>> load_from_disk(store::Connection& db,
                                                  const std::string& channel);
  static Result<void> save_state(store::Connection& db, const std::string& channel,
                                 const Channel& state);
  enum class Lines { Shown, LeftOut };
  std::int64_t quiet_until_ms(const Channel& channel) const;
  Conversation view(const Channel& channel, Lines lines = Lines::Shown) const;

  std::shared_ptr<const Channel> cached(const std::string& channel);
  void keep(const std::string& channel, std::shared_ptr<const Channel> state);
  void drop(const std::string& channel);
  void erase_entry(Entries::iterator entry);

  const Options options_;
  const Clock& clock_;

  mutable std::mutex mutex_;
  Entries entries_;  // most recently used first
  std::unordered_map<std::string, Entries::iterator> by_channel_;
  ConversationStats stats_;

  // Last, so that its thread is gone before what it uses.
  std::unique_ptr<store::Database> database_;
};

}  // namespace coordinator
