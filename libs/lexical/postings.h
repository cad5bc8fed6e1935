#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lexical/bm25.h"
#include "lexical/packing.h"

// Posting lists: which documents of a segment have a term, with what weight, and where. A document
// is a slot, its number in the segment; a list ascends. On the wire, numbers as of bytes.h:
//
//   count, [where its positions begin,] then
//   up to 128 postings: the slots' gaps less one, the weight bytes
//   more: from the next multiple of 4, for each block of 128 the last slot (u32), where it begins
//     (u32), [where its positions begin (u32),] its greatest weight byte and its bits per gap (u8);
//     then the blocks: packed gaps (packing.h), weight bytes
//
// A posting's positions are the length in bytes, then each position less the one before it.
namespace lexical {

struct Posting {
  const std::byte* positions = nullptr;  // encoded; none for kinds of terms that keep none
  std::uint32_t slot = 0;
  std::uint8_t code = 0;  // weight_code()
};

// The bytes of such positions, their length included.
std::span<const std::byte> encoded_positions(const std::byte* at);

// Calls `f` with each position.
template <class F>
void for_each_position(const std::byte* at, F&& f);

class PostingWriter {
 public:
  explicit PostingWriter(std::size_t posting_bytes = 0, std::size_t position_bytes = 0) {
    postings_.reserve(posting_bytes);
    positions_.reserve(position_bytes);
  }

  // Files a list that ascends and is not empty; returns where it begins.
  std::uint32_t add(std::span<const Posting> list, bool with_positions);

  const std::vector<std::byte>& postings() const { return postings_; }
  std::vector<std::byte> take_postings() { return std::move(postings_); }
  std::vector<std::byte> take_positions() { return std::move(positions_); }

 private:
  void add_small(std::span<const Posting> list);
  void add_blocks(std::span<const Posting> list, bool with_positions);

  std::vector<std::byte> postings_;
  std::vector<std::byte> positions_;
};

// A list where it lies: in a segment's memory, or a posting alone. Cheap to copy.
struct PostingList {
  std::uint32_t count = 0;
  std::uint32_t blocks = 0;  // of 128; none where there are `few` or one
  std::uint8_t single_code = 0;
  std::uint32_t single_slot = 0;
  const std::byte* few = nullptr;
  const std::uint32_t* last = nullptr;
  const std::uint32_t* where = nullptr;
  const std::uint32_t* positions_where = nullptr;
  const std::uint8_t* max = nullptr;
  const std::uint8_t* bits = nullptr;
  const std::byte* data = nullptr;
  const std::byte* positions = nullptr;

  static PostingList single(std::uint32_t slot, std::uint8_t code);
  static PostingList read(const std::byte* postings, std::uint32_t at, const std::byte* positions,
                          bool with_positions);
};

// Walks a list forward. The slots that it is asked for must never fall. Not thread-safe.
class Cursor {
 public:
  explicit Cursor(const PostingList& list);
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  static constexpr int kNone = -1;

  // A bound on the weight bytes of slots in [low, high): that of the blocks that may hold any.
  int bound(std::uint32_t low, std::uint32_t high);
  int bound() const { return list_bound_; }

  // No posting at or after `low` comes before this slot; kEnd when there is none.
  static constexpr std::uint32_t kEnd = ~std::uint32_t{0};
  std::uint32_t next(std::uint32_t low);

  // Adds what each posting in [low, high) is worth to sums[slot - low].
  void accumulate(std::uint32_t low, std::uint32_t high, const Contributions& worth,
                  std::uint32_t* sums);

  // The weight byte of `slot`, or kNone.
  int code_at(std::uint32_t slot);

  // The first posting at or after `slot`, or kEnd; then code() and positions() are its own.
  std::uint32_t seek(std::uint32_t slot);
  // The one after it.
  std::uint32_t advance();
  std::uint8_t code() const { return codes_[at_]; }
  const std::byte* positions();

 private:
  bool find_block(std::uint32_t slot);
  void read_block();

  PostingList list_;
  std::uint32_t blocks_;
  const std::uint32_t* last_;
  const std::uint8_t* max_;
  std::uint32_t block_ = 0;               // the first that may still be asked for
  std::uint32_t read_ = kEnd;             // the one in slots_
  std::uint32_t at_ = 0;                  // within it
  std::uint32_t in_block_ = 0;            // postings in it
  const std::byte* positions_ = nullptr;  // those of posting positions_of_ of block positions_in_
  std::uint32_t positions_of_ = 0;
  std::uint32_t positions_in_ = kEnd;
  int list_bound_ = kNone;
  std::uint32_t small_last_ = 0;
  std::uint8_t small_max_ = 0;
  const std::uint8_t* codes_ = nullptr;
  alignas(16) std::array<std::uint32_t, kBlock> slots_;
  std::array<std::uint8_t, kBlock> small_codes_;
};

}  // namespace lexical

#include "lexical/bytes.h"

namespace lexical {

template <class F>
void for_each_position(const std::byte* at, F&& f) {
  const std::uint64_t length = get_varint(at);
  const std::byte* const end = at + length;
  for (std::uint64_t position = 0; at < end;) f(position += get_varint(at));
}

}  // namespace lexical
