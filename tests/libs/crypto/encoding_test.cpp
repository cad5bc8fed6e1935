#include <gtest/gtest.h>

#include "crypto/crypto.h"

namespace crypto {
namespace {

TEST(Hex, WritesAndReadsEveryByte) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(hex(all).substr(0, 8), "00010203");
  EXPECT_EQ(hex(all).substr(504), "fcfdfeff");
  EXPECT_EQ(from_hex(hex(all)).value(), all);
  EXPECT_EQ(from_hex("C0ffEE").value(), "\xC0\xFF\xEE");
}

TEST(Hex, RefusesWhatIsNone) {
  for (const char* text : {"0", "0g", "g0", "0x", " 00", "00\n"}) {
    EXPECT_FALSE(from_hex(text).ok()) << text;
  }
}

// RFC 4648, section 10.
TEST(Base64, IsThatOfItsRfc) {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(base64(bytes), text);
    EXPECT_EQ(from_base64(text).value(), bytes);
  }
}

TEST(Base64, OfUrlsHasItsOwnLettersAndNoPadding) {
  EXPECT_EQ(base64("\xFB\xFF\xFE\xFF"), "+//+/w==");
  EXPECT_EQ(base64url("\xFB\xFF\xFE\xFF"), "-__-_w");
  EXPECT_EQ(from_base64url("-__-_w").value(), "\xFB\xFF\xFE\xFF");
}

TEST(Base64, ReadsBackEveryLength) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(from_base64(base64(bytes)).value(), bytes);
    EXPECT_EQ(from_base64url(base64url(bytes)).value(), bytes);
    bytes += static_cast<char>(i * 7);
  }
}

TEST(Base64, KnowsOneSpellingOfAValueOnly) {
  for (const char* text : {"Zg", "Zg=", "Zg===", "Z===", "=", "====", "Zh==", "Zm9=", "Zm9v\n",
                           "Zm 9v", "Zg==Zg==", "-__-"}) {
    EXPECT_FALSE(from_base64(text).ok()) << text;
  }
  for (const char* text : {"Z", "Zh", "Zg==", "Zm9v+", "+//+"}) {
    EXPECT_FALSE(from_base64url(text).ok()) << text;
  }
}

}  // namespace
}  // namespace crypto
