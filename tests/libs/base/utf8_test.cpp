#include "base/utf8.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace {

TEST(Utf8, AcceptsTheFirstAndLastCodePointOfEveryLength) {
  for (const std::string_view text :
       {std::string_view(""), std::string_view("\x00", 1), std::string_view("\x7F"),
        std::string_view("\xC2\x80"), std::string_view("\xDF\xBF"),
        std::string_view("\xE0\xA0\x80"), std::string_view("\xED\x9F\xBF"),
        std::string_view("\xEE\x80\x80"), std::string_view("\xEF\xBF\xBF"),
        std::string_view("\xF0\x90\x80\x80"), std::string_view("\xF4\x8F\xBF\xBF")}) {
    EXPECT_TRUE(utf8_valid(text)) << testing::PrintToString(text);
  }
}

TEST(Utf8, RefusesOverlongFormsSurrogatesAndWhatIsBeyondTheLastCodePoint) {
  for (const std::string_view text :
       {"\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF",         // overlong
        "\xED\xA0\x80", "\xED\xBF\xBF",                                     // surrogates
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFE", "\xFF",             // beyond U+10FFFF
        "\x80", "\xBF", "a\x80",                                            // continuation alone
        "\xC2", "\xE2\x82", "\xF0\x9F\x98", "\xC2\x41", "\xE2\x82\x41"}) {  // cut
    EXPECT_FALSE(utf8_valid(text)) << testing::PrintToString(text);
    EXPECT_TRUE(utf8_valid(utf8_repaired(text))) << testing::PrintToString(text);
  }
}

// Encodes by the definition in RFC 3629 section 3.
std::string encoded(std::uint32_t point) {
  const auto tail = [&](unsigned shift) {
    return static_cast<char>(0x80U | ((point >> shift) & 0x3FU));
  };
  if (point < 0x80) return {static_cast<char>(point)};
  if (point < 0x800) return {static_cast<char>(0xC0U | (point >> 6U)), tail(0)};
  if (point < 0x10000) return {static_cast<char>(0xE0U | (point >> 12U)), tail(6), tail(0)};
  return {static_cast<char>(0xF0U | (point >> 18U)), tail(12), tail(6), tail(0)};
}

TEST(Utf8, AcceptsExactlyTheCodePointsThatAreNoSurrogates) {
  for (std::uint32_t point = 0; point < 0x110000; ++point) {
    const bool surrogate = point >= 0xD800 && point < 0xE000;
    ASSERT_EQ(utf8_valid(encoded(point)), !surrogate) << point;
  }
}

TEST(Utf8, CountsCodePointsAndNotBytes) {
  EXPECT_EQ(utf8_length(""), 0U);
  EXPECT_EQ(utf8_length("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), 4U);
}

TEST(Utf8, CutsBetweenCodePoints) {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z";
  const std::array<std::size_t, 12> lengths{0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    EXPECT_EQ(utf8_prefix(text, i).size(), lengths[i]) << i;
  }
  EXPECT_EQ(utf8_prefix(text, 1000), text);
}

TEST(Utf8, RepairsOnlyWhatIsBroken) {
  EXPECT_EQ(utf8_repaired("gr\xC3\xBC\xC3\x9F"), "gr\xC3\xBC\xC3\x9F");
  EXPECT_EQ(utf8_repaired("a\xFFz"), "a\xEF\xBF\xBDz");
}

TEST(Utf8, LowersOnlyAscii) { EXPECT_EQ(ascii_lower("AZaz[@\xC3\x84"), "azaz[@\xC3\x84"); }

TEST(Utf8, TrimsWhiteSpaceAtBothEnds) {
  EXPECT_EQ(trimmed(" \t\r\n a b \v\f"), "a b");
  EXPECT_EQ(trimmed(" \n "), "");
  EXPECT_EQ(trimmed(""), "");
}

}  // namespace
