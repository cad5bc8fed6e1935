#include "characters/png.h"

#include <gtest/gtest.h>

namespace characters::testing {
namespace {

constexpr std::size_t kMax = 1024 * 1024;

std::string png_refusal(std::string_view png, std::size_t bytes_max = kMax) {
  const auto card = card_in_png(png, bytes_max);
  return card ? "no error" : card.error().message;
}

TEST(Png, GivesBackTheCardThatWasPutIn) {
  const auto png = png_with_card(plain_png("#d9a441"), "{\"a\":\"\xc3\xa9\"}", "");
  ASSERT_TRUE(png.ok());
  EXPECT_EQ(card_in_png(png.value(), kMax).value(), "{\"a\":\"\xc3\xa9\"}");
}

TEST(Png, PrefersTheCardOfVersionThree) {
  const auto png = png_with_card(plain_png(""), "two", "three");
  EXPECT_EQ(card_in_png(png.value(), kMax).value(), "three");
}

TEST(Png, ReplacesTheCardsThatWereThere) {
  const auto first = png_with_card(plain_png(""), "two", "three");
  const auto second = png_with_card(first.value(), "other", "");
  EXPECT_EQ(card_in_png(second.value(), kMax).value(), "other");
  EXPECT_EQ(png_with_card(second.value(), "", "").value(), plain_png(""));
}

TEST(Png, WithoutACardIsRefused) {
  EXPECT_EQ(png_refusal(plain_png("")), "PNG: no card in it: neither a ccv3 nor a chara text");
}

TEST(Png, ThatIsCutOffIsRefusedEverywhere) {
  const std::string png = png_with_card(plain_png(""), "card", "").value();
  for (std::size_t size = 0; size < png.size(); ++size) {
    EXPECT_FALSE(card_in_png(std::string_view(png).substr(0, size), kMax).ok()) << size;
  }
}

TEST(Png, ThatHasAWrongChecksumIsRefused) {
  std::string png = png_with_card(plain_png(""), "card", "").value();
  png[png.find("chara") + 7] ^= 1;
  EXPECT_NE(png_refusal(png).find("wrong checksum of the chunk at byte"), std::string::npos);
}

TEST(Png, ThatBeginsWithSomethingElseIsRefused) {
  const std::string png = plain_png("");
  const std::string without_header = png.substr(0, 8) + png.substr(8 + 25);
  EXPECT_EQ(png_refusal(without_header), "PNG: it does not begin with one IHDR");
  EXPECT_EQ(png_refusal("GIF89a"), "PNG: the signature is missing");
}

TEST(Png, WithACardOverTheLimitIsRefused) {
  const std::string png = png_with_card(plain_png(""), std::string(2000, 'x'), "").value();
  EXPECT_EQ(png_refusal(png, 1000), "PNG: chara holds more than 1000 bytes");
}

TEST(Png, WithSomethingElseThanBase64IsRefused) {
  std::string png = png_with_card(plain_png(""), "two", "").value();
  // "dHdv" becomes "\0\0\0\0" with its checksum.
  const auto at = png.find("dHdv");
  const std::string bad = png.substr(0, at - 14);
  EXPECT_FALSE(card_in_png(bad, kMax).ok());
}

}  // namespace
}  // namespace characters::testing
