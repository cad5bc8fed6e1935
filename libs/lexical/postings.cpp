#include "lexical/postings.h"

#include <algorithm>
#include <cassert>

namespace lexical {
namespace {

// Lists live in memory that is aligned to their numbers.
template <class T>
const T* numbers(const std::byte* at) {
  return reinterpret_cast<const T*>(at);
}

}  // namespace

std::span<const std::byte> encoded_positions(const std::byte* at) {
  const std::byte* const begin = at;
  const std::uint64_t length = get_varint(at);
  return {begin, at + length};
}

std::uint32_t PostingWriter::add(std::span<const Posting> list, bool with_positions) {
  assert(!list.empty());
  const auto at = static_cast<std::uint32_t>(postings_.size());
  put_varint(postings_, list.size());
  if (with_positions) put_varint(postings_, positions_.size());
  if (list.size() <= kBlock) {
    add_small(list);
    if (with_positions) {
      for (const Posting& posting : list) {
        const auto bytes = encoded_positions(posting.positions);
        positions_.insert(positions_.end(), bytes.begin(), bytes.end());
      }
    }
  } else {
    add_blocks(list, with_positions);
  }
  return at;
}

void PostingWriter::add_small(std::span<const Posting> list) {
  std::uint32_t before = ~std::uint32_t{0};
  for (const Posting& posting : list) {
    put_varint(postings_, posting.slot - before - 1);
    before = posting.slot;
  }
  for (const Posting& posting : list) postings_.push_back(std::byte{posting.code});
}

void PostingWriter::add_blocks(std::span<const Posting> list, bool with_positions) {
  const std::size_t blocks = (list.size() + kBlock - 1) / kBlock;
  std::vector<std::uint32_t> last(blocks), where(blocks), positions_where(blocks);
  std::vector<std::uint8_t> max(blocks), bits(blocks);
  std::vector<std::byte> data;
  data.reserve(list.size() * 2);
  const std::size_t positions_begin = positions_.size();
  std::uint32_t before = ~std::uint32_t{0};
  for (std::size_t block = 0; block < blocks; ++block) {
    const auto part = list.subspan(block * kBlock, std::min(kBlock, list.size() - block * kBlock));
    std::array<std::uint32_t, kBlock> slots;
    for (std::size_t i = 0; i < kBlock; ++i) {
      // What is missing of the last block goes on without gaps: it costs no bits.
      slots[i] = i < part.size() ? part[i].slot : slots[i - 1] + 1;
    }
    last[block] = part.back().slot;
    where[block] = static_cast<std::uint32_t>(data.size());
    positions_where[block] = static_cast<std::uint32_t>(positions_.size() - positions_begin);
    bits[block] = static_cast<std::uint8_t>(pack(slots.data(), before, data));
    before = last[block];
    for (const Posting& posting : part) {
      max[block] = std::max(max[block], posting.code);
      data.push_back(std::byte{posting.code});
      if (!with_positions) continue;
      const auto bytes = encoded_positions(posting.positions);
      positions_.insert(positions_.end(), bytes.begin(), bytes.end());
    }
  }
  postings_.resize((postings_.size() + 3) / 4 * 4);
  put_raw(postings_, last.data(), blocks);
  put_raw(postings_, where.data(), blocks);
  if (with_positions) put_raw(postings_, positions_where.data(), blocks);
  put_raw(postings_, max.data(), blocks);
  put_raw(postings_, bits.data(), blocks);
  postings_.insert(postings_.end(), data.begin(), data.end());
}

PostingList PostingList::single(std::uint32_t slot, std::uint8_t code) {
  PostingList list;
  list.count = 1;
  list.single_slot = slot;
  list.single_code = code;
  return list;
}

PostingList PostingList::read(const std::byte* postings, std::uint32_t at,
                              const std::byte* positions, bool with_positions) {
  PostingList list;
  const std::byte* from = postings + at;
  list.count = static_cast<std::uint32_t>(get_varint(from));
  if (with_positions) list.positions = positions + get_varint(from);
  if (list.count <= kBlock) {
    list.few = from;
    return list;
  }
  list.blocks = static_cast<std::uint32_t>((list.count + kBlock - 1) / kBlock);
  const std::size_t n = list.blocks;
  from = postings + (from - postings + 3) / 4 * 4;
  list.last = numbers<std::uint32_t>(from);
  list.where = list.last + n;
  list.positions_where = with_positions ? list.where + n : nullptr;
  list.max = numbers<std::uint8_t>(from + n * (with_positions ? 12 : 8));
  list.bits = list.max + n;
  list.data = reinterpret_cast<const std::byte*>(list.bits + n);
  return list;
}

Cursor::Cursor(const PostingList& list) : list_(list) {
  if (list.blocks > 0) {
    blocks_ = list.blocks;
    last_ = list.last;
    max_ = list.max;
    list_bound_ = *std::max_element(max_, max_ + blocks_);
    return;
  }
  // A small list is its only block, read at once.
  blocks_ = list.count > 0 ? 1 : 0;
  last_ = &small_last_;
  max_ = &small_max_;
  in_block_ = list.count;
  codes_ = small_codes_.data();
  read_ = 0;
  if (list.count == 0) return;
  if (list.few != nullptr) {
    const std::byte* from = list.few;
    std::uint32_t before = ~std::uint32_t{0};
    for (std::uint32_t i = 0; i < list.count; ++i) {
      before += static_cast<std::uint32_t>(get_varint(from)) + 1;
      slots_[i] = before;
    }
    std::memcpy(small_codes_.data(), from, list.count);
  } else {
    slots_[0] = list.single_slot;
    small_codes_[0] = list.single_code;
  }
  small_last_ = slots_[list.count - 1];
  small_max_ = *std::max_element(codes_, codes_ + list.count);
  list_bound_ = small_max_;
}

bool Cursor::find_block(std::uint32_t slot) {
  if (block_ < blocks_ && last_[block_] < slot) {
    std::uint32_t step = 1;
    std::uint32_t low = block_ + 1;
    while (low + step < blocks_ && last_[low + step] < slot) {
      low += step;
      step *= 2;
    }
    const std::uint32_t* const high = last_ + std::min(low + step, blocks_);
    block_ = static_cast<std::uint32_t>(std::lower_bound(last_ + low, high, slot) - last_);
  }
  return block_ < blocks_;
}

void Cursor::read_block() {
  if (read_ == block_) return;
  const std::uint32_t before = block_ == 0 ? ~std::uint32_t{0} : last_[block_ - 1];
  const std::byte* const packed = list_.data + list_.where[block_];
  unpack(packed, list_.bits[block_], before, slots_.data());
  codes_ = numbers<std::uint8_t>(packed + packed_bytes(list_.bits[block_]));
  in_block_ = std::min(std::uint32_t{kBlock}, list_.count - block_ * std::uint32_t{kBlock});
  read_ = block_;
  at_ = 0;
}

int Cursor::bound(std::uint32_t low, std::uint32_t high) {
  if (!find_block(low)) return kNone;
  if (block_ > 0 && last_[block_ - 1] + 1 >= high) return kNone;
  if (read_ == block_) {
    // The block is at hand: where its rest begins is known.
    while (at_ < in_block_ && slots_[at_] < low) ++at_;
    if (slots_[at_] >= high) return kNone;
  }
  std::uint8_t bound = max_[block_];
  for (std::uint32_t i = block_; last_[i] + 1 < high && i + 1 < blocks_; ++i) {
    bound = std::max(bound, max_[i + 1]);
  }
  return bound;
}

std::uint32_t Cursor::next(std::uint32_t low) {
  if (!find_block(low)) return kEnd;
  if (read_ == block_) {
    while (at_ < in_block_ && slots_[at_] < low) ++at_;
    return slots_[at_];
  }
  return block_ == 0 ? low : std::max(low, last_[block_ - 1] + 1);
}

void Cursor::accumulate(std::uint32_t low, std::uint32_t high, const Contributions& worth,
                        std::uint32_t* sums) {
  while (find_block(low)) {
    if (block_ > 0 && last_[block_ - 1] + 1 >= high) return;
    read_block();
    const std::uint32_t* const slots = slots_.data();
    const std::uint8_t* const codes = codes_;
    std::uint32_t i = at_;
    while (i < in_block_ && slots[i] < low) ++i;
    const bool whole = last_[block_] < high;
    if (whole) {
      for (; i < in_block_; ++i) sums[slots[i] - low] += worth[codes[i]];
    } else {
      for (; slots[i] < high; ++i) sums[slots[i] - low] += worth[codes[i]];
    }
    at_ = i;
    if (!whole) return;
    ++block_;
  }
}

std::uint32_t Cursor::seek(std::uint32_t slot) {
  if (!find_block(slot)) return kEnd;
  read_block();
  const std::uint32_t* const slots = slots_.data();
  at_ = static_cast<std::uint32_t>(std::lower_bound(slots + at_, slots + in_block_, slot) - slots);
  return slots[at_];
}

int Cursor::code_at(std::uint32_t slot) { return seek(slot) == slot ? code() : kNone; }

std::uint32_t Cursor::advance() {
  if (++at_ == in_block_) {
    if (++block_ >= blocks_) return kEnd;
    read_block();
  }
  return slots_[at_];
}

const std::byte* Cursor::positions() {
  if (positions_in_ != read_) {
    positions_ = list_.positions;
    if (list_.positions_where != nullptr) positions_ += list_.positions_where[read_];
    positions_of_ = 0;
    positions_in_ = read_;
  }
  for (; positions_of_ < at_; ++positions_of_) positions_ += encoded_positions(positions_).size();
  return positions_;
}

}  // namespace lexical
