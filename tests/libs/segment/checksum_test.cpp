#include "segment/checksum.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace segment {
namespace {

std::vector<std::byte> noise(std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::uint64_t state = 88172645463325252;
  for (std::byte& byte : bytes) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    byte = static_cast<std::byte>(state);
  }
  return bytes;
}

TEST(Checksum, IsTheSameWithAndWithoutTheInstructionAtEveryLengthAndAlignment) {
  const std::vector<std::byte> bytes = noise(400);
  for (std::size_t offset = 0; offset < 9; ++offset) {
    for (std::size_t length = 0; length + offset <= bytes.size(); ++length) {
      const auto part = std::span(bytes).subspan(offset, length);
      ASSERT_EQ(checksum(part), checksum_portable(part)) << offset << " " << length;
    }
  }
}

// Computed apart, bit by bit, from the words in checksum.h.
TEST(Checksum, KeepsItsValuesBecauseFilesHoldThem) {
  EXPECT_EQ(checksum({}), 429026579u);
  EXPECT_EQ(checksum(std::vector<std::byte>(100)), 685222831u);
  EXPECT_EQ(checksum(noise(1000)), 2345127307u);
}

TEST(Checksum, ChangesWithEverySingleBit) {
  std::vector<std::byte> bytes = noise(100);
  const std::uint32_t before = checksum(bytes);
  for (std::byte& byte : bytes) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      byte ^= static_cast<std::byte>(1u << bit);
      ASSERT_NE(checksum(bytes), before);
      byte ^= static_cast<std::byte>(1u << bit);
    }
  }
}

TEST(Checksum, TellsZerosOfOneLengthFromZerosOfAnother) {
  std::vector<std::byte> bytes(64);
  EXPECT_NE(checksum(bytes), checksum(std::span(bytes).first(32)));
  EXPECT_NE(checksum(std::span(bytes).first(0)), checksum(std::span(bytes).first(1)));
}

TEST(Checksum, SeesTwoWordsThatChangedPlaces) {
  std::vector<std::byte> bytes = noise(64);
  const std::uint32_t before = checksum(bytes);
  std::swap_ranges(bytes.begin(), bytes.begin() + 8, bytes.begin() + 8);
  EXPECT_NE(checksum(bytes), before);
}

}  // namespace
}  // namespace segment
