#include "vector/bitmap.h"

#include <gtest/gtest.h>

#include <array>

#include "vector/top_k.h"

namespace {

using vector::Bitmap;
using vector::Hit;
using vector::TopK;

TEST(Bitmap, HoldsWhatWasSetAndNothingBeyondItsEnd) {
  Bitmap bitmap(130);
  bitmap.set(0);
  bitmap.set(63);
  bitmap.set(129);
  EXPECT_EQ(bitmap.count(), 3U);
  EXPECT_TRUE(bitmap.test(129));
  EXPECT_FALSE(bitmap.test(128));
  EXPECT_FALSE(bitmap.test(1000));
  EXPECT_EQ(bitmap.word(0), 0x8000000000000001U);
  EXPECT_EQ(bitmap.word(2), 2U);
  EXPECT_EQ(bitmap.word(3), 0U);
  bitmap.clear(63);
  EXPECT_EQ(bitmap.count(), 2U);
}

TEST(Bitmap, AndKeepsTheCommonPartAlsoOfAShorterOne) {
  const std::array<std::uint32_t, 3> left = {1, 64, 199};
  const std::array<std::uint32_t, 2> right = {1, 70};
  Bitmap bitmap = Bitmap::of(200, left);
  bitmap &= Bitmap::of(100, right);
  EXPECT_EQ(bitmap.count(), 1U);
  EXPECT_TRUE(bitmap.test(1));
}

TEST(Bitmap, OrAddsAShorterOne) {
  const std::array<std::uint32_t, 2> left = {1, 199};
  const std::array<std::uint32_t, 2> right = {1, 70};
  Bitmap bitmap = Bitmap::of(200, left);
  bitmap |= Bitmap::of(100, right);
  EXPECT_EQ(bitmap.count(), 3U);
  EXPECT_TRUE(bitmap.test(70));
}

TEST(TopK, KeepsTheBestInOrderHoweverManyCome) {
  TopK best;
  best.reset(3);
  for (std::uint32_t i = 0; i < 1000; ++i) best.add(static_cast<float>(i * 7919 % 1000), i);
  std::vector<float> scores;
  for (const Hit& hit : best.sorted()) scores.push_back(hit.score);
  EXPECT_EQ(scores, (std::vector<float>{999, 998, 997}));
  EXPECT_EQ(best.threshold(), 997);
}

TEST(TopK, GivesFewerWhenFewerCame) {
  TopK best;
  best.reset(10);
  best.add(1, 5);
  EXPECT_FALSE(best.full());
  ASSERT_EQ(best.sorted().size(), 1U);
  EXPECT_EQ(best.sorted()[0], (Hit{1, 5}));
}

TEST(TopK, OrdersEqualScoresBySlotAndTakesAnythingAboveAGivenThreshold) {
  TopK best;
  best.reset(2, 0.5F);
  best.add(.5F, 1);
  best.add(1, 9);
  best.add(1, 3);
  best.add(1, 7);
  ASSERT_EQ(best.sorted().size(), 2U);
  EXPECT_EQ(best.sorted()[0].slot, 3U);
  EXPECT_EQ(best.sorted()[1].slot, 7U);
}

TEST(TopK, ForgetsEverythingAtReset) {
  TopK best;
  best.reset(1);
  best.add(5, 1);
  best.reset(1);
  EXPECT_TRUE(best.sorted().empty());
  best.add(-1e30F, 2);
  EXPECT_EQ(best.sorted().size(), 1U);
}

}  // namespace
