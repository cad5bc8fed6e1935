#include "vector/rows.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "support/temp_dir.h"
#include "vector/flat.h"
#include "vector/huge_array.h"

namespace {

using vector::HugeArray;
using vector::HugeRange;
using vector::Metric;
using vector::Rows;
using vector::Snapshot;

std::unique_ptr<Rows> rows_of(std::size_t dimension, std::size_t rows_max) {
  Rows::Options options;
  options.dimension = dimension;
  options.rows_max = rows_max;
  options.metric = Metric::Dot;
  return std::move(Rows::create(options)).value();
}

std::uint32_t insert(Rows& rows, std::uint64_t id, std::vector<float> vector) {
  return std::move(rows.insert(id, vector)).value();
}

TEST(Rows, RefuseASizeThatTheyCannotHave) {
  Rows::Options options;
  options.dimension = 4;
  options.rows_max = 0;
  EXPECT_EQ(Rows::create(options).error().code, Code::InvalidArgument);
  options.rows_max = std::size_t{1} << 40;
  EXPECT_EQ(Rows::create(options).error().code, Code::InvalidArgument);
  options.rows_max = 10;
  options.metric = Metric::L2;
  options.originals = Rows::Originals::F16;
  options.dimension = 3;
  EXPECT_EQ(Rows::create(options).error().message, "f16 originals are for the cosine only");
  options.originals = Rows::Originals::F32;
  options.dimension = 0;
  EXPECT_EQ(Rows::create(options).error().code, Code::InvalidArgument);
}

TEST(Rows, ShowARowFromItsPublicationOnAndOnlyToLaterSnapshots) {
  auto rows = rows_of(2, 100);
  const std::uint32_t slot = insert(*rows, 77, {1, 2});
  const Snapshot before = rows->snapshot();
  EXPECT_FALSE(rows->visible(slot, before));
  EXPECT_EQ(rows->visible_word(0, before), 0U);
  rows->publish();
  EXPECT_FALSE(rows->visible(slot, before));
  EXPECT_EQ(rows->visible_word(0, before), 0U);
  const Snapshot after = rows->snapshot();
  EXPECT_TRUE(rows->visible(slot, after));
  EXPECT_EQ(rows->visible_word(0, after), 1U);
  EXPECT_EQ(rows->id(slot), 77U);
  EXPECT_EQ(rows->live(), 1U);
  EXPECT_EQ(rows->born(slot), after.sequence);
}

TEST(Rows, ReplaceARowInOneStepForEverySnapshot) {
  auto rows = rows_of(1, 100);
  const std::uint32_t old = insert(*rows, 1, {1});
  rows->publish();
  const Snapshot before = rows->snapshot();
  rows->remove(old);
  const std::uint32_t fresh = insert(*rows, 1, {2});
  const Snapshot between = rows->snapshot();
  rows->publish();
  const Snapshot after = rows->snapshot();
  for (const Snapshot* snapshot : {&before, &between}) {
    EXPECT_EQ(rows->visible_word(0, *snapshot), std::uint64_t{1} << old);
  }
  EXPECT_EQ(rows->visible_word(0, after), std::uint64_t{1} << fresh);
  EXPECT_EQ(rows->live(), 1U);
}

TEST(Rows, StayVisibleToEarlierSnapshotsWhenTheyAreReleased) {
  auto rows = rows_of(1, 2);
  const std::uint32_t slot = insert(*rows, 1, {1});
  rows->publish();
  const Snapshot before = rows->snapshot();
  rows->remove(slot);
  rows->publish();
  rows->release(std::array{slot});
  EXPECT_TRUE(rows->visible(slot, before));
  EXPECT_EQ(rows->visible_word(0, before), 1U);
  EXPECT_EQ(rows->visible_word(0, rows->snapshot()), 0U);
}

TEST(Rows, ReuseASlotOnlyWhenNoSearchCanKnowItAnyMore) {
  auto rows = rows_of(1, 2);
  const std::uint32_t slot = insert(*rows, 1, {1});
  rows->publish();
  std::optional<Snapshot> reader(rows->snapshot());
  rows->remove(slot);
  rows->publish();
  EXPECT_TRUE(rows->is_dead(slot));
  rows->release(std::array{slot});
  EXPECT_FALSE(rows->is_dead(slot));
  EXPECT_NE(insert(*rows, 2, {2}), slot);
  const std::vector<float> third = {3};
  EXPECT_EQ(rows->insert(3, third).error().message, "all 2 rows of the index are taken");
  EXPECT_EQ(rows->insert(3, third).error().code, Code::Overloaded);
  reader.reset();
  EXPECT_EQ(insert(*rows, 3, {3}), slot);
  EXPECT_EQ(rows->slots(), 2U);
}

TEST(Rows, ARefusedVectorTakesNoSlot) {
  auto rows = rows_of(2, 1);
  const std::vector<float> bad = {1, std::numeric_limits<float>::infinity()};
  EXPECT_EQ(rows->insert(1, bad).error().code, Code::InvalidArgument);
  EXPECT_EQ(insert(*rows, 1, {1, 2}), 0U);
}

TEST(Rows, MoreReadersThanPlacesStillHoldSlotsBack) {
  auto rows = rows_of(1, 3);
  const std::uint32_t slot = insert(*rows, 1, {1});
  rows->publish();
  std::vector<Snapshot> readers;
  for (int i = 0; i < 300; ++i) readers.push_back(rows->snapshot());
  rows->remove(slot);
  rows->publish();
  rows->release(std::array{slot});
  Snapshot last = std::move(readers.back());
  readers.clear();
  EXPECT_NE(insert(*rows, 2, {1}), slot);
  { const Snapshot gone = std::move(last); }
  EXPECT_EQ(insert(*rows, 3, {1}), slot);
}

TEST(Rows, GiveBackTheVectorAsFarAsItIsKept) {
  const std::vector<float> vector = {1, -2, .5F, 3};
  for (const auto kept : {Rows::Originals::F32, Rows::Originals::Bf16, Rows::Originals::None}) {
    Rows::Options options;
    options.dimension = 4;
    options.rows_max = 10;
    options.metric = Metric::L2;
    options.originals = kept;
    options.centre = {.5F, 0, 0, 1};
    auto rows = std::move(Rows::create(options)).value();
    const std::uint32_t slot = insert(*rows, 1, vector);
    std::vector<float> back(4);
    rows->vector(slot, back.data());
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(back[i], vector[i], .03) << i;
  }
}

// A copy of the arrays of `from`, as a file would bring them back.
void copy_arrays(Rows& from, Rows& to) {
  std::vector<std::pair<const void*, std::size_t>> sources;
  from.for_each_array([&](const char*, auto& array, std::size_t count) {
    sources.emplace_back(array.data(), count * sizeof(array[0]));
  });
  std::size_t i = 0;
  to.for_each_array([&](const char*, auto& array, std::size_t) {
    std::memcpy(static_cast<void*>(array.data()), sources[i].first, sources[i].second);
    ++i;
  });
}

TEST(Rows, ComeBackFromTheirArraysWithTheirFreeSlots) {
  auto rows = rows_of(3, 1000);
  for (std::uint32_t i = 0; i < 200; ++i) insert(*rows, i, {1, static_cast<float>(i), 2});
  rows->publish();
  rows->remove(7);
  rows->remove(130);
  rows->publish();
  rows->release(std::array{std::uint32_t{7}});

  auto back = rows_of(3, 1000);
  copy_arrays(*rows, *back);
  ASSERT_TRUE(back->restore(rows->state()).ok());
  EXPECT_EQ(back->live(), 198U);
  EXPECT_EQ(back->slots(), 200U);
  EXPECT_TRUE(back->is_dead(130));
  EXPECT_EQ(insert(*back, 999, {5, 5, 5}), 7U);
  back->publish();
  EXPECT_EQ(back->visible_word(0, back->snapshot()), ~std::uint64_t{0});
  vector::Query query;
  const std::vector<float> vector = {0, 1, 0};
  ASSERT_TRUE(query.set(back->coder(), vector).ok());
  vector::Flat flat(*back);
  EXPECT_EQ(flat.search(query, 1, back->snapshot(), vector::Scan::B1)[0].slot, 199U);
}

TEST(Rows, RefuseAStateThatTheirArraysDoNotBearOut) {
  auto rows = rows_of(3, 1000);
  for (std::uint32_t i = 0; i < 100; ++i) insert(*rows, i, {1, 2, 3});
  rows->publish();
  const Rows::State good = rows->state();
  const auto refused = [&](Rows::State state) {
    auto back = rows_of(3, 1000);
    copy_arrays(*rows, *back);
    const Result<void> restored = back->restore(state);
    return !restored && restored.error().code == Code::DataLoss;
  };
  EXPECT_TRUE(refused({1001, good.sequence, good.blocks}));
  EXPECT_TRUE(refused({99, good.sequence, good.blocks}));
  EXPECT_TRUE(refused({good.slots, good.sequence, std::uint64_t{1} << 60}));
  EXPECT_TRUE(refused({good.slots, good.sequence, 0}));
  EXPECT_FALSE(refused(good));
}

// Every row that is ever visible holds its id in all dimensions; each round replaces all rows at
// once. A reader that saw a row half written, or rows of two rounds, would find out.
TEST(Rows, ReadersSeeWholeRowsOfOneMomentWhileAWriterReplacesThem) {
  constexpr std::uint32_t kRows = 40;
  constexpr std::uint32_t kRounds = 200;
  auto rows = rows_of(16, kRows * kRounds);  // enough, should no slot ever come free
  std::atomic<bool> done = false;
  const auto fill = [&](std::uint64_t round) {
    std::vector<std::uint32_t> slots;
    for (std::uint32_t i = 0; i < kRows; ++i) {
      slots.push_back(insert(*rows, round, std::vector<float>(16, static_cast<float>(round))));
    }
    return slots;
  };
  std::vector<std::uint32_t> current = fill(1);
  rows->publish();
  std::vector<std::jthread> readers;
  for (std::size_t r = 0; r < 2; ++r) {
    readers.emplace_back([&, r] {
      vector::Query query;
      const std::vector<float> ones(16, 1);
      EXPECT_TRUE(query.set(rows->coder(), ones).ok());
      vector::Flat flat(*rows);
      for (std::size_t turn = r; !done; ++turn) {
        const Snapshot snapshot = rows->snapshot();
        constexpr std::array kInTurn = {vector::Scan::F32, vector::Scan::I8, vector::Scan::U4,
                                        vector::Scan::B1};
        const auto hits = flat.search(query, kRows + 1, snapshot, kInTurn[turn % 4]);
        ASSERT_EQ(hits.size(), kRows);
        for (const auto& hit : hits) {
          ASSERT_EQ(rows->id(hit.slot), rows->id(hits[0].slot));
          ASSERT_EQ(hit.score, 16.0F * static_cast<float>(rows->id(hit.slot)));
        }
      }
    });
  }
  for (std::uint32_t round = 2; round < kRounds; ++round) {
    const std::vector<std::uint32_t> old = std::move(current);
    for (const std::uint32_t slot : old) rows->remove(slot);
    current = fill(round);
    rows->publish();
    rows->release(old);
  }
  done = true;
}

TEST(HugeRange, IsZeroAlignedAndRefusesTheImpossible) {
  HugeArray<std::uint32_t> array = std::move(HugeArray<std::uint32_t>::reserve(1000)).value();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.data()) % HugeRange::kChunk, 0U);
  EXPECT_EQ(array[999], 0U);
  EXPECT_EQ(HugeRange::reserve(~std::size_t{0}).error().code, Code::TooLarge);
  EXPECT_FALSE(HugeRange::reserve(std::size_t{1} << 60).ok());
}

