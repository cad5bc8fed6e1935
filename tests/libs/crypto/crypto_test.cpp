#include "crypto/crypto.h"

#include <gtest/gtest.h>

#include <set>

namespace crypto {
namespace {

TEST(Sha256, IsThatOfFips180) {
  EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hex(sha256(std::string(1'000'000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(HmacSha256, IsThatOfRfc4231) {
  struct Case {
    std::string key;
    std::string data;
    std::string digest;
  };
  const std::string counted =
      from_hex("0102030405060708090a0b0c0d0e0f10111213141516171819").value();
  const Case cases[] = {
      {std::string(20, '\x0b'), "Hi There",
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"Jefe", "what do ya want for nothing?",
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {std::string(20, '\xaa'), std::string(50, '\xdd'),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {counted, std::string(50, '\xcd'),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {std::string(131, '\xaa'),
       "This is a test using a larger than block-size key and a larger than block-size data. The "
       "key needs to be hashed before being used by the HMAC algorithm.",
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"}};
  for (const Case& test : cases) EXPECT_EQ(hex(hmac_sha256(test.key, test.data)), test.digest);
}

TEST(RandomBytes, AreAsManyAsAskedForAndNeverTheSame) {
  for (const std::size_t count : {0U, 1U, 32U, 256U, 257U, 100'000U}) {
    EXPECT_EQ(random_bytes(count).size(), count);
  }
  std::set<std::string> tokens;
  for (int i = 0; i < 1000; ++i) tokens.insert(random_token());
  EXPECT_EQ(tokens.size(), 1000U);
  EXPECT_EQ(from_base64url(*tokens.begin()).value().size(), 32U);
}

TEST(RandomBytes, FillTheirEndToo) {
  // A piece that was forgotten would be all zeros; by chance that happens once in 2^128.
  EXPECT_NE(random_bytes(1000).substr(984), std::string(16, '\0'));
}

TEST(Equal, ComparesContentAndLength) {
  EXPECT_TRUE(equal("", ""));
  EXPECT_TRUE(equal("secret", "secret"));
  EXPECT_FALSE(equal("secret", "secreT"));
  EXPECT_FALSE(equal("secret", "secre"));
  EXPECT_FALSE(equal(std::string("a\0b", 3), std::string("a\0c", 3)));
}

}  // namespace
}  // namespace crypto
