#include "characters/charx.h"

#include <gtest/gtest.h>

#include "characters/forms.h"

namespace characters::testing {
namespace {

// Zip archives by hand (PKWARE APPNOTE 4.3), so that they may lie.
class ZipWriter {
 public:
  struct Entry {
    std::string name;
    std::string bytes;
    std::uint32_t stated_size = 0;  // 0: the true one
    std::uint16_t flags = 0;
  };

  std::string write(const std::vector<Entry>& entries) {
    std::string body;
    std::string directory;
    for (const Entry& entry : entries) {
      const auto size = static_cast<std::uint32_t>(entry.bytes.size());
      const std::string common = two(20) + two(entry.flags) + two(0) + two(0) + two(0x21) +
                                 four(crc(entry.bytes)) + four(size) +
                                 four(entry.stated_size == 0 ? size : entry.stated_size) +
                                 two(entry.name.size()) + two(0);
      directory += "PK\x01\x02" + two(20) + common + two(0) + two(0) + two(0) + four(0) +
                   four(body.size()) + entry.name;
      body += "PK\x03\x04" + common + entry.name + entry.bytes;
    }
    return body + directory + "PK\x05\x06" + four(0) + two(entries.size()) + two(entries.size()) +
           four(directory.size()) + four(body.size()) + two(0);
  }

 private:
  static std::string two(std::size_t n) {
    return {static_cast<char>(n & 255U), static_cast<char>(n >> 8U & 255U)};
  }
  static std::string four(std::size_t n) { return two(n & 65535U) + two(n >> 16U); }
  static std::uint32_t crc(std::string_view bytes) {
    std::uint32_t c = ~0U;
    for (const char byte : bytes) {
      c ^= static_cast<unsigned char>(byte);
      for (int bit = 0; bit < 8; ++bit) c = (c & 1U) != 0 ? 0xedb88320U ^ (c >> 1U) : c >> 1U;
    }
    return ~c;
  }
};

using Entries = std::vector<ZipWriter::Entry>;

std::string charx_refusal(const Entries& entries, const CharxLimits& limits = {}) {
  const auto card = card_in_charx(ZipWriter().write(entries), limits);
  return card ? "no error" : card.error().message;
}

TEST(Charx, GivesBackTheCardThatWasPutIn) {
  const auto archive = charx_with_card("", "{\"a\":1}");
  ASSERT_TRUE(archive.ok()) << archive.error().message;
  EXPECT_TRUE(is_zip(archive.value()));
  EXPECT_EQ(card_in_charx(archive.value()).value(), "{\"a\":1}");
}

TEST(Charx, IsTheSameForTheSameCard) {
  EXPECT_EQ(charx_with_card("", "{}").value(), charx_with_card("", "{}").value());
}

TEST(Charx, KeepsTheOtherFilesWhenItsCardIsReplaced) {
  const std::string archive =
      ZipWriter().write({{"card.json", "{}"}, {"assets/icon/images/1.png", "pixels"}});
  const auto changed = charx_with_card(archive, "{\"b\":2}");
  ASSERT_TRUE(changed.ok()) << changed.error().message;
  EXPECT_EQ(card_in_charx(changed.value()).value(), "{\"b\":2}");
  EXPECT_NE(changed.value().find("assets/icon/images/1.png"), std::string::npos);
  EXPECT_NE(changed.value().find("pixels"), std::string::npos);
}

TEST(Charx, WithoutACardIsRefused) {
  EXPECT_EQ(charx_refusal({{"readme.txt", "hello"}}), "CHARX: no card.json at its root");
}

TEST(Charx, WithNamesThatLeadElsewhereIsRefused) {
  for (const auto* name : {"../evil", "a/../../evil", "/etc/passwd", "a\\..\\evil", "C:evil"}) {
    EXPECT_NE(charx_refusal({{"card.json", "{}"}, {name, "x"}}).find("leads elsewhere"),
              std::string::npos)
        << name;
  }
  EXPECT_EQ(charx_refusal({{"card.json", "{}"}, {"a..b/c..", "x"}}), "no error");
}

TEST(Charx, WithOneNameTwiceIsRefused) {
  EXPECT_NE(charx_refusal({{"card.json", "{}"}, {"card.json", "[]"}}), "no error");
}

TEST(Charx, ThatWouldUnpackToMuchMoreThanItIsIsRefused) {
  EXPECT_EQ(charx_refusal({{"card.json", "{}", 900'000'000}}),
            "CHARX: 'card.json' would unpack to more than 200 times its size");
  EXPECT_EQ(charx_refusal({{"card.json", "{}"}, {"a", "aaaa"}}, {.unpacked_bytes_max = 5}),
            "CHARX: would unpack to more than 5 bytes");
}

TEST(Charx, WithMoreThanTheLimitsIsRefused) {
  EXPECT_EQ(charx_refusal({{"card.json", "{}"}, {"a", "x"}}, {.entries_max = 1}),
            "CHARX: 2 entries, at most 1 are allowed");
  EXPECT_EQ(charx_refusal({{"card.json", "{ \"a\" : 1 }"}}, {.card_bytes_max = 5}),
            "CHARX: card.json exceeds 5 bytes");
  EXPECT_EQ(charx_refusal({{"card.json", "{}"}}, {.name_bytes_max = 5}),
            "CHARX: a name has more than 5 bytes");
}

TEST(Charx, ThatIsEncryptedIsRefused) {
  EXPECT_NE(charx_refusal({{"card.json", "{}", 0, 1}}).find("encrypted"), std::string::npos);
}

TEST(Charx, ThatIsDamagedIsRefused) {
  std::string archive = ZipWriter().write({{"card.json", "{\"a\":1}"}});
  archive[archive.find("{\"a\"") + 2] = 'b';
  EXPECT_EQ(card_in_charx(archive).error().message, "CHARX: card.json is damaged");
  EXPECT_FALSE(card_in_charx(archive.substr(0, archive.size() - 4)).ok());
  EXPECT_FALSE(card_in_charx("PK\x03\x04 and nothing more").ok());
}

}  // namespace
}  // namespace characters::testing