TEST(HugeRange, KeepsItsBytesWhenTheFirstChunkIsFull) {
  HugeRange range = std::move(HugeRange::reserve(2 * HugeRange::kChunk)).value();
  const std::byte* const data = range.data();
  for (const std::size_t at : {std::size_t{0}, HugeRange::kChunk - 1, HugeRange::kChunk}) {
    range.data()[at] = std::byte{7};
  }
  for (const std::size_t bytes :
       {HugeRange::kChunk - 1, HugeRange::kChunk, HugeRange::kChunk + 1}) {
    range.grown(bytes);
    EXPECT_EQ(range.data(), data);
    EXPECT_EQ(range.data()[0], std::byte{7});
    EXPECT_EQ(range.data()[1], std::byte{0});
    EXPECT_EQ(range.data()[HugeRange::kChunk - 1], std::byte{7});
    EXPECT_EQ(range.data()[HugeRange::kChunk], std::byte{7});
  }
}

TEST(HugeRange, ShowsAFileWithoutWritingToItAndKeepsItsBytesWhenPromoted) {
  const support::TempDir folder;
  const std::string path = folder.file("bytes");
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(file, 0);
  std::vector<char> bytes(3 * HugeRange::kChunk / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i / 977);
  ASSERT_EQ(write(file, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));

  HugeRange range = std::move(HugeRange::reserve(4 * HugeRange::kChunk)).value();
  EXPECT_EQ(range.map_file(file, 1, 10).error().code, Code::InvalidArgument);
  EXPECT_EQ(range.map_file(file, 0, 5 * HugeRange::kChunk).error().code, Code::InvalidArgument);
  EXPECT_EQ(range.map_file(-1, 0, 4096).error().code, Code::Internal);
  ASSERT_TRUE(range.map_file(file, 0, bytes.size()).ok());
  EXPECT_EQ(std::memcmp(range.data(), bytes.data(), bytes.size()), 0);
  range.data()[5] = std::byte{99};
  bytes[5] = 99;
  EXPECT_EQ(range.promote(1, 10).error().code, Code::InvalidArgument);
  EXPECT_EQ(range.promote(4 * HugeRange::kChunk, 1).error().code, Code::InvalidArgument);
  ASSERT_TRUE(range.promote(0, HugeRange::kChunk).ok());
  ASSERT_TRUE(range.promote(HugeRange::kChunk, bytes.size() - HugeRange::kChunk).ok());
  ASSERT_EQ(ftruncate(file, 0), 0);  // nothing of the range is the file's any more
  EXPECT_EQ(std::memcmp(range.data(), bytes.data(), bytes.size()), 0);
  EXPECT_EQ(range.data()[3 * HugeRange::kChunk], std::byte{0});
  close(file);
}

}  // namespace
