#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "vector/rows.h"

namespace vector {

// Finds the slot of an id, by open addressing over slots alone: the ids stand in Rows. Some 7 bytes
// a row. One writer, any number of readers, which never wait. A reader holds a Snapshot of the rows
// from before its find(): that keeps a slot that the map has led to from being written again.
class IdMap {
 public:
  explicit IdMap(const Rows& rows);

  std::optional<std::uint32_t> find(std::uint64_t id) const;

  // --- For the writer.

  // Makes room for that many at once.
  void reserve(std::size_t count);
  // The id of `slot` is in no other slot that was put here.
  void put(std::uint32_t slot);
  // The id of both now leads to `next`.
  void move(std::uint32_t slot, std::uint32_t next);
  void erase(std::uint32_t slot);

  std::size_t size() const { return size_; }
  std::size_t bytes() const;

 private:
  struct Table {
    explicit Table(std::size_t places)
        : mask(places - 1), entries(std::make_unique<std::atomic<std::uint32_t>[]>(places)) {}
    const std::size_t mask;
    const std::unique_ptr<std::atomic<std::uint32_t>[]> entries;  // or 2 + the slot
  };

  static constexpr std::uint32_t kEmpty = 0, kGone = 1, kFirst = 2;

  static std::size_t home(const Table& table, std::uint64_t id);
  static void place(Table& table, std::uint64_t id, std::uint32_t slot);
  std::atomic<std::uint32_t>& entry_of(std::uint32_t slot);
  void make_room(std::size_t places);

  const Rows& rows_;
  std::unique_ptr<Table> owned_;
  std::atomic<const Table*> table_{nullptr};
  std::size_t used_ = 0;  // places that are not empty
  std::size_t size_ = 0;
  Epochs epochs_;
  std::deque<std::pair<std::uint64_t, std::unique_ptr<Table>>> retired_;  // by their epoch
};

}  // namespace vector
