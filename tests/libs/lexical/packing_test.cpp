#include "lexical/packing.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

#include "lexical/postings.h"
#include "lexical/vocabulary.h"

namespace lexical {
namespace {

constexpr std::uint32_t kNone = ~std::uint32_t{0};

TEST(Packing, GivesBackABlockOfEveryWidth) {
  std::mt19937_64 random(1);
  for (unsigned width = 0; width <= kPackedBitsMax; ++width) {
    for (const std::uint32_t before : {kNone, std::uint32_t{41}}) {
      std::array<std::uint32_t, kBlock> numbers;
      std::uint32_t last = before;
      for (std::uint32_t& number : numbers) {
        const std::uint64_t gap = random() & ((std::uint64_t{1} << width) - 1);
        last = number = last + 1 + static_cast<std::uint32_t>(gap);
      }
      std::vector<std::byte> packed;
      const unsigned bits = pack(numbers.data(), before, packed);
      EXPECT_LE(bits, width);
      EXPECT_EQ(packed.size(), packed_bytes(bits));
      std::array<std::uint32_t, kBlock> back{};
      unpack(packed.data(), bits, before, back.data());
      EXPECT_EQ(back, numbers) << width;
    }
  }
}

TEST(Packing, NeighboursTakeNoBits) {
  std::array<std::uint32_t, kBlock> numbers;
  for (std::uint32_t i = 0; i < kBlock; ++i) numbers[i] = 1000 + i;
  std::vector<std::byte> packed;
  EXPECT_EQ(pack(numbers.data(), 999, packed), 0U);
  EXPECT_TRUE(packed.empty());
}

// Positions of posting i, as a PostingWriter wants them.
std::vector<std::byte> positions(std::uint32_t i) {
  std::vector<std::byte> encoded;
  put_varint(encoded, i);
  if (i % 3 == 0) put_varint(encoded, 300);
  std::vector<std::byte> all;
  put_varint(all, encoded.size());
  all.insert(all.end(), encoded.begin(), encoded.end());
  return all;
}

struct Sample {
  Sample(std::uint32_t count, std::uint32_t stride) : encoded(count) {
    std::mt19937 random(count);
    std::uint32_t slot = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      encoded[i] = positions(i);
      postings.push_back({encoded[i].data(), slot, static_cast<std::uint8_t>(random() % 256)});
      slot += 1 + static_cast<std::uint32_t>(random() % stride);
    }
  }
  std::vector<std::vector<std::byte>> encoded;
  std::vector<Posting> postings;
};

TEST(Postings, ListsOfAllSizesComeBackWithTheirPositions) {
  for (const std::uint32_t count : {1U, 2U, 127U, 128U, 129U, 255U, 256U, 257U, 1000U}) {
    for (const std::uint32_t stride : {1U, 2U, 100U, 9000U}) {
      const Sample sample(count, stride);
      PostingWriter writer;
      writer.add(std::span(sample.postings).first(1), true);  // another list before it
      const std::uint32_t at = writer.add(sample.postings, true);
      const std::vector<std::byte> postings = writer.take_postings();
      const std::vector<std::byte> places = writer.take_positions();
      Cursor cursor(PostingList::read(postings.data(), at, places.data(), true));
      std::uint32_t slot = cursor.seek(0);
      for (std::uint32_t i = 0; i < count; ++i) {
        ASSERT_EQ(slot, sample.postings[i].slot);
        ASSERT_EQ(cursor.code(), sample.postings[i].code);
        std::vector<std::uint64_t> found;
        for_each_position(cursor.positions(), [&](std::uint64_t place) { found.push_back(place); });
        ASSERT_EQ(found, (i % 3 == 0 ? std::vector<std::uint64_t>{i, i + 300}
                                     : std::vector<std::uint64_t>{i}));
        slot = cursor.advance();
      }
      EXPECT_EQ(slot, Cursor::kEnd);
      EXPECT_EQ(cursor.seek(slot), Cursor::kEnd);
    }
  }
}

TEST(Postings, SeekingFindsWhatWalkingFinds) {
  const Sample sample(3000, 50);
  PostingWriter writer;
  const std::uint32_t at = writer.add(sample.postings, false);
  const PostingList list = PostingList::read(writer.postings().data(), at, nullptr, false);
  for (const std::uint32_t step : {1U, 7U, 130U, 5000U, 40000U}) {
    Cursor cursor(list);
    std::size_t expected = 0;
    for (std::uint32_t slot = 0; slot < 80000; slot += step) {
      while (expected < sample.postings.size() && sample.postings[expected].slot < slot) ++expected;
      const bool end = expected == sample.postings.size();
      ASSERT_EQ(cursor.seek(slot), end ? Cursor::kEnd : sample.postings[expected].slot);
      if (!end) {
        ASSERT_EQ(cursor.code(), sample.postings[expected].code);
      }
    }
  }
}

TEST(Postings, ABoundIsNeverBelowAWeightInItsRange) {
  const Sample sample(2000, 9);
  PostingWriter writer;
  const std::uint32_t at = writer.add(sample.postings, false);
  Cursor cursor(PostingList::read(writer.postings().data(), at, nullptr, false));
  for (std::uint32_t low = 0; low < 12000; low += 512) {
    int greatest = Cursor::kNone;
    for (const Posting& posting : sample.postings) {
      if (posting.slot >= low && posting.slot < low + 512) {
        greatest = std::max<int>(greatest, posting.code);
      }
    }
    EXPECT_GE(cursor.bound(low, low + 512), greatest);
    EXPECT_LE(cursor.bound(low, low + 512), cursor.bound());
  }
}

TEST(Vocabulary, ReadsFromAnyWordOn) {
  std::vector<std::string> words;
  for (int i = 0; i < 1000; ++i) words.push_back("word" + std::to_string(i));
  std::sort(words.begin(), words.end());
  VocabularyBuilder builder;
  for (std::size_t i = 0; i < words.size(); ++i) builder.add(words[i], i * i);
  const VocabularyArrays arrays = builder.finish();
  const Vocabulary vocabulary(arrays.starts, arrays.bytes);
  for (const std::string from : {"", "a", "word0", "word500", "word5005", "word999", "x"}) {
    auto expected = std::lower_bound(words.begin(), words.end(), from);
    for (auto word = vocabulary.from(from); !word.done(); word.next()) {
      ASSERT_NE(expected, words.end());
      const auto rank = static_cast<std::uint64_t>(expected - words.begin());
      ASSERT_EQ(word.documents(), rank * rank);
      ASSERT_EQ(word.word(), *expected++);
    }
    EXPECT_EQ(expected, words.end());
  }
  EXPECT_TRUE(Vocabulary().from("").done());
}

}  // namespace
}  // namespace lexical
