#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "characters/library.h"

namespace characters {

// What the keeper tells other processes.
class Outside {
 public:
  virtual ~Outside() = default;
  // The event that a character is new, changed or gone.
  virtual void announce(const Change& change) = 0;
  // Makes `member`'s knowledge searchable, replacing what was there. May be asked again.
  virtual Result<void> teach(const Member& member) = 0;
  virtual Result<void> forget(const std::string& id) = 0;
};

// How far the delivery of the cast's knowledge is.
enum class Delivery { UnderWay, RetrieverAway, Done };

// Keeps the world up to date with the card folder: announces what changed, and sees that the
// knowledge of every character reaches the retriever. One thread polls; the others are
// thread-safe.
class Keeper {
 public:
  // Both must outlive the keeper.
  Keeper(Library& library, Outside& outside) : library_(library), outside_(outside) {}

  // Looks at the folder and delivers. Knowledge that could not be delivered for a passing reason is
  // tried again at the next poll; what the retriever refuses for good is logged and left until it
  // changes.
  void poll();

  // The first half of poll(): loads and announces what is new.
  void look();

  // For a change that was made through the library: announces it at once, and wakes the poll that
  // delivers.
  void tell(const Change& change);

  // Waits until somebody tells, at most so long.
  void wait(const std::stop_token& stop, Milliseconds at_most);

  Delivery delivery() const { return delivery_.load(); }

 private:
  void deliver();
  Result<void> deliver(const std::string& id, const Member* member);

  Library& library_;
  Outside& outside_;
  std::string next_pending();

  bool folder_readable_ = true;
  std::atomic<Delivery> delivery_ = Delivery::UnderWay;

  std::mutex mutex_;
  std::condition_variable_any told_;
  std::set<std::string> pending_;  // ids whose knowledge is not delivered yet
  bool news_ = false;
};

}  // namespace characters
