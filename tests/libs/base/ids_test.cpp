#include "base/ids.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "base/clock.h"
#include "support/fake_clock.h"

namespace {

TEST(Ids, HaveAPrefixAndTwentySixCharacters) {
  const std::string id = make_id("turn");
  EXPECT_EQ(id.size(), 31U);
  EXPECT_TRUE(id.starts_with("turn_"));
  EXPECT_TRUE(valid_id(id));
}

TEST(Ids, SortByTheMillisecondOfTheirCreation) {
  const auto next_millisecond = [] {
    const auto start = SystemClock::instance().wall_ms();
    while (SystemClock::instance().wall_ms() <= start) {
    }
  };
  std::string last = make_id("x");
  for (int i = 0; i < 10; ++i) {
    next_millisecond();
    const std::string id = make_id("x");
    EXPECT_LT(last, id);
    last = id;
  }
}

TEST(Ids, DoNotRepeat) {
  std::set<std::string> ids;
  for (int i = 0; i < 10'000; ++i) ids.insert(make_id("x"));
  EXPECT_EQ(ids.size(), 10'000U);
}

TEST(Ids, FromOutsideAreShortAndOfPlainCharacters) {
  EXPECT_TRUE(valid_id("aZ09_-.:"));
  EXPECT_TRUE(valid_id(std::string(64, 'x')));
  EXPECT_FALSE(valid_id(""));
  EXPECT_FALSE(valid_id(std::string(65, 'x')));
  for (const std::string_view text : {"a b", "a/b", "../a", "a\n", "\xC3\xA9", "a\"b"}) {
    EXPECT_FALSE(valid_id(text)) << text;
  }
  EXPECT_FALSE(valid_id(std::string_view("a\0b", 3)));
}

TEST(Hash, IsFnv1a) {
  EXPECT_EQ(hash64(""), 0xcbf29ce484222325ULL);
  EXPECT_EQ(hash64("a"), 0xaf63dc4c8601ec8cULL);
  EXPECT_EQ(hash64("foobar"), 0x85944171f73967e8ULL);
  EXPECT_NE(hash64("a", 1), hash64("a", 2));
}

TEST(Random, DrawsTheSameNumbersFromTheSameSeed) {
  Random zero(0);
  // The first outputs of SplitMix64 for seed 0, from the published reference program.
  EXPECT_EQ(zero.next(), 0xe220a8397b1dcdafULL);
  EXPECT_EQ(zero.next(), 0x6e789e6aa1b965f4ULL);
  Random random(42);
  std::array<int, 4> seen{};
  for (int i = 0; i < 4000; ++i) {
    const double draw = random.uniform();
    ASSERT_GE(draw, 0.0);
    ASSERT_LT(draw, 1.0);
    ++seen[random.below(4)];
  }
  for (const int count : seen) EXPECT_NEAR(count, 1000, 150);
}

TEST(FakeClock, MovesBothItsTimesOnlyWhenTold) {
  support::FakeClock clock(1000);
  const SteadyTime start = clock.now();
  EXPECT_EQ(clock.now(), start);
  clock.advance(250);
  EXPECT_EQ(elapsed_ms(start, clock.now()), 250.0);
  EXPECT_EQ(clock.wall_ms(), 1250);
}

TEST(Hex64, WritesAllSixteenDigits) {
  EXPECT_EQ(hex64(0), "0000000000000000");
  EXPECT_EQ(hex64(0xfedcba9876543210), "fedcba9876543210");
  std::string id = "req_";
  EXPECT_EQ(append_hex64(append_hex64(id, 1), 255), "req_000000000000000100000000000000ff");
}

}  // namespace
